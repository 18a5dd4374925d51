/**
 * Who may talk to the gateway: the configured peers, by address, and prefixes that the operator adds.
 *
 * A peer given by name is looked up now and then, sooner while it has not been found at all; when that fails, its last known addresses
 * stay. Nobody waits for a look-up: on a resolver's own machine it may be this start that the resolver waits for.
 */
import { formatAddress, hostPrefix, isIpv4Mapped, parseAddress, parsePrefix, PrefixSet } from '@dnstap-bgp/ip'
import type { Clock, Log, Timer } from '@dnstap-bgp/runtime'
import { lookup } from 'node:dns/promises'

export interface AllowedPeersConfig {
  /** Addresses or host names. */
  readonly hosts: readonly string[]
  /** Prefixes in text. */
  readonly prefixes: readonly string[]
}

/** All addresses of a host name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

const FIRST_LOOKUP_PERIOD_MS = 5000
const LOOKUP_PERIOD_MS = 60_000

export class AllowedPeers {
  readonly #always = new PrefixSet()
  readonly #addressesByName = new Map<string, readonly string[]>()
  readonly #names: readonly string[]
  readonly #resolve: Resolve
  readonly #log: Log
  readonly #timer: Timer | undefined
  /** A look-up may take longer than the time to the next one; more of them would hold up Node's few threads. */
  readonly #lookingUp = new Set<string>()

  constructor(
    { hosts, prefixes }: AllowedPeersConfig,
    { clock, log, resolve = resolveAll }: { readonly clock: Clock; readonly log: Log; readonly resolve?: Resolve | undefined },
  ) {
    this.#resolve = resolve
    this.#log = log
    for (const text of [...prefixes, ...hosts.filter((host) => parseAddress(host) !== undefined).map(hostPrefix)]) {
      const prefix = parsePrefix(text)
      if (prefix === undefined) throw new RangeError(`not a prefix: ${text}`)
      this.#always.add(prefix, text)
    }
    this.#names = hosts.filter((host) => parseAddress(host) === undefined)
    let sinceAllMs = 0
    const look = () => {
      sinceAllMs += FIRST_LOOKUP_PERIOD_MS
      const isTimeForAll = sinceAllMs >= LOOKUP_PERIOD_MS
      if (isTimeForAll) sinceAllMs = 0
      this.#lookUp(isTimeForAll ? this.#names : this.#names.filter((name) => !this.#addressesByName.has(name)))
    }
    this.#timer = this.#names.length === 0 ? undefined : clock.every(FIRST_LOOKUP_PERIOD_MS, look)
  }

  /** Begins to look up every name. */
  start(): void {
    this.#lookUp(this.#names)
  }

  #lookUp(names: readonly string[]): void {
    for (const name of names.filter((one) => !this.#lookingUp.has(one))) {
      this.#lookingUp.add(name)
      this.#resolve(name)
        .then(
          (addresses) => this.#addressesByName.set(name, addresses.map(plainAddress)),
          (error: unknown) =>
            this.#log.debug({ syncPeer: name, error }, 'A sync peer cannot be found by its name; its last known addresses stay.'),
        )
        .finally(() => this.#lookingUp.delete(name))
    }
  }

  /** @param remoteAddress as the socket tells it: perhaps IPv4-mapped, perhaps with a zone */
  allows(remoteAddress: string | undefined): boolean {
    if (remoteAddress === undefined) return false
    const address = plainAddress(remoteAddress)
    const prefix = parsePrefix(address)
    if (prefix === undefined) return false
    if (this.#always.covering(prefix) !== undefined) return true
    for (const addresses of this.#addressesByName.values()) if (addresses.includes(address)) return true
    return false
  }

  close(): void {
    this.#timer?.cancel()
  }
}

/** Canonical; the IPv4 address of an IPv4-mapped one; without a zone. */
export function plainAddress(text: string): string {
  const octets = parseAddress(text.replace(/%.*$/, ''))
  if (octets === undefined) return text
  return octets.length === 16 && isIpv4Mapped(octets) ? formatAddress(octets, 12, 4) : formatAddress(octets)
}

async function resolveAll(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address)
}
