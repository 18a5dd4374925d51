/**
 * The never list that a configuration asks for: the operator's prefixes, and every address in the file that routes must not catch. Hosts that
 * the file names by name are looked up elsewhere (protected-hosts.ts).
 */
import { parseAddress } from '@dnstap-bgp/ip'
import type { NeverListOptions } from '@dnstap-bgp/policy'
import { addressesInUse } from './addresses-in-use.ts'
import type { Config } from './config.ts'
import { hostsInUse } from './hosts-in-use.ts'

/**
 * `running`: the configuration that the process was started with. It uses the [bgp], [syncer], [bus] and [store] of that until the next start, so the
 * hosts of both configurations are protected.
 */
export function neverListOptions(config: Config, running: Config = config): NeverListOptions {
  const inUse = running === config ? [config] : [config, running]
  const hosts = inUse.flatMap((one) => hostsInUse(one)).filter(({ host }) => parseAddress(host) !== undefined)
  return {
    allowPrivate: config.never.allowPrivate,
    allow: config.never.allow,
    also: [
      ...addressesInUse(config.bgp, config.lists),
      ...addressesInUse(running.bgp, []),
      ...hosts.map(({ host, what }) => [host, what] as const),
      ...(config.dnstap?.resolvers ?? []).map((address) => [address, 'a resolver that reports to us'] as const),
      ...config.never.prefixes.map((prefix) => [prefix, "the operator's never list"] as const),
    ],
  }
}
