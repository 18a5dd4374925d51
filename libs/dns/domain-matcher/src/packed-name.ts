/**
 * A name as the matcher stores, hashes and compares it: 32-bit words instead of octets.
 *
 * Labels from the root on, each with its length octet in front, in lower case, padded with zeros to whole words; the first octet is the lowest
 * of its word. `www.example.org` is
 *
 *     [3 o r g] [7 e x a] [m p l e] [3 w w w]
 *
 * so what a parent packs to is the beginning of what its children pack to: packing a name once gives all the names above it, and
 * each of them is compared four octets at a time. The `*` of a wildcard is a word of its own, STAR; no length octet is as large.
 * (Octet by octet, a name took half as long again to hash and to compare; bench/matcher.bench.ts.)
 */
import { LOWER_CASE, nameToText } from '@dnstap-bgp/dns-wire'

export const STAR = 0x80

/** A name of 255 octets has no more labels, and as a label is two octets or more and four fit a word, no more words. */
export const MAX_PACKED_WORDS = 127

/** Puts the label whose length octet stands at `at` into `words` from `count` on; returns the new count. */
export function packLabel(words: Int32Array, count: number, bytes: Uint8Array, at: number): number {
  const lower = LOWER_CASE
  const end = at + 1 + bytes[at]
  for (; at + 4 <= end; at += 4)
    words[count++] = lower[bytes[at]] | (lower[bytes[at + 1]] << 8) | (lower[bytes[at + 2]] << 16) | (lower[bytes[at + 3]] << 24)
  if (at < end) {
    let word = lower[bytes[at]]
    if (at + 1 < end) word |= lower[bytes[at + 1]] << 8
    if (at + 2 < end) word |= lower[bytes[at + 2]] << 16
    words[count++] = word
  }
  return count
}

/** How many words the label takes whose first word this is. */
export function labelWords(first: number): number {
  return (first & 0xff) === STAR ? 1 : ((first & 0xff) >>> 2) + 1
}

/** Presentation format, stars included; a label that is an asterisk is escaped. */
export function packedToText(words: Int32Array, from: number, end: number): string {
  const labels: string[] = []
  const label = new Uint8Array(65)
  for (let at = from; at < end; at += labelWords(words[at])) {
    if ((words[at] & 0xff) === STAR) {
      labels.unshift('*')
      continue
    }
    const length = words[at] & 0xff
    label.fill(0)
    for (let i = 0; i <= length; i++) label[i] = words[at + (i >>> 2)] >>> (8 * (i & 3))
    const text = nameToText(label, 0)
    labels.unshift(text === '*' ? '\\*' : text)
  }
  return labels.length === 0 ? '.' : labels.join('.')
}
