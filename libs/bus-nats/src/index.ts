export { NatsBus, openNatsBus } from './nats-bus.ts'
export type { NatsBusCounts, NatsBusDeps } from './nats-bus.ts'
export type { NatsBusOptions, NatsTlsOptions } from './options.ts'
