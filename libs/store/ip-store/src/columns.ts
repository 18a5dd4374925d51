/**
 * Columns: growing arrays of numbers outside the garbage collector's sight.
 *
 *   index ──▶ chunks[index >>> 15][index & 32767]
 *
 * They grow by a chunk, so growing never copies: a doubling array of a million numbers stalls the loop while it moves.
 * Untouched parts of a chunk cost no memory (the system hands out zeroed pages on first use).
 */
const CHUNK_BITS = 15
const CHUNK = 1 << CHUNK_BITS
const MASK = CHUNK - 1

export class Uint32Column {
  readonly #chunks: Uint32Array[] = []

  /** The index must have been set: reading beyond crashes on an undefined chunk. */
  get(index: number): number {
    return (this.#chunks[index >>> CHUNK_BITS] as Uint32Array)[index & MASK] as number
  }

  set(index: number, value: number): void {
    let chunk = this.#chunks[index >>> CHUNK_BITS]
    if (chunk === undefined) chunk = this.#grow(index)
    chunk[index & MASK] = value
  }

  /** Makes this index readable: 0 until it is set. */
  reach(index: number): void {
    if (index >>> CHUNK_BITS >= this.#chunks.length) this.#grow(index)
  }

  #grow(index: number): Uint32Array {
    while (this.#chunks.length <= index >>> CHUNK_BITS) this.#chunks.push(new Uint32Array(CHUNK))
    return this.#chunks[index >>> CHUNK_BITS] as Uint32Array
  }
}

export class Float64Column {
  readonly #chunks: Float64Array[] = []

  get(index: number): number {
    return (this.#chunks[index >>> CHUNK_BITS] as Float64Array)[index & MASK] as number
  }

  set(index: number, value: number): void {
    let chunk = this.#chunks[index >>> CHUNK_BITS]
    if (chunk === undefined) chunk = this.#grow(index)
    chunk[index & MASK] = value
  }

  #grow(index: number): Float64Array {
    while (this.#chunks.length <= index >>> CHUNK_BITS) this.#chunks.push(new Float64Array(CHUNK))
    return this.#chunks[index >>> CHUNK_BITS] as Float64Array
  }
}
