/**
 * Finds where JSON values begin and end in a stream of octets, and says what is wrong with them in the words of Go's encoding/json,
 * which is what operators of a mixed fleet find in their logs.
 *
 * Peers send one value and perhaps more octets behind it (which the ancestor ignores), or an array of many megabytes. The scanner keeps
 * only the value it is in the middle of; a value or a nesting over the limit is a fault.
 *
 * JSON.parse does the parsing proper. What it refuses, `goSyntaxError` walks through once more to find Go's words for it.
 */

/** What is wrong with a peer's body: the text that a 400 carries after `Bad request: `. */
export class PeerSyncError extends Error {
  override readonly name = 'PeerSyncError'
}

export const UNEXPECTED_EOF = 'unexpected EOF'
/** Go gives up at 10000; ours are flat. */
const MAX_DEPTH = 100

/** One for a stream of values. A value's octets are kept until it is whole, at most `maxValueBytes` of them. */
export class ValueScanner {
  readonly #maxValueBytes: number
  #bytes = new Uint8Array(512)
  #length = 0
  #depth = 0
  #inString = false
  #escaped = false
  /** Inside a value that is a number or a word: it ends where something else begins. */
  #inWord = false

  constructor(maxValueBytes: number) {
    this.#maxValueBytes = maxValueBytes
  }

  /** A value has begun and not ended. */
  get inside(): boolean {
    return this.#length > 0
  }

