/** A list inside a compressed stream: gathers what comes out, within a bound, for formats that are read as a whole. */
import { ListError, ListFault } from './list-error.ts'

/** Octets of one list when unpacked. The largest rule-sets that people publish take a twentieth of it. */
const MAX_UNPACKED = 256 * 1024 * 1024

/** A decompressor that takes octets piece by piece and calls back with its output; it throws on octets of another format. */
export interface Decompressor {
  push(chunk: Uint8Array, isLast: boolean): void
}

export class UnpackedList {
  readonly #what: string
  readonly #decompressor: Decompressor
  readonly #pieces: Uint8Array[] = []
  #length = 0
  #isWhole = false

  /** `what`: the format, for sentences. */
  constructor(what: string, decompressor: (onOutput: (chunk: Uint8Array, isLast: boolean) => void) => Decompressor) {
    this.#what = what
    this.#decompressor = decompressor((chunk, isLast) => this.#take(chunk, isLast))
  }

  push(chunk: Uint8Array): void {
    this.#run(chunk, false)
  }

  /** All of it. */
  end(): Uint8Array {
    this.#run(new Uint8Array(0), true)
    if (!this.#isWhole) throw new ListError(ListFault.truncated, 0, `the ${this.#what} file ends inside its compressed part`)
    const all = new Uint8Array(this.#length)
    let at = 0
    for (const piece of this.#pieces) {
      all.set(piece, at)
      at += piece.length
    }
    return all
  }

  #run(chunk: Uint8Array, isLast: boolean): void {
    try {
      // The decompressor may keep the octets until it needs them; the caller uses the chunk again.
      this.#decompressor.push(chunk.slice(), isLast)
    } catch (error) {
      if (error instanceof ListError) throw error
      const why = error instanceof Error ? error.message : String(error)
      throw new ListError(ListFault.malformed, 0, `the compressed part of the ${this.#what} file cannot be unpacked: ${why}`)
    }
  }

  #take(chunk: Uint8Array, isLast: boolean): void {
    this.#isWhole = isLast
    this.#length += chunk.length
    if (this.#length > MAX_UNPACKED)
      throw new ListError(ListFault.tooLarge, 0, `the ${this.#what} file unpacks to more than 256 MiB`)
    this.#pieces.push(chunk.slice())
  }
}
