/**
 * The set of names in sing-box's SRS and mihomo's MRS files: a trie of reversed names, level by level (LOUDS).
 *
 *   labels    one octet for each edge, in the order of levels: the edge to node i + 1 has labels[i]
 *   bitmap    for each node, in the same order, a 0 for each of its edges and then a 1
 *   leaves    bit i: a name ends at node i
 *
 * Both bitmaps are 64-bit words, the highest octet first and the lowest bit first: bit i is bit i % 64 of word i / 64. A node's number is
 * larger than its parent's, so one pass finds every parent, and walking up from a node spells its name forwards.
 */
import type { OctetReader } from './octet-reader.ts'

/** Octets of a name with its marks; real ones are below 260. A longer one is no name, and is cut. */
const MAX_KEY = 1024

export interface SuccinctSet {
  /** Each key of the set, read forwards; the view is valid until the next. */
  keys(): Generator<Uint8Array>
}

/** `readLength` reads how many words or octets follow: formats write that in different ways. */
export function readSuccinctSet(reader: OctetReader, readLength: () => number): SuccinctSet {
  const leaves = reader.octets(8 * readLength())
  const bitmap = reader.octets(8 * readLength())
  const labels = reader.octets(readLength())
  const parents = new Int32Array(labels.length + 1)
  let node = 0
  let child = 0
  for (let i = 0; i < bitmap.length * 8 && node <= labels.length; i++) {
    if (hasBit(bitmap, i)) node++
    else {
      if (++child > labels.length || node >= child) throw reader.malformed('its trie has an edge to nowhere')
      parents[child] = node
    }
  }
  if (child !== labels.length || node !== labels.length + 1) throw reader.malformed('its trie is not whole')
  return {
    *keys() {
      const key = new Uint8Array(MAX_KEY)
      for (let leaf = 0; leaf <= labels.length && leaf < leaves.length * 8; leaf++) {
        if (!hasBit(leaves, leaf)) continue
        let length = 0
        for (let at = leaf; at > 0 && length < MAX_KEY; at = parents[at]) key[length++] = labels[at - 1]
        restoreCharacters(key, length)
        yield key.subarray(0, length)
      }
    },
  }
}

function hasBit(words: Uint8Array, bit: number): boolean {
  return (words[((bit >>> 6) << 3) + 7 - ((bit & 63) >>> 3)] & (1 << (bit & 7))) !== 0
}

/** Names are reversed by character. Read octet by octet, each character of several octets (UTF-8) comes backwards: put it right. */
function restoreCharacters(key: Uint8Array, length: number): void {
  for (let start = 0; start < length; start++) {
    let end = start
    while (end < length && (key[end] & 0xc0) === 0x80) end++
    if (end > start && end < length) {
      key.subarray(start, end + 1).reverse()
      start = end
    }
  }
}
