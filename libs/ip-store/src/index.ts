export { StoreError } from './ip-store.ts'
export type {
  Binding,
  BindingKey,
  Expired,
  IpStore,
  Observed,
  Outcome,
  Sighting,
  StoreCounts,
  StoreLimits,
  StoreState,
} from './ip-store.ts'
