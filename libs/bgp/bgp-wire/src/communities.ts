/** Communities as operators write them: `64496:100`, `no-export`, `64496:1:2` (RFC 1997, RFC 8092). */

/** The IANA registry of well-known communities, by the names in it. */
export const WELL_KNOWN_COMMUNITIES: ReadonlyMap<string, number> = new Map([
  ['graceful-shutdown', 0xffff0000], // RFC 8326
  ['accept-own', 0xffff0001], // RFC 7611
  ['llgr-stale', 0xffff0006], // RFC 9494
  ['no-llgr', 0xffff0007], // RFC 9494
  ['blackhole', 0xffff029a], // RFC 7999
  ['no-export', 0xffffff01], // RFC 1997
  ['no-advertise', 0xffffff02], // RFC 1997
  ['no-export-subconfed', 0xffffff03], // RFC 1997
  ['no-peer', 0xffffff04], // RFC 3765
])

const NAME_OF = new Map([...WELL_KNOWN_COMMUNITIES].map(([name, value]) => [value, name]))

export type LargeCommunity = readonly [globalAdministrator: number, localData1: number, localData2: number]

/** The community that a text names, or undefined. `local-as` is another name for no-export-subconfed, used by several routers. */
export function parseCommunity(text: string): number | undefined {
  const name = text.toLowerCase().replaceAll('_', '-')
  const known = WELL_KNOWN_COMMUNITIES.get(name === 'local-as' ? 'no-export-subconfed' : name)
  if (known !== undefined) return known
  const parts = numbersIn(text, 2, 0xffff)
  return parts === undefined ? undefined : parts[0] * 0x10000 + parts[1]
}

export function formatCommunity(community: number): string {
  return NAME_OF.get(community) ?? `${community >>> 16}:${community & 0xffff}`
}

export function parseLargeCommunity(text: string): LargeCommunity | undefined {
  const parts = numbersIn(text, 3, 0xffffffff)
  return parts === undefined ? undefined : [parts[0], parts[1], parts[2]]
}

export function formatLargeCommunity(community: LargeCommunity): string {
  return community.join(':')
}

/** Exactly `count` decimal numbers with colons between them, none above `largest` and none with a leading zero (RFC 8092 §5). */
function numbersIn(text: string, count: number, largest: number): number[] | undefined {
  const parts = text.split(':')
  if (parts.length !== count) return undefined
  const numbers = parts.map((part) => (/^(0|[1-9][0-9]{0,9})$/.test(part) ? Number(part) : Infinity))
  return numbers.every((number) => number <= largest) ? numbers : undefined
}
