/** Reads the fields of a binary list one after the other. Whatever reaches past the end is a truncated list. */
import { ListError, ListFault } from './list-error.ts'

export class OctetReader {
  readonly #bytes: Uint8Array
  readonly #what: string
  #at = 0

  /** `what`: the format, for sentences. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The next `length` octets, as a view. */
  octets(length: number): Uint8Array {
    if (!(length <= this.#bytes.length - this.#at))
      throw new ListError(ListFault.truncated, 0, `the ${this.#what} file ends inside a field`)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  uint8(): number {
    return this.octets(1)[0]
  }

  /** Eight octets, the highest first. Past 2^53 the value is imprecise, and then far too large for anything here. */
  uint64(): number {
    let value = 0
    for (const octet of this.octets(8)) value = value * 256 + octet
    return value
  }

  /** LEB128, as protobuf and Go's encoding/binary write it. */
  uvarint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      const octet = this.uint8()
      value += (octet & 0x7f) * scale
      if (octet < 0x80) return value
      scale *= 128
    }
    throw this.malformed('a number has more than ten octets')
  }

  malformed(why: string): ListError {
    return new ListError(ListFault.malformed, 0, `this is no ${this.#what} file: ${why}`)
  }
}
