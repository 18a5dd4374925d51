/**
 * Interned texts: each distinct text is kept once, under a small number, as long as it is used.
 *
 *   id ─▶ hash, uses, length and width, where ──▶ arena: blocks of 16 bytes; one byte per character, two when one needs it
 *
 * Bindings repeat their list, rule, source and name; columns of numbers keep them in four bytes each. The characters stand outside
 * the JavaScript heap: with two million strings inside it a garbage collection held the loop for 80 to 130 ms, with none for 5.
 * Numbers and blocks that are not used any more are given out again. Names come from strangers, so the hash is seeded: the opener passes
 * a random seed and nobody outside can aim at one cell.
 */
import { Uint32Column } from './columns.ts'
import { firstCell, nextCell, SlotTable } from './slot-table.ts'

export const NO_TEXT = -1
/** In characters; longer texts are not kept. */
export const MAX_TEXT_LENGTH = 16_384

const BLOCK_BITS = 4
const CHUNK_BITS = 20
const CHUNK_MASK = (1 << CHUNK_BITS) - 1
const BLOCKS_PER_CHUNK = 1 << (CHUNK_BITS - BLOCK_BITS)
const NONE = 0xffffffff

export class TextTable {
  readonly #seed: number
  readonly #hashes = new Uint32Column()
  readonly #uses = new Uint32Column()
  readonly #shape = new Uint32Column() // length * 2 + (two bytes per character ? 1 : 0)
  readonly #where = new Uint32Column() // first block; of a free id: the next free id
  #limit = 0
  #size = 0
  #freeId = NONE
  readonly #table = new SlotTable((id) => this.#hashes.get(id))
  readonly #arena = new Arena()

  constructor(seed: number) {
    this.#seed = seed
  }

  /** How many texts are kept. */
  get size(): number {
    return this.#size
  }

  /** One past the largest number given out so far. */
  get limit(): number {
    return this.#limit
  }

