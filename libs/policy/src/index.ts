export { NeverList } from './never-list.ts'
export type { NeverListOptions } from './never-list.ts'
