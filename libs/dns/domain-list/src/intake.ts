/**
 * What stands between the octets of a file and the readers of formats: the beginning is gathered and judged, a byte order mark is dropped, base64 is
 * decoded, and NUL octets refuse the file. The survey and the parser both begin here, so both see the same list.
 */
import { Base64Decoder, looksLikeBase64 } from './base64.ts'
import type { ChunkFormat } from './format-reader.ts'
import { binaryFormat, refuseWhatIsNoList } from './magic.ts'
import type { ParserFormat } from './rule.ts'
import { refuseNul } from './text-check.ts'

/** Chooses who gets the octets. `binary`: the format that they are, where it is not text. */
export type ChooseReader = (binary: ParserFormat | undefined) => ChunkFormat

export class Intake {
  readonly #choose: ChooseReader
  #head: Uint8Array | undefined = new Uint8Array(0) // the beginning, until there is enough to look at
  #reader: ChunkFormat | undefined
  #base64: Base64Decoder | undefined
  #isText: boolean
  #offset = 0

  /** `isText`: false when a binary format is expected, whatever the first octets are. */
  constructor(isText: boolean, choose: ChooseReader) {
    this.#isText = isText
    this.#choose = choose
  }

  push(chunk: Uint8Array): void {
    if (this.#head === undefined) return this.#pass(chunk)
    const head = new Uint8Array(this.#head.length + chunk.length)
    head.set(this.#head)
    head.set(chunk, this.#head.length)
    this.#head = head
    if (head.length >= HEAD_BYTES) this.#begin(head, false)
  }

  end(): void {
    if (this.#head !== undefined) this.#begin(this.#head, true)
    this.#base64?.end()
    this.#reader?.end()
  }

  #begin(gathered: Uint8Array, complete: boolean): void {
    this.#head = undefined
    const hasMark = gathered[0] === 0xef && gathered[1] === 0xbb && gathered[2] === 0xbf
    const head = hasMark ? gathered.subarray(3) : gathered
    const looked = head.subarray(0, HEAD_BYTES)
    refuseWhatIsNoList(looked)
    const binary = binaryFormat(looked)
    if (binary !== undefined) this.#isText = false
    if (this.#isText && looksLikeBase64(looked, complete)) this.#base64 = new Base64Decoder()
    this.#reader = this.#choose(binary)
    this.#pass(head)
  }

  #pass(chunk: Uint8Array): void {
    const octets = this.#base64?.push(chunk) ?? chunk
    if (this.#isText) refuseNul(octets, this.#offset)
    this.#offset += octets.length
    this.#reader?.push(octets)
  }
}

/** Binary formats and base64 are recognised by this much of the beginning; the format of a text by all of it. */
const HEAD_BYTES = 4096