  hash(text: string): number {
    return hashText(text, this.#seed)
  }

  /** The number of a text that is used, or NO_TEXT. */
  find(text: string, hash = hashText(text, this.#seed)): number {
    const cells = this.#table.cells(hash)
    for (let at = firstCell(cells, hash); ; at = nextCell(cells, at)) {
      const id = (cells[at] as number) - 1
      if (id < 0) return NO_TEXT
      if (this.#hashes.get(id) === hash && this.is(id, text)) return id
    }
  }

  /** The text's number; it is used once more. */
  intern(text: string, hash = hashText(text, this.#seed)): number {
    const known = this.find(text, hash)
    if (known !== NO_TEXT) return this.share(known)
    if (text.length > MAX_TEXT_LENGTH)
      throw new RangeError(`a text of ${text.length} characters; at most ${MAX_TEXT_LENGTH} can be kept`)
    const wide = needsTwoBytes(text)
    return this.#add(hash, text.length * 2 + (wide ? 1 : 0), this.#arena.keep(text, wide))
  }

  /** One more use of a text that is kept. */
  share(id: number): number {
    this.#uses.set(id, this.#uses.get(id) + 1)
    return id
  }

  /** As intern(); cheaper when the guess is right, which it mostly is where texts repeat from row to row. */
  internLike(guess: number, text: string): number {
    return this.#isGuess(guess) && this.is(guess, text) ? this.share(guess) : this.intern(text)
  }

  /** As internLike(), of a text that write() wrote. */
  internWritten(bytes: Uint8Array, from: number, shape: number, guess = NO_TEXT): number {
    const lengthBytes = writtenLength(shape)
    if (
      this.#isGuess(guess) &&
      this.#shape.get(guess) === shape &&
      this.#arena.hasBytes(this.#where.get(guess), bytes, from, lengthBytes)
    ) {
      return this.share(guess)
    }
    const hash = hashWritten(bytes, from, shape, this.#seed)
    const cells = this.#table.cells(hash)
    for (let at = firstCell(cells, hash); ; at = nextCell(cells, at)) {
      const id = (cells[at] as number) - 1
      if (id < 0) return this.#add(hash, shape, this.#arena.keepBytes(bytes, from, lengthBytes))
      if (this.#hashes.get(id) !== hash || this.#shape.get(id) !== shape) continue
      if (!this.#arena.hasBytes(this.#where.get(id), bytes, from, lengthBytes)) continue
      return this.share(id)
    }
  }

  #isGuess(id: number): boolean {
    return id >= 0 && id < this.#limit && this.#uses.get(id) > 0
  }

  #add(hash: number, shape: number, where: number): number {
    const id = this.#freeId === NONE ? this.#limit++ : this.#freeId
    if (id === this.#freeId) this.#freeId = this.#where.get(id)
    this.#where.set(id, where)
    this.#shape.set(id, shape)
    this.#hashes.set(id, hash)
    this.#uses.set(id, 1)
    this.#table.add(hash, id)
    this.#size++
    return id
  }

  /** One use less. True: it was the last, and the number is free again. */
  release(id: number): boolean {
    const uses = this.#uses.get(id) - 1
    this.#uses.set(id, uses)
    if (uses > 0) return false
    this.#table.remove(this.#hashes.get(id), id)
    this.#arena.free(this.#where.get(id), writtenLength(this.#shape.get(id)))
    this.#where.set(id, this.#freeId)
    this.#freeId = id
    this.#size--
    return true
  }

  /** How often a text is used; NO_TEXT: never. */
  uses(id: number): number {
    return id === NO_TEXT ? 0 : this.#uses.get(id)
  }

  isUsed(id: number): boolean {
    return this.#uses.get(id) > 0
  }

  /** The text of a number that is used; a new string each time. */
  text(id: number): string {
    const shape = this.#shape.get(id)
    return this.#arena.text(this.#where.get(id), shape >>> 1, (shape & 1) === 1)
  }

  /** Length and width of a text in one number below 2^16; write() writes writtenLength() of it. */
  shape(id: number): number {
    return this.#shape.get(id)
  }

  /** Copies the text's bytes; one past the last. */
  write(id: number, to: Uint8Array, at: number): number {
    return this.#arena.copy(this.#where.get(id), writtenLength(this.#shape.get(id)), to, at)
  }

  is(id: number, text: string): boolean {
    const shape = this.#shape.get(id)
    return shape >>> 1 === text.length && this.#arena.is(this.#where.get(id), text, (shape & 1) === 1)
  }
}

/** Bytes in blocks of 16: chunks of a megabyte, and a list of free runs for each run length. */
class Arena {
  readonly #chunks: Uint8Array[] = []
  #next = 0 // first block never used
  /** By run length in blocks: the first free run; the next one's block stands in its first four bytes. */
  readonly #freeRuns: number[] = []

  keep(text: string, wide: boolean): number {
    const first = this.#take(blocksOf(wide ? text.length * 2 : text.length))
    const chunk = this.#chunk(first)
    let to = (first << BLOCK_BITS) & CHUNK_MASK
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      chunk[to++] = code
      if (wide) chunk[to++] = code >>> 8
    }
    return first
  }

  keepBytes(bytes: Uint8Array, from: number, lengthBytes: number): number {
    const first = this.#take(blocksOf(lengthBytes))
    const chunk = this.#chunk(first)
    const to = (first << BLOCK_BITS) & CHUNK_MASK
    for (let at = 0; at < lengthBytes; at++) chunk[to + at] = bytes[from + at] as number
    return first
  }

  hasBytes(first: number, bytes: Uint8Array, from: number, lengthBytes: number): boolean {
    const chunk = this.#chunk(first)
    const start = (first << BLOCK_BITS) & CHUNK_MASK
    for (let at = 0; at < lengthBytes; at++) if (chunk[start + at] !== bytes[from + at]) return false
    return true
  }

  copy(first: number, lengthBytes: number, to: Uint8Array, toAt: number): number {
    const chunk = this.#chunk(first)
    const from = (first << BLOCK_BITS) & CHUNK_MASK
    for (let at = 0; at < lengthBytes; at++) to[toAt + at] = chunk[from + at] as number
    return toAt + lengthBytes
  }

  free(first: number, lengthBytes: number): void {
    const blocks = blocksOf(lengthBytes)
    const chunk = this.#chunk(first)
    const to = (first << BLOCK_BITS) & CHUNK_MASK
    const next = this.#freeRuns[blocks] ?? NONE
    for (let byte = 0; byte < 4; byte++) chunk[to + byte] = next >>> (byte * 8)
    this.#freeRuns[blocks] = first
  }

  text(first: number, length: number, wide: boolean): string {
    const chunk = this.#chunk(first)
    const from = (first << BLOCK_BITS) & CHUNK_MASK
    const codes = new Array<number>(length)
    for (let at = 0; at < length; at++) codes[at] = wide ? codeAt(chunk, from + at * 2) : (chunk[from + at] as number)
    return String.fromCharCode.apply(null, codes)
  }

  is(first: number, text: string, wide: boolean): boolean {
    const chunk = this.#chunk(first)
    const from = (first << BLOCK_BITS) & CHUNK_MASK
    for (let at = 0; at < text.length; at++) {
      const code = wide ? codeAt(chunk, from + at * 2) : chunk[from + at]
      if (code !== text.charCodeAt(at)) return false
    }
    return true
  }

  #take(blocks: number): number {
    const first = this.#freeRuns[blocks] ?? NONE
    if (first !== NONE) {
      const chunk = this.#chunk(first)
      const from = (first << BLOCK_BITS) & CHUNK_MASK
      this.#freeRuns[blocks] = (codeAt(chunk, from) | (codeAt(chunk, from + 2) << 16)) >>> 0
      return first
    }
    while (this.#freeRuns.length <= blocks) this.#freeRuns.push(NONE)
    const left = BLOCKS_PER_CHUNK - (this.#next & (BLOCKS_PER_CHUNK - 1))
    if (blocks > left) this.#next += left
    const fresh = this.#next
    this.#next += blocks
    if (this.#chunks.length <= fresh >>> (CHUNK_BITS - BLOCK_BITS)) this.#chunks.push(new Uint8Array(1 << CHUNK_BITS))
    return fresh
  }

  #chunk(block: number): Uint8Array {
    return this.#chunks[block >>> (CHUNK_BITS - BLOCK_BITS)] as Uint8Array
  }
}

function codeAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
}

/** How many bytes a text of this shape takes when written. */
export function writtenLength(shape: number): number {
  return (shape & 1) === 1 ? (shape >>> 1) * 2 : shape >>> 1
}

/** At least one: a free run needs room for its link. */
function blocksOf(lengthBytes: number): number {
  return Math.max(1, (lengthBytes + 15) >>> BLOCK_BITS)
}

function needsTwoBytes(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 255) return true
  return false
}

/** Every step multiplies and folds, so that which texts collide depends on the seed. */
function hashText(text: string, seed: number): number {
  let hash = seed ^ text.length
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x5bd1e995)
    hash ^= hash >>> 15
  }
  return finished(hash)
}

/** The same number for the same text, from its bytes. */
function hashWritten(bytes: Uint8Array, from: number, shape: number, seed: number): number {
  const length = shape >>> 1
  const wide = (shape & 1) === 1
  let hash = seed ^ length
  for (let at = 0; at < length; at++) {
    hash = Math.imul(hash ^ (wide ? codeAt(bytes, from + at * 2) : (bytes[from + at] as number)), 0x5bd1e995)
    hash ^= hash >>> 15
  }
  return finished(hash)
}

function finished(mixed: number): number {
  let hash = Math.imul(mixed, 0x2c1b3c6d)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0x297a2d39)
  return (hash ^ (hash >>> 16)) >>> 0
}
