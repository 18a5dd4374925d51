/**
 * JSON (RFC 8259) as a stream of tokens: no tree is built, nothing recurses, and what is held is one string. Comments are skipped, as sing-box
 * does: `//` and `#` to the end of the line, and what stands between slash-star and star-slash.
 *
 * Grammar is checked; a fault throws ListError, because after it nothing can be trusted. Strings are handed over as the bytes between
 * the quotes, with a mark when they hold escapes: most hold none and need no copy.
 */
import { ListError, ListFault } from './list-error.ts'
import { brokenUtf8 } from './text-check.ts'
import { badUtf8At, decodeUtf8 } from './utf8.ts'

export interface JsonEvents {
  beginObject(): void
  endObject(): void
  beginArray(): void
  endArray(): void
  key(bytes: Uint8Array, start: number, end: number, escaped: boolean): void
  string(bytes: Uint8Array, start: number, end: number, escaped: boolean): void
  /** A number, true, false or null, as written. */
  literal(text: string): void
}

export class JsonScanner {
  readonly #events: JsonEvents
  readonly #maxStringBytes: number
  /** What the containers we are inside of are, the innermost last. */
  readonly #containers: Container[] = []
  #expect: Expect = VALUE
  #mode: Mode = BETWEEN
  #escaped = false // the string holds a backslash
  #afterBackslash = false
  #held = new Uint8Array(256) // a string or literal that is split over chunks
  #heldLength = 0
  #line = 1

  constructor(events: JsonEvents, maxStringBytes: number) {
    this.#events = events
    this.#maxStringBytes = maxStringBytes
  }

  get line(): number {
    return this.#line
  }

  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#mode === IN_STRING) at = this.#string(chunk, at)
      else if (this.#mode === IN_LITERAL) at = this.#literal(chunk, at)
      else if (this.#mode !== BETWEEN) at = this.#comment(chunk, at)
      else at = this.#between(chunk, at)
    }
  }