  /** The octets so far of the value that has begun. */
  get partial(): string {
    return utf8ToText(this.#bytes, 0, this.#length)
  }

  /**
   * Takes octets from `start` on, up to the end of the value at most. Returns the offset after the last one taken; `value` is the text when
   * that ended a value, undefined when all of them were taken and it goes on. White space before a value is skipped.
   */
  take(chunk: Uint8Array, start: number): { readonly end: number; readonly value: string | undefined } {
    for (let at = start; at < chunk.length; at++) {
      const octet = chunk[at]
      if (this.#length === 0 && isSpace(octet)) continue
      if (this.#inWord) {
        if (isWordOctet(octet)) {
          this.#keep(octet)
          continue
        }
        return { end: at, value: this.#whole() } // not ours: a separator, or the next value
      }
      if (this.#inString) {
        this.#keep(octet)
        if (this.#escaped) this.#escaped = false
        else if (octet === BACKSLASH) this.#escaped = true
        else if (octet === QUOTE) {
          this.#inString = false
          if (this.#depth === 0) return { end: at + 1, value: this.#whole() }
        }
        continue
      }
      this.#keep(octet)
      if (octet === QUOTE) this.#inString = true
      else if (octet === OPEN_BRACE || octet === OPEN_BRACKET) {
        if (++this.#depth > MAX_DEPTH) throw new PeerSyncError('exceeded max depth')
      } else if (octet === CLOSE_BRACE || octet === CLOSE_BRACKET) {
        if (this.#depth > 0) this.#depth--
        if (this.#depth === 0) return { end: at + 1, value: this.#whole() }
      } else if (this.#depth === 0) {
        if (!isWordOctet(octet)) throw new PeerSyncError(`invalid character ${quoted(octet)} looking for beginning of value`)
        this.#inWord = true
      }
    }
    return { end: chunk.length, value: undefined }
  }

  /** The stream has ended: a number or word is whole now, anything else that has begun is not. */
  end(): string | undefined {
    if (this.#length === 0) return undefined
    if (!this.#inWord) throw new PeerSyncError(UNEXPECTED_EOF)
    return this.#whole()
  }

  #whole(): string {
    const text = this.partial
    this.#length = 0
    this.#inWord = false
    return text
  }

  #keep(octet: number): void {
    if (this.#length === this.#maxValueBytes) throw new PeerSyncError(`a value is over ${this.#maxValueBytes} octets`)
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.#bytes.length * 2, this.#maxValueBytes))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes[this.#length++] = octet
  }
}

/** The value of JSON text. @throws PeerSyncError in Go's words */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new PeerSyncError(goSyntaxError(text))
  }
}

export function isSpace(octet: number): boolean {
  return octet === 0x20 || octet === 0x0a || octet === 0x0d || octet === 0x09
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** What numbers, true, false and null are made of. */
function isWordOctet(octet: number): boolean {
  return (
    (octet >= 0x30 && octet <= 0x39) ||
    ((octet | 0x20) - 0x61 < 26 && (octet | 0x20) >= 0x61) ||
    octet === 0x2b ||
    octet === 0x2d ||
    octet === 0x2e
  )
}

/** A character as Go quotes it in these messages. */
function quoted(code: number): string {
  if (code === 0x27) return "'\\''"
  if (code === 0x22) return `'"'`
  if (code === 0x5c) return "'\\\\'"
  const named: Readonly<Record<number, string>> = { 7: 'a', 8: 'b', 9: 't', 10: 'n', 11: 'v', 12: 'f', 13: 'r' }
  if (named[code] !== undefined) return `'\\${named[code]}'`
  if (code < 0x20 || code === 0x7f) return `'\\x${code.toString(16).padStart(2, '0')}'`
  if (code < 0x7f || code > 0xa0) return `'${String.fromCharCode(code)}'`
  return `'\\u00${code.toString(16)}'`
}

/**
 * Go's words for the first thing wrong with text that JSON.parse refused.
 *
 * Recursive descent over one value; faults travel up as exceptions of our own. Text that has nothing wrong for this walk
 * but ends too soon is an unexpected end.
 */
export function goSyntaxError(text: string): string {
  const walk = new SyntaxWalk(text)
  try {
    walk.value('looking for beginning of value')
    const after = walk.next()
    return after === undefined ? UNEXPECTED_EOF : `invalid character ${quoted(after)} after top-level value`
  } catch (error) {
    if (error instanceof PeerSyncError) return error.message
    throw error
  }
}

class SyntaxWalk {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** The next code that is no white space, or undefined at the end. Does not move past it. */
  next(): number | undefined {
    while (this.#at < this.#text.length && isSpace(this.#text.charCodeAt(this.#at))) this.#at++
    return this.#at < this.#text.length ? this.#text.charCodeAt(this.#at) : undefined
  }

  value(context: string): void {
    const first = this.#need(this.next())
    if (first === OPEN_BRACE) this.#object()
    else if (first === OPEN_BRACKET) this.#array()
    else if (first === QUOTE) this.#string()
    else if (first === 0x2d || isDigit(first)) this.#number()
    else if (first === 0x74) this.#word('true')
    else if (first === 0x66) this.#word('false')
    else if (first === 0x6e) this.#word('null')
    else this.#fault(first, context)
  }

  #object(): void {
    this.#at++
    if (this.#need(this.next()) === CLOSE_BRACE) return void this.#at++
    for (;;) {
      const key = this.#need(this.next())
      if (key !== QUOTE) this.#fault(key, 'looking for beginning of object key string')
      this.#string()
      const colon = this.#need(this.next())
      if (colon !== 0x3a) this.#fault(colon, 'after object key')
      this.#at++
      this.value('looking for beginning of value')
      const after = this.#need(this.next())
      this.#at++
      if (after === CLOSE_BRACE) return
      if (after !== 0x2c) this.#fault(after, 'after object key:value pair')
    }
  }

  #array(): void {
    this.#at++
    if (this.#need(this.next()) === CLOSE_BRACKET) return void this.#at++
    for (;;) {
      this.value('looking for beginning of value')
      const after = this.#need(this.next())
      this.#at++
      if (after === CLOSE_BRACKET) return
      if (after !== 0x2c) this.#fault(after, 'after array element')
    }
  }

  #string(): void {
    this.#at++
    for (;;) {
      const code = this.#step()
      if (code === QUOTE) return
      if (code < 0x20) this.#fault(code, 'in string literal')
      if (code !== BACKSLASH) continue
      const escape = this.#step()
      if (escape === 0x75) {
        for (let digit = 0; digit < 4; digit++) {
          const hex = this.#step()
          if (!isDigit(hex) && !((hex | 0x20) >= 0x61 && (hex | 0x20) <= 0x66))
            this.#fault(hex, 'in \\u hexadecimal character escape')
        }
      } else if (!'"\\/bfnrt'.includes(String.fromCharCode(escape))) this.#fault(escape, 'in string escape code')
    }
  }

  #number(): void {
    if (this.#text.charCodeAt(this.#at) === 0x2d) {
      this.#at++
      const first = this.#peek()
      if (!isDigit(first)) this.#fault(first, 'in numeric literal')
    }
    if (this.#text.charCodeAt(this.#at) === 0x30) this.#at++
    else this.#digits()
    if (this.#text[this.#at] === '.') {
      this.#at++
      const first = this.#peek()
      if (!isDigit(first)) this.#fault(first, 'after decimal point in numeric literal')
      this.#digits()
    }
    if (this.#text[this.#at] === 'e' || this.#text[this.#at] === 'E') {
      this.#at++
      if (this.#text[this.#at] === '+' || this.#text[this.#at] === '-') this.#at++
      const first = this.#peek()
      if (!isDigit(first)) this.#fault(first, 'in exponent of numeric literal')
      this.#digits()
    }
  }

  #digits(): void {
    while (this.#at < this.#text.length && isDigit(this.#text.charCodeAt(this.#at))) this.#at++
  }

  #word(word: string): void {
    for (const expected of word) {
      const code = this.#step()
      if (code !== expected.charCodeAt(0)) this.#fault(code, `in literal ${word} (expecting '${expected}')`)
    }
  }

  #step(): number {
    const code = this.#peek()
    this.#at++
    return code
  }

  #peek(): number {
    return this.#need(this.#at < this.#text.length ? this.#text.charCodeAt(this.#at) : undefined)
  }

  #need(code: number | undefined): number {
    if (code === undefined) throw new PeerSyncError(UNEXPECTED_EOF)
    return code
  }

  #fault(code: number, context: string): never {
    throw new PeerSyncError(`invalid character ${quoted(code)} ${context}`)
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** UTF-8 to text; what is malformed becomes U+FFFD, as in Go. */
export function utf8ToText(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let at = start; at < end;) {
    const lead = bytes[at]
    const length =
      lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0
    let code = length === 1 ? lead : lead & (0x7f >> length)
    let isWhole = length > 0 && at + length <= end
    for (let next = 1; isWhole && next < length; next++) {
      const octet = bytes[at + next]
      if ((octet & 0xc0) === 0x80) code = (code << 6) | (octet & 0x3f)
      else isWhole = false
    }
    // Overlong forms, surrogates, and beyond Unicode (RFC 3629 §3).
    if (
      isWhole &&
      ((length === 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
        (length === 4 && (code < 0x10000 || code > 0x10ffff)))
    )
      isWhole = false
    text += isWhole ? String.fromCodePoint(code) : '\uFFFD'
    at += isWhole ? length : 1
  }
  return text
}
