export { BusError } from './bus.ts'
export type { Bus, BusState, Call, Codec, Queue, QueueProgress, Subject, Subscription } from './bus.ts'
export { LocalBus } from './local-bus.ts'
export type { LocalBusOptions } from './local-bus.ts'
