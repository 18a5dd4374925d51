/**
 * Lists that are published as base64 (RFC 4648 §4), as gfwlist is: the text inside is what the list is.
 *
 * Whether a list is base64 is certain from its beginning: nothing but that alphabet and line ends, in lines as an encoder cuts them, and what it
 * decodes to is text. From then on anything else in it is a fault of the whole list.
 */
import { ListError, ListFault } from './list-error.ts'
import { badUtf8At } from './utf8.ts'

/** Is this the beginning of a list in base64? `complete`: there is no more of it. */
export function looksLikeBase64(head: Uint8Array, complete: boolean): boolean {
  const text = String.fromCharCode(...head.subarray(0, LOOKED))
  const whole = complete && head.length <= LOOKED
  const [, body = '', padding = '', after = ''] = /^\s*([A-Za-z0-9+/\r\n]*)(=?=?)(\s*)/.exec(text) ?? []
  const lines = body.split(/[\r\n]+/).filter((line) => line !== '')
  const letters = lines.reduce((sum, line) => sum + line.length, 0)
  if (letters < SHORTEST) return false
  if (text.trimStart().length > body.length + padding.length + after.length) return false
  // An encoder cuts all lines but the last to one length.
  const [first = ''] = lines
  if (lines.slice(1, -1).some((line) => line.length !== first.length) || (lines.at(-1)?.length ?? 0) > first.length) return false
  if (lines.length > 1 && (first.length < SHORTEST || first.length % 4 !== 0)) return false
  if (whole && (letters + padding.length) % 4 !== 0) return false
  const decoded = decodeAll(lines.join(''))
  return isText(decoded.subarray(0, decoded.length - (whole ? 0 : 4)))
}

/** Decodes octets as they come. */
export class Base64Decoder {
  #bits = 0
  #bitCount = 0
  #letters = 0
  #padding = 0
  #line = 1

  /** What the chunk holds; a new array. Throws ListError. */
  push(chunk: Uint8Array): Uint8Array {
    const out = new Uint8Array(Math.ceil((chunk.length * 3) / 4) + 3)
    let length = 0
    for (const octet of chunk) {
      const value = VALUES[octet]
      if (value < 64) {
        if (this.#padding > 0) throw this.#fault('something follows its end')
        this.#letters++
        this.#bits = ((this.#bits << 6) | value) & 0xffff
        this.#bitCount += 6
        if (this.#bitCount >= 8) {
          this.#bitCount -= 8
          out[length++] = (this.#bits >>> this.#bitCount) & 0xff
        }
      } else if (octet === EQUALS) this.#padding++
      else if (octet === LF) this.#line++
      else if (octet !== CR && octet !== SPACE && octet !== TAB) throw this.#fault(`octet ${octet} is none of it`)
    }
    return out.subarray(0, length)
  }

  end(): void {
    if (this.#letters % 4 === 1 || this.#padding > 2 || (this.#padding > 0 && (this.#letters + this.#padding) % 4 !== 0))
      throw new ListError(ListFault.truncated, this.#line, 'the list is base64, which ends in the middle')
  }

  #fault(what: string): ListError {
    return new ListError(ListFault.malformed, this.#line, `the list is base64, and ${what}`)
  }
}

function decodeAll(letters: string): Uint8Array {
  return new Base64Decoder().push(Uint8Array.from(letters, (letter) => letter.charCodeAt(0)))
}

/** Text that could be a list: UTF-8 without controls, and a dot somewhere. A character that the end cuts in two is no fault. */
function isText(bytes: Uint8Array): boolean {
  if (!bytes.includes(DOT)) return false
  if (bytes.some((octet) => octet < SPACE && octet !== LF && octet !== CR && octet !== TAB)) return false
  const bad = badUtf8At(bytes, 0, bytes.length)
  return bad < 0 || bad >= bytes.length - 3
}

const LOOKED = 2048
const SHORTEST = 16
const SPACE = 0x20
const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const DOT = 0x2e
const EQUALS = 0x3d
const VALUES = new Uint8Array(256).fill(255)
Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/').forEach((letter, value) => {
  VALUES[letter.charCodeAt(0)] = value
})
