/** Addresses that no route may catch because the system itself needs them: resolvers, and hosts that the configuration names by name. */
import { hostPrefix } from '@dnstap-bgp/ip'
import type { NeverList } from '@dnstap-bgp/policy'
import { HeardResolvers } from '@dnstap-bgp/steering'

/** Servers of lists change their addresses, and an address stays here while we run. */
const MAX_HOST_ADDRESSES = 10_000

export class ProtectedAddresses {
  readonly #resolvers = new HeardResolvers()
  /** What each address is, by address. */
  readonly #hosts = new Map<string, string>()

  /** Ingest hears from these resolvers. True: one of them is new. */
  hearResolvers(addresses: readonly string[], nowMs: number): boolean {
    return this.#resolvers.hear(addresses, nowMs)
  }

  /** A host that the configuration names has this address. True: the never list did not have it. */
  addHost(address: string, what: string, never: NeverList): boolean {
    if (this.#hosts.has(address) || this.#hosts.size >= MAX_HOST_ADDRESSES) return false
    this.#hosts.set(address, what)
    return never.refuses(hostPrefix(address)) === undefined
  }

  addTo(never: NeverList): NeverList {
    const resolvers = this.#resolvers.addresses.map((address) => [address, 'a resolver that we hear from'] as const)
    return never.with([...this.#hosts, ...resolvers])
  }
}
