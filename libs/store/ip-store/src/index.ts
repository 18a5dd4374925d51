export { BindingTable } from './binding-table.ts'
export type { BindingJournal, BindingTableOptions } from './binding-table.ts'
export { Float64Column, Uint32Column } from './columns.ts'
export { StoreError } from './ip-store.ts'
export type {
  Binding,
  BindingKey,
  Expired,
  IpStore,
  NewDeadline,
  Observed,
  Outcome,
  Sighting,
  StoreCounts,
  StoreLimits,
  StoreState,
} from './ip-store.ts'
export { bindingParts, EXPIRE_BATCH, MemoryIpStore, routeParts } from './memory-ip-store.ts'
export type { MemoryIpStoreOptions } from './memory-ip-store.ts'
