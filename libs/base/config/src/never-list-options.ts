/** The never list that a configuration asks for: the operator's prefixes, and every address in the file that routes must not catch. */
import { parseAddress } from '@dnstap-bgp/ip'
import type { NeverListOptions } from '@dnstap-bgp/ip'
import { addressesInUse } from './bgp-table.ts'
import type { Config } from './config.ts'

/**
 * `running` is what the process was started with: of [bgp] and [syncer] it uses that until it is started again, whatever the file says
 * by now, so both are protected.
 */
export function neverListOptions(config: Config, running: Config = config): NeverListOptions {
  const inUse = running === config ? [config] : [config, running]
  const peers = inUse.flatMap(({ syncer }) => syncer?.peers ?? []).filter(({ host }) => parseAddress(host) !== undefined)
  return {
    allowPrivate: config.never.allowPrivate,
    allow: config.never.allow,
    also: [
      ...addressesInUse(config.bgp, config.lists),
      ...addressesInUse(running.bgp, []),
      ...peers.map(({ host }) => [host, 'sync peer'] as const),
      ...config.never.prefixes.map((prefix) => [prefix, "the operator's never list"] as const),
    ],
  }
}
