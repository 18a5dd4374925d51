/**
 * Who may talk to the gateway: the configured peers, by address, and prefixes that the operator adds.
 *
 * A peer given by name is looked up now and then; when that fails, its last known addresses stay.
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

const LOOKUP_PERIOD_MS = 60_000

export class AllowedPeers {
  readonly #always = new PrefixSet()
  readonly #addressesByName = new Map<string, readonly string[]>()
  readonly #names: readonly string[]
  readonly #resolve: Resolve
  readonly #log: Log
  readonly #timer: Timer | undefined

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
    this.#timer = this.#names.length === 0 ? undefined : clock.every(LOOKUP_PERIOD_MS, () => void this.lookUp())
  }

  /** Looks up every name once; never rejects. */
  async lookUp(): Promise<void> {
    await Promise.all(
      this.#names.map(async (name) => {
        try {
          this.#addressesByName.set(name, (await this.#resolve(name)).map(plainAddress))
        } catch (error) {
          this.#log.debug({ peer: name, error }, 'A peer cannot be found by its name; its last known addresses stay.')
        }
      }),
    )
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
