/**
 * A hash table of slot numbers: somebody else's columns hold the keys, this finds the row.
 *
 *   hash ──top 8 bits──▶ shard ──low bits──▶ [slot + 1, 0, slot + 1, ...]   linear probing, at most 3/4 full
 *
 * 256 shards grow one at a time, so growing at a million rows moves a few thousand numbers, not a million (a JS Map of a million
 * stalls for about 100 ms when it grows, and costs 30 to 56 bytes a row where this costs 6 to 11).
 * The caller keeps each row's hash and says whether a row is the one meant. Obvious twin: a Map.
 */
const SHARDS = 256
const FIRST_SIZE = 8

export class SlotTable {
  readonly #shards: Uint32Array[] = []
  readonly #counts = new Uint32Array(SHARDS)
  readonly #hashOf: (slot: number) => number

  constructor(hashOf: (slot: number) => number) {
    this.#hashOf = hashOf
    for (let shard = 0; shard < SHARDS; shard++) this.#shards.push(new Uint32Array(FIRST_SIZE))
  }

  /** The cells to search for a hash: from `firstCell` on, wrapping, until a cell is 0. A cell holds a slot + 1. */
  cells(hash: number): Uint32Array {
    return this.#shards[hash >>> 24] as Uint32Array
  }

  add(hash: number, slot: number): void {
    const shard = hash >>> 24
    const count = (this.#counts[shard] as number) + 1
    this.#counts[shard] = count
    let cells = this.#shards[shard] as Uint32Array
    if (count * 4 > cells.length * 3) {
      const old = cells
      cells = new Uint32Array(old.length * 2)
      for (const cell of old) if (cell !== 0) place(cells, this.#hashOf(cell - 1), cell)
      this.#shards[shard] = cells
    }
    place(cells, hash, slot + 1)
  }

  /** Takes a slot out; the rows after it move up so that no search breaks off early. */
  remove(hash: number, slot: number): void {
    const shard = hash >>> 24
    const cells = this.#shards[shard] as Uint32Array
    const mask = cells.length - 1
    let hole = hash & mask
    while (cells[hole] !== slot + 1) {
      if (cells[hole] === 0) throw new Error(`slot ${slot} is not in the table`)
      hole = (hole + 1) & mask
    }
    this.#counts[shard] = (this.#counts[shard] as number) - 1
    for (let at = (hole + 1) & mask; cells[at] !== 0; at = (at + 1) & mask) {
      const home = this.#hashOf((cells[at] as number) - 1) & mask
      // It may move into the hole unless its home lies (cyclically) after the hole.
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        cells[hole] = cells[at] as number
        hole = at
      }
    }
    cells[hole] = 0
  }
}

export function firstCell(cells: Uint32Array, hash: number): number {
  return hash & (cells.length - 1)
}

export function nextCell(cells: Uint32Array, cell: number): number {
  return (cell + 1) & (cells.length - 1)
}

function place(cells: Uint32Array, hash: number, value: number): void {
  const mask = cells.length - 1
  let at = hash & mask
  while (cells[at] !== 0) at = (at + 1) & mask
  cells[at] = value
}
