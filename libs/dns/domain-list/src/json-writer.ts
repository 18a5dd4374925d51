/** Writes JSON piece by piece: each value stands on a line of its own. For binary rule-sets, which are read as the JSON they were made of. */

const PIECE_OCTETS = 64 * 1024
const QUOTE = 0x22
const BACKSLASH = 0x5c
const NEWLINE = 0x0a
const COMMA = 0x2c

export class JsonWriter {
  readonly #push: (bytes: Uint8Array) => void
  #piece = new Uint8Array(PIECE_OCTETS)
  #length = 0
  #isFirst = true // in the object or array that is open

  /** `push` gets the text in pieces; a piece may be reused once it has returned. */
  constructor(push: (bytes: Uint8Array) => void) {
    this.#push = push
  }

  object(write: () => void): void {
    this.#inside('{', '}', write)
  }

  array(write: () => void): void {
    this.#inside('[', ']', write)
  }

  /** The key of the value that is written next. */
  key(name: string): void {
    this.#separate()
    this.#ascii(`"${name}":`)
    this.#isFirst = true
  }

  /** ASCII without quotes, backslashes or control characters. */
  text(text: string): void {
    this.#separate()
    this.#ascii(`"${text}"`)
  }

  /** `true`, or a number. */
  raw(text: string): void {
    this.#separate()
    this.#ascii(text)
  }

  /** A string whose UTF-8 octets these are. */
  bytes(bytes: Uint8Array): void {
    this.#separate()
    this.#octet(QUOTE)
    for (const octet of bytes) {
      if (octet === QUOTE || octet === BACKSLASH) {
        this.#octet(BACKSLASH)
        this.#octet(octet)
      } else if (octet < 0x20) this.#ascii(`\\u00${octet.toString(16).padStart(2, '0')}`)
      else this.#octet(octet)
    }
    this.#octet(QUOTE)
  }

  /** The rest of the text. */
  flush(): void {
    this.#push(this.#piece.subarray(0, this.#length))
    this.#length = 0
  }

  #inside(open: string, close: string, write: () => void): void {
    this.#separate()
    this.#ascii(open)
    this.#isFirst = true
    write()
    this.#ascii(close)
    this.#isFirst = false
  }

  #separate(): void {
    if (!this.#isFirst) {
      this.#octet(COMMA)
      this.#octet(NEWLINE)
    }
    this.#isFirst = false
  }

  #ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.#octet(text.charCodeAt(i))
  }

  #octet(octet: number): void {
    if (this.#length === PIECE_OCTETS) this.flush()
    this.#piece[this.#length++] = octet
  }
}
