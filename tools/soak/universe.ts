/**
 * The names, addresses and lists of a run. All of it follows from the seed.
 *
 * | list     | lifetime                    | how it is looked up                                  | what it is there for                |
 * | -------- | --------------------------- | ---------------------------------------------------- | ----------------------------------- |
 * | `brief`  | short                       | in spells with silence between them                  | expiry                              |
 * | `steady` | three times as long         | again and again, never silent for half its lifetime  | no route may go                     |
 * | `dns`    | the record's TTL and grace  | again and again, TTL counted down as resolvers do    | `ttl = "dns"`                       |
 * | `day`    | 24 h                        | rarely                                               | what only the store keeps           |
 * | `edited` | as `steady`                 | as `steady`                                          | names taken from the list and back  |
 * | `peer`   | as `steady`                 | told by a sync peer, no lookup                       | other instances                     |
 * | `probe`  | short                       | a new address a probe                                | is the whole path up again?         |
 * | none     |                             | again and again                                      | what nobody listed is never a route |
 */
import { Dice } from './random.ts'

export type ListName = 'brief' | 'steady' | 'dns' | 'day' | 'edited' | 'peer' | 'probe'

export interface Name {
  readonly name: string
  readonly list: ListName | undefined
  readonly addresses: readonly string[]
  /** Mean time between two lookups while it is looked up at all. */
  readonly everyMs: number
  /** In spells: so long looked up, so long silent. */
  readonly spell: { readonly busyMs: number; readonly silentMs: number } | undefined
  /** Of the record; what counts on the list `dns` alone. */
  readonly ttlSeconds: number
}

export interface Universe {
  readonly seed: number
  readonly names: readonly Name[]
  /** Hold time of each list; of `dns`, the grace and the floor. */
  readonly lifetimeMs: Readonly<Record<ListName, number>>
  readonly dns: { readonly minMs: number; readonly graceMs: number }
}

const SHARES: readonly { list: ListName | undefined; share: number }[] = [
  { list: 'brief', share: 0.25 },
  { list: 'steady', share: 0.25 },
  { list: 'dns', share: 0.1 },
  { list: 'day', share: 0.2 },
  { list: 'edited', share: 0.1 },
  { list: 'peer', share: 0.05 },
  { list: undefined, share: 0.05 },
]

/** `names`: how many; `briefMs`: the short lifetime, of which the others follow. */
export function makeUniverse(seed: number, names: number, briefMs: number): Universe {
  const dice = new Dice(seed, 'universe')
  const lifetimeMs = {
    brief: briefMs,
    steady: 3 * briefMs,
    dns: briefMs,
    day: 86_400_000,
    edited: 3 * briefMs,
    peer: 3 * briefMs,
    probe: briefMs,
  }
  const dns = { minMs: Math.round(briefMs / 2), graceMs: Math.round(briefMs / 4) }
  const all: Name[] = []
  let nextAddress = 0
  for (const { list, share } of SHARES)
    for (let i = 0; i < Math.round(names * share); i++) {
      const addresses = Array.from({ length: dice.between(1, 3) }, () => addressOf(dice.chance(0.2), nextAddress++))
      // Some addresses belong to two names: the route lives as long as either.
      const before = all.at(-1)
      if (before !== undefined && before.list !== undefined && list !== undefined && dice.chance(0.1))
        addresses.push(before.addresses[0])
      all.push(makeName(dice, `h${i}.z${i % 40}.${list ?? 'other'}.example`, list, addresses, lifetimeMs))
    }
  return { seed, names: all, lifetimeMs, dns }
}

function makeName(
  dice: Dice,
  name: string,
  list: ListName | undefined,
  addresses: readonly string[],
  lifetimeMs: Readonly<Record<ListName, number>>,
): Name {
  const lifetime = list === undefined ? lifetimeMs.steady : lifetimeMs[list]
  const spell =
    list === 'brief'
      ? { busyMs: dice.between(lifetime, 3 * lifetime), silentMs: dice.between(lifetime, 4 * lifetime) }
      : undefined
  const everyMs =
    list === 'day' ? dice.between(lifetimeMs.steady, 4 * lifetimeMs.steady) : dice.between(lifetime / 8, lifetime / 3)
  return { name, list, addresses, everyMs, spell, ttlSeconds: dice.between(1, Math.round(lifetimeMs.brief / 500)) }
}

/** An address of the internet that no special-purpose range has; probes count from `PROBES`. */
export function addressOf(ipv6: boolean, n: number): string {
  return ipv6
    ? `2a00:1450:${((n >> 16) + 1).toString(16)}::${((n & 0xffff) + 1).toString(16)}`
    : `20.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
}

/** The first address of probes. */
export const PROBES = 0x800000

export const prefixOf = (address: string) => (address.includes(':') ? `${address}/128` : `${address}/32`)
