/**
 * Who may talk to the gateway: the configured peers, by address, and prefixes that the operator adds.
 *
 * A peer given by name is followed as its addresses change (HostAddresses).
 */
import { hostPrefix, parseAddress, parsePrefix, PrefixSet } from '@dnstap-bgp/ip'
import { plainAddress } from '@dnstap-bgp/net'
import { HostAddresses, type Clock, type Log, type Resolve } from '@dnstap-bgp/runtime'

export interface AllowedPeersConfig {
  /** Addresses or host names. */
  readonly hosts: readonly string[]
  /** Prefixes in text. */
  readonly prefixes: readonly string[]
}

export class AllowedPeers {
  readonly #always = new PrefixSet()
  readonly #names: readonly string[]
  readonly #found: HostAddresses

  constructor(
    { hosts, prefixes }: AllowedPeersConfig,
    { clock, log, resolve }: { readonly clock: Clock; readonly log: Log; readonly resolve?: Resolve | undefined },
  ) {
    for (const text of [...prefixes, ...hosts.filter((host) => parseAddress(host) !== undefined).map(hostPrefix)]) {
      const prefix = parsePrefix(text)
      if (prefix === undefined) throw new RangeError(`not a prefix: ${text}`)
      this.#always.add(prefix, text)
    }
    this.#names = hosts.filter((host) => parseAddress(host) === undefined)
    this.#found = new HostAddresses({
      clock,
      resolve,
      onFailure: (name, error) =>
        log.debug({ syncPeer: name, error }, 'A sync peer cannot be found by its name; its last known addresses stay.'),
    })
  }

  /** Begins to look up every name. */
  start(): void {
    this.#found.follow(this.#names)
  }

  /** @param remoteAddress as the socket tells it: perhaps IPv4-mapped, perhaps with a zone */
  allows(remoteAddress: string | undefined): boolean {
    if (remoteAddress === undefined) return false
    const address = plainAddress(remoteAddress)
    const prefix = parsePrefix(address)
    if (prefix === undefined) return false
    if (this.#always.covering(prefix) !== undefined) return true
    for (const addresses of this.#found.all.values()) if (addresses.some((one) => plainAddress(one) === address)) return true
    return false
  }

  close(): void {
    this.#found.close()
  }
}
