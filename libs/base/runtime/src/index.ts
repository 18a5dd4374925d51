export { systemClock } from './clock.ts'
export type { Clock, Timer } from './clock.ts'
export { silentLog } from './log.ts'
export type { Log } from './log.ts'
