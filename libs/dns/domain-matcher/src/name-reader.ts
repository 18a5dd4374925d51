/**
 * Reads the name of a rule, from presentation format to packed words (packed-name.ts). For MatcherBuilder.
 *
 * Nearly all names of a big list are plain host names: these are packed straight from the text, label by label from the root. A name with escapes
 * or stars takes the longer way over wire format.
 */
import { LOWER_CASE, MAX_LABEL_LENGTH, MAX_NAME_LENGTH } from '@dnstap-bgp/dns-wire'
import { MAX_LABELS } from './layout.ts'
import { labelWords, MAX_PACKED_WORDS, packLabel, STAR } from './packed-name.ts'

export class NameReader {
  /** The name that was read last: words 0 to `end` of `packed`. */
  readonly packed = new Int32Array(MAX_PACKED_WORDS)
  end = 0
  labels = 0
  stars = 0
  // The longer way: the name in wire format, and where its labels start.
  readonly #wire = new Uint8Array(MAX_NAME_LENGTH + 1)
  readonly #starts = new Uint8Array(MAX_LABELS)

  /** False: it is no name. `isWildcard`: a label that is just `*` stands for any label. */
  read(bytes: Uint8Array, start: number, end: number, isWildcard: boolean): boolean {
    if (!isWildcard && this.#readPlain(bytes, start, end)) return true
    if (!this.#toWire(bytes, start, end, isWildcard)) return false
    this.#packWire()
    return true
  }

  /** A name as another matcher stores it. */
  take(words: Int32Array, start: number, end: number): void {
    this.end = end - start
    for (let i = 0; i < this.end; i++) this.packed[i] = words[start + i]
    this.labels = 0
    this.stars = 0
    for (let at = start; at < end; at += labelWords(words[at])) {
      this.labels++
      if (words[at] === STAR) this.stars++
    }
  }

  /** False: it is no name of at most 253 characters without escapes. */
  #readPlain(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start > MAX_PLAIN_LENGTH) return false
    const packed = this.packed
    let count = 0
    let labels = 0
    let behind = end // the label that is read ends here
    for (;;) {
      let at = behind
      while (at > start && bytes[at - 1] !== DOT) at--
      const first = at
      const length = behind - at
      if (length === 0 || length > MAX_LABEL_LENGTH) return false
      let word = length
      for (let shift = 8; at < behind; at++) {
        const octet = PLAIN[bytes[at]]
        if (octet === 0) return false
        word |= octet << shift
        shift = (shift + 8) & 31
        if (shift === 0) {
          packed[count++] = word
          word = 0
        }
      }
      if (((length + 1) & 3) !== 0) packed[count++] = word
      labels++
      if (first === start) break
      behind = first - 1
    }
    this.end = count
    this.labels = labels
    this.stars = 0
    return true
  }

  #toWire(bytes: Uint8Array, start: number, end: number, isWildcard: boolean): boolean {
    const name = this.#wire
    this.stars = 0
    this.labels = 0
    if (end - start === 1 && bytes[start] === DOT) return true
    let at = 0 // where the length octet of the label stands
    let i = start
    for (;;) {
      if (this.labels === MAX_LABELS) return false
      if (isWildcard && i < end && bytes[i] === ASTERISK && (i + 1 === end || bytes[i + 1] === DOT)) {
        name[at] = STAR
        i++
        this.#starts[this.labels++] = at++
        this.stars++
      } else {
        let to = at + 1
        for (; i < end && bytes[i] !== DOT; i++) {
          let octet = bytes[i]
          if (octet === BACKSLASH) {
            const digit = isDigit(bytes[++i])
            if (i >= end || (digit && i + 2 >= end)) return false
            octet = digit ? decimal(bytes, i) : bytes[i]
            if (octet >= NO_OCTET) return false
            if (digit) i += 2
          } else if (octet > 0x7e || octet <= 0x20) return false
          if (to >= MAX_NAME_LENGTH) return false
          name[to++] = LOWER_CASE[octet]
        }
        const length = to - at - 1
        if (length === 0 || length > MAX_LABEL_LENGTH) return false
        name[at] = length
        this.#starts[this.labels++] = at
        at = to
      }
      if (at >= MAX_NAME_LENGTH) return false
      if (i >= end) break
      i++ // the dot
    }
    return true
  }

  #packWire(): void {
    let end = 0
    for (let i = this.labels - 1; i >= 0; i--) {
      const at = this.#starts[i]
      if (this.#wire[at] === STAR) this.packed[end++] = STAR
      else end = packLabel(this.packed, end, this.#wire, at)
    }
    this.end = end
  }
}

const DOT = 0x2e
const ASTERISK = 0x2a
const BACKSLASH = 0x5c
const NO_OCTET = 0x100
/** With a length octet for each dot, one more in front and the root behind: 255 octets on the wire. */
const MAX_PLAIN_LENGTH = MAX_NAME_LENGTH - 2
/** The lower-case octet, for what needs no escape; 0 for all else. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet > 0x20 && octet < 0x7f && octet !== DOT && octet !== BACKSLASH ? LOWER_CASE[octet] : 0,
)

function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39
}

/** Of three digits; NO_OCTET when they are none, or too large. */
function decimal(bytes: Uint8Array, at: number): number {
  if (!isDigit(bytes[at + 1]) || !isDigit(bytes[at + 2])) return NO_OCTET
  return (bytes[at] - 0x30) * 100 + (bytes[at + 1] - 0x30) * 10 + bytes[at + 2] - 0x30
}