  end(): void {
    if (this.#mode === IN_LITERAL) this.#endLiteral()
    if (this.#expect !== NOTHING || (this.#mode !== BETWEEN && this.#mode !== IN_LINE_COMMENT))
      throw new ListError(ListFault.truncated, this.#line, 'the JSON ends in the middle')
  }

  #between(chunk: Uint8Array, at: number): number {
    const octet = chunk[at]
    switch (octet) {
      case 0x0a:
        this.#line++
        return at + 1
      case 0x20:
      case 0x09:
      case 0x0d:
        return at + 1
      case 0x23: // #
        this.#mode = IN_LINE_COMMENT
        return at + 1
      case 0x2f: // /
        this.#mode = AFTER_SLASH
        return at + 1
      case 0x22: // "
        if (this.#expect !== VALUE && this.#expect !== VALUE_OR_END && this.#expect !== KEY && this.#expect !== KEY_OR_END)
          throw this.#unexpected(octet)
        this.#mode = IN_STRING
        this.#escaped = false
        return at + 1
      case 0x7b: // {
        this.#open(OBJECT)
        return at + 1
      case 0x5b: // [
        this.#open(ARRAY)
        return at + 1
      case 0x7d: // }
        if (this.#expect !== KEY_OR_END && !(this.#expect === COMMA_OR_END && this.#inside() === OBJECT))
          throw this.#unexpected(octet)
        this.#close()
        return at + 1
      case 0x5d: // ]
        if (this.#expect !== VALUE_OR_END && !(this.#expect === COMMA_OR_END && this.#inside() === ARRAY))
          throw this.#unexpected(octet)
        this.#close()
        return at + 1
      case 0x3a: // :
        if (this.#expect !== COLON) throw this.#unexpected(octet)
        this.#expect = VALUE
        return at + 1
      case 0x2c: // ,
        if (this.#expect !== COMMA_OR_END) throw this.#unexpected(octet)
        this.#expect = this.#inside() === OBJECT ? KEY : VALUE
        return at + 1
      default:
        if ((this.#expect !== VALUE && this.#expect !== VALUE_OR_END) || !isLiteralOctet(octet)) throw this.#unexpected(octet)
        this.#mode = IN_LITERAL
        return at
    }
  }

  /** From `at`, behind a slash or inside a comment. */
  #comment(chunk: Uint8Array, at: number): number {
    const octet = chunk[at]
    if (octet === 0x0a) this.#line++
    switch (this.#mode) {
      case AFTER_SLASH:
        if (octet !== 0x2f && octet !== 0x2a) throw this.#unexpected(0x2f)
        this.#mode = octet === 0x2f ? IN_LINE_COMMENT : IN_BLOCK_COMMENT
        break
      case IN_LINE_COMMENT:
        if (octet === 0x0a) this.#mode = BETWEEN
        break
      case IN_BLOCK_COMMENT:
        if (octet === 0x2a) this.#mode = AFTER_STAR
        break
      default:
        if (octet !== 0x2a) this.#mode = octet === 0x2f ? BETWEEN : IN_BLOCK_COMMENT
    }
    return at + 1
  }

  /** From `at`, inside a string, to behind its closing quote or the end of the chunk. */
  #string(chunk: Uint8Array, at: number): number {
    let end = at
    for (; end < chunk.length; end++) {
      const octet = chunk[end]
      if (this.#afterBackslash) this.#afterBackslash = false
      else if (octet === 0x5c) {
        this.#afterBackslash = true
        this.#escaped = true
      } else if (octet === 0x22) break
      else if (octet < 0x20) throw new ListError(ListFault.malformed, this.#line, 'a control character in a JSON string')
    }
    if (this.#heldLength + end - at > this.#maxStringBytes)
      throw new ListError(ListFault.tooLarge, this.#line, `a JSON string is over ${this.#maxStringBytes} octets`)
    if (end === chunk.length) {
      this.#hold(chunk, at, end)
      return end
    }
    this.#mode = BETWEEN
    if (this.#heldLength > 0) {
      this.#hold(chunk, at, end)
      const length = this.#heldLength
      this.#heldLength = 0
      this.#stringEnded(this.#held, 0, length)
    } else this.#stringEnded(chunk, at, end)
    return end + 1
  }

  #stringEnded(bytes: Uint8Array, start: number, end: number): void {
    const bad = badUtf8At(bytes, start, end)
    if (bad >= 0) throw brokenUtf8(this.#line, bytes[bad])
    if (this.#expect === KEY || this.#expect === KEY_OR_END) {
      this.#expect = COLON
      this.#events.key(bytes, start, end, this.#escaped)
    } else {
      this.#valueEnded()
      this.#events.string(bytes, start, end, this.#escaped)
    }
  }

  #literal(chunk: Uint8Array, at: number): number {
    let end = at
    while (end < chunk.length && isLiteralOctet(chunk[end])) end++
    if (this.#heldLength + end - at > MAX_LITERAL)
      throw new ListError(ListFault.malformed, this.#line, 'a JSON number without end')
    this.#hold(chunk, at, end)
    if (end < chunk.length) this.#endLiteral()
    return end
  }

  #endLiteral(): void {
    const text = decodeUtf8(this.#held, 0, this.#heldLength)
    this.#heldLength = 0
    this.#mode = BETWEEN
    if (!LITERAL.test(text)) throw new ListError(ListFault.malformed, this.#line, `"${text}" is not JSON`)
    this.#valueEnded()
    this.#events.literal(text)
  }

  #open(container: Container): void {
    if (this.#expect !== VALUE && this.#expect !== VALUE_OR_END) throw this.#unexpected(container === OBJECT ? 0x7b : 0x5b)
    if (this.#containers.length >= MAX_DEPTH)
      throw new ListError(ListFault.tooDeep, this.#line, `JSON nested deeper than ${MAX_DEPTH}`)
    this.#containers.push(container)
    this.#expect = container === OBJECT ? KEY_OR_END : VALUE_OR_END
    if (container === OBJECT) this.#events.beginObject()
    else this.#events.beginArray()
  }

  #close(): void {
    const container = this.#containers.pop()
    this.#valueEnded()
    if (container === OBJECT) this.#events.endObject()
    else this.#events.endArray()
  }

  #valueEnded(): void {
    this.#expect = this.#containers.length === 0 ? NOTHING : COMMA_OR_END
  }

  #inside(): Container | undefined {
    return this.#containers[this.#containers.length - 1]
  }

  #hold(chunk: Uint8Array, start: number, end: number): void {
    const length = this.#heldLength + end - start
    if (length > this.#held.length) {
      const larger = new Uint8Array(2 * length)
      larger.set(this.#held.subarray(0, this.#heldLength))
      this.#held = larger
    }
    this.#held.set(chunk.subarray(start, end), this.#heldLength)
    this.#heldLength = length
  }

  #unexpected(octet: number): ListError {
    const shown = octet > 0x20 && octet < 0x7f ? `"${String.fromCharCode(octet)}"` : `octet ${octet}`
    return new ListError(ListFault.malformed, this.#line, `${shown} where JSON has no place for it`)
  }
}

/** The text of a string token. */
export function jsonText(bytes: Uint8Array, start: number, end: number, escaped: boolean): string {
  const text = decodeUtf8(bytes, start, end)
  if (!escaped) return text
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_whole, hex: string | undefined, character: string | undefined) =>
    hex !== undefined ? String.fromCharCode(parseInt(hex, 16)) : (SHORT_ESCAPES.get(character ?? '') ?? '\ufffd'),
  )
}

const MAX_DEPTH = 64
const MAX_LITERAL = 64
const LITERAL = /^(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)$/
const SHORT_ESCAPES = new Map(Object.entries({ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }))

type Container = typeof OBJECT | typeof ARRAY
const OBJECT = 0
const ARRAY = 1

type Mode =
  | typeof BETWEEN
  | typeof IN_STRING
  | typeof IN_LITERAL
  | typeof AFTER_SLASH
  | typeof IN_LINE_COMMENT
  | typeof IN_BLOCK_COMMENT
  | typeof AFTER_STAR
const BETWEEN = 0
const IN_STRING = 1
const IN_LITERAL = 2
const AFTER_SLASH = 3
const IN_LINE_COMMENT = 4
const IN_BLOCK_COMMENT = 5
const AFTER_STAR = 6

type Expect =
  typeof VALUE | typeof VALUE_OR_END | typeof KEY | typeof KEY_OR_END | typeof COLON | typeof COMMA_OR_END | typeof NOTHING
const VALUE = 0
const VALUE_OR_END = 1
const KEY = 2
const KEY_OR_END = 3
const COLON = 4
const COMMA_OR_END = 5
const NOTHING = 6

function isLiteralOctet(octet: number): boolean {
  return (
    (octet >= 0x30 && octet <= 0x39) ||
    (octet >= 0x61 && octet <= 0x7a) ||
    octet === 0x2b ||
    octet === 0x2d ||
    octet === 0x2e ||
    octet === 0x45
  )
}
