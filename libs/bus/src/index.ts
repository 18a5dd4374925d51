export { BusError } from './bus.ts'
export type { Bus, BusState, Call, Codec, Queue, Subject, Subscription } from './bus.ts'
