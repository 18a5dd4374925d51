export { DnstapDecoder, DnstapFault, dnstapFaultName } from './decoder.ts'
export type { DnstapFaultName } from './decoder.ts'
export { MessageType, messageTypeName } from './message-type.ts'
export type { MessageTypeName } from './message-type.ts'
