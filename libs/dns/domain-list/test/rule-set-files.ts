/** Makes SRS and MRS files for tests, after the descriptions at the heads of srs.ts, srs-items.ts, mrs.ts and succinct-set.ts. */
import { zlibSync } from 'fflate'

type Octets = readonly number[]

const ascii = (text: string): number[] => [...new TextEncoder().encode(text)]

export function uvarint(value: number): number[] {
  const octets: number[] = []
  for (; value >= 0x80; value = Math.floor(value / 128)) octets.push((value & 0x7f) | 0x80)
  return [...octets, value]
}

export function uint64(value: number): number[] {
  return [
    0,
    0,
    Math.floor(value / 2 ** 40) & 255,
    Math.floor(value / 2 ** 32) & 255,
    value >>> 24,
    (value >>> 16) & 255,
    (value >>> 8) & 255,
    value & 255,
  ]
}

/** A level-order trie of the keys, each reversed by character; `length` writes how many words or octets follow. */
export function succinctSet(keys: readonly string[], length: (count: number) => number[]): number[] {
  const reversed = [...new Set(keys)].map((key) => ascii([...key].reverse().join(''))).sort(compareOctets)
  const leaves: boolean[] = []
  const bitmap: boolean[] = []
  const labels: number[] = []
  let level: Octets[][] = [reversed]
  for (let depth = 0; level.length > 0; depth++) {
    const below: Octets[][] = []
    for (const node of level) {
      leaves.push(node.some((key) => key.length === depth))
      const byLabel = new Map<number, Octets[]>()
      for (const key of node) if (key.length > depth) byLabel.set(key[depth], [...(byLabel.get(key[depth]) ?? []), key])
      for (const [label, keysBelow] of byLabel) {
        labels.push(label)
        bitmap.push(false)
        below.push(keysBelow)
      }
      bitmap.push(true)
    }
    level = below
  }
  const leafWords = words(leaves)
  const bitmapWords = words(bitmap)
  return [
    ...length(leafWords.length / 8),
    ...leafWords,
    ...length(bitmapWords.length / 8),
    ...bitmapWords,
    ...length(labels.length),
    ...labels,
  ]
}

/** Bits in 64-bit words: the lowest bit first, the highest octet first; words after the last set bit are left out, as Go does. */
function words(bits: readonly boolean[]): number[] {
  const count = Math.floor(bits.lastIndexOf(true) / 64) + 1
  const octets = new Array<number>(8 * count).fill(0)
  bits.forEach((bit, i) => {
    if (bit) octets[(i >>> 6) * 8 + 7 - ((i & 63) >>> 3)] |= 1 << (i & 7)
  })
  return octets
}

function compareOctets(a: Octets, b: Octets): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i]
  return a.length - b.length
}

export const texts = (...values: string[]): number[] => [
  ...uvarint(values.length),
  ...values.flatMap((value) => [...uvarint(ascii(value).length), ...ascii(value)]),
]

/** Item 2 of an SRS rule: names, and suffixes with the mark that version 2 and later give them. */
export function srsNames(names: readonly string[], suffixes: readonly string[]): number[] {
  const marked = suffixes.map((suffix) => (suffix.startsWith('.') ? `\r${suffix}` : `\n${suffix}`))
  return [2, 0, ...succinctSet([...names, ...marked], uvarint)]
}

/** The same as version 1 wrote it: a suffix is the name itself and what ends in a dot and the name. */
export function srsNamesVersion1(names: readonly string[], suffixes: readonly string[]): number[] {
  const marked = suffixes.flatMap((suffix) => (suffix.startsWith('.') ? [`\r${suffix}`] : [suffix, `\r.${suffix}`]))
  return [2, 1, ...succinctSet([...names, ...marked], uvarint)]
}

/** Item 6 (or 5) of an SRS rule. */
export function srsRanges(item: 5 | 6, ranges: readonly (readonly [Octets, Octets])[]): number[] {
  return [item, 1, ...uint64(ranges.length), ...ranges.flatMap(([first, last]) => [first.length, ...first, last.length, ...last])]
}

export const srsRule = (items: readonly Octets[], inverted = false): number[] => [0, ...items.flat(), 0xff, inverted ? 1 : 0]
export const srsLogical = (mode: 0 | 1, rules: readonly Octets[], inverted = false): number[] => [
  1,
  mode,
  ...uvarint(rules.length),
  ...rules.flat(),
  inverted ? 1 : 0,
]

export function srsFile(rules: readonly Octets[], version = 3): Uint8Array {
  const body = zlibSync(Uint8Array.from([...uvarint(rules.length), ...rules.flat()]))
  return Uint8Array.of(...ascii('SRS'), version, ...body)
}

/** zstd frames of stored blocks: what they hold is not compressed (RFC 8878 §3.1). */
export function storedZstd(content: Octets): Uint8Array {
  const size = [content.length & 255, (content.length >>> 8) & 255, (content.length >>> 16) & 255, content.length >>> 24]
  const octets = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, ...size]
  const BLOCK = 65_536
  for (let at = 0; at === 0 || at < content.length; at += BLOCK) {
    const block = content.slice(at, at + BLOCK)
    const header = block.length * 8 + (at + BLOCK >= content.length ? 1 : 0)
    octets.push(header & 255, (header >>> 8) & 255, header >>> 16, ...block)
  }
  return Uint8Array.from(octets)
}

export function mrsFile(behavior: number, rules: Octets, reserved: Octets = []): Uint8Array {
  return storedZstd([...ascii('MRS'), 1, behavior, ...uint64(1), ...uint64(reserved.length), ...reserved, 1, ...rules])
}

export const mrsNames = (names: readonly string[]): Uint8Array => mrsFile(0, succinctSet(names, uint64))
export const mrsRanges = (ranges: readonly (readonly [Octets, Octets])[]): Uint8Array =>
  mrsFile(1, [...uint64(ranges.length), ...ranges.flatMap(([first, last]) => [...first, ...last])])
