/** A binding as other services and other instances get it. */
import type { Sighting } from '@dnstap-bgp/ip-store'
import { sourceOf, type Resolution } from '@dnstap-bgp/steering'
import { unixTimeOf, type Instant } from './clocks.ts'

/** Its time is Unix time: store time means nothing elsewhere. */
export function resolutionOf(binding: Sighting, now: Instant): Resolution {
  return {
    list: binding.list,
    name: binding.name,
    rule: binding.rule,
    address: addressOfPrefix(binding.prefix),
    ttlSeconds: 0,
    seenAtMs: unixTimeOf(binding.seenAtMs, now),
    source: sourceOf(binding.source),
    chain: binding.chain,
  }
}

export function addressOfPrefix(prefix: string): string {
  return prefix.slice(0, prefix.indexOf('/'))
}
