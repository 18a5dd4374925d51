/** The lists as the cache takes them from a policy; another object when they changed. */
import type { Policies, Policy } from '@dnstap-bgp/policy'
import type { Coverage } from './admission.ts'
import type { CacheConfig } from './cache-config.ts'

export interface LoadedCoverage extends Coverage {
  /** Prefixes written in lists that want them routed, by list. */
  readonly addresses: ReadonlyMap<string, readonly string[]>
}

interface CacheLists {
  readonly coverage: LoadedCoverage
}

export type CachePolicy = Policy<CacheConfig, CacheLists>
export type CachePolicies = Policies<CacheConfig, CacheLists>
