/** The names that lists name, out of a matcher: for programs that look names up by themselves. */
import { atomIsException, entryWords } from './layout.ts'
import type { Matcher } from './matcher.ts'
import { labelWords, STAR } from './packed-name.ts'

/**
 * Each name that a rule lists, in wire format and lower case; of `*.example.org` the name behind the star. Not those with a star further
 * to the right, nor keywords and regular expressions. The octets are valid until the next name.
 */
export function* listedNames(matcher: Matcher): Generator<Uint8Array> {
  const words = new Int32Array(matcher.buffer)
  const isListed = new Map<number, boolean>()
  const wire = new Uint8Array(256)
  for (const entry of matcher.entries()) {
    const ruleSet = matcher.ruleSetOf(entry)
    let listed = isListed.get(ruleSet)
    if (listed === undefined) isListed.set(ruleSet, (listed = matcher.atomsOf(ruleSet).some((atom) => !atomIsException(atom))))
    if (!listed) continue
    const start = putWire(words, entry + 1, entry + entryWords(words[entry]), wire)
    if (start >= 0) yield wire.subarray(start)
  }
}

/** Packed names begin at the root: fills `wire` from its end. Returns where the name begins; -1: it has a star that is not its first label. */
function putWire(words: Int32Array, from: number, end: number, wire: Uint8Array): number {
  let start = wire.length - 1
  wire[start] = 0
  for (let at = from; at < end; at += labelWords(words[at])) {
    if ((words[at] & 0xff) === STAR) return at + 1 === end ? start : -1
    const length = words[at] & 0xff
    start -= length + 1
    for (let i = 0; i <= length; i++) wire[start + i] = words[at + (i >>> 2)] >>> (8 * (i & 3))
  }
  return start
}
