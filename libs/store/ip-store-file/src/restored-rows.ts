/** Puts rows from disk back into the table, and counts what became of them. The same for parts, a copy and an LMDB file. */
import type { BindingTable } from '@dnstap-bgp/ip-store'
import type { PendingRows } from './pending-rows.ts'
import type { StoreClock } from './store-clock.ts'

/** What was found when the store was opened. */
export interface LoadedBindings {
  readonly bindings: number
  /** Had expired meanwhile; never announced. */
  readonly due: number
  /** Rows that made no sense and were skipped. */
  readonly corrupt: number
}

/** The loop is held no longer than this for loading. */
const SLICE_MS = 5

export class RestoredRows {
  readonly #table: BindingTable
  readonly #pending: PendingRows
  readonly #time: StoreClock
  readonly #monotonic: () => number
  #sliceStartMs: number
  #nowMs: number
  #isTimeSure = false
  #lastSeenMs = 0
  #due = 0
  #corrupt = 0

  constructor(table: BindingTable, pending: PendingRows, time: StoreClock, monotonic: () => number) {
    this.#table = table
    this.#pending = pending
    this.#time = time
    this.#monotonic = monotonic
    this.#sliceStartMs = monotonic()
    this.#nowMs = time.now()
  }

  anchor(text: string): void {
    this.#isTimeSure = this.#time.goOnFrom(text)
    this.#nowMs = this.#time.now()
  }

  /** @param part where it stands, and was checked; 0: in no part, as all is written anew */
  row(slot: number, part: number, bytes: Uint8Array, view: DataView, at: number, end: number): void {
    const outcome = this.#table.restoreRow(slot, bytes, view, at, end, this.#nowMs, part !== 0)
    if (outcome === 'restored') {
      this.#pending.restored(slot, part)
      this.#lastSeenMs = Math.max(this.#lastSeenMs, this.#table.seenAtMs(slot))
      return
    }
    if (outcome === 'due') this.#due++
    else this.#corrupt++
    if (part === 0) return
    this.#pending.placed(slot, part)
    this.#pending.change(slot) // so that the next start does not find it again
  }

  corruptRow(): void {
    this.#corrupt++
  }

  pause(): Promise<void> | undefined {
    if (this.#monotonic() - this.#sliceStartMs <= SLICE_MS) return undefined
    return new Promise((resolve) =>
      setImmediate(() => {
        this.#sliceStartMs = this.#monotonic()
        resolve()
      }),
    )
  }

  /** All rows have been told. */
  end(): LoadedBindings {
    this.#table.restored()
    if (!this.#isTimeSure) this.#time.atLeast(this.#lastSeenMs)
    return { bindings: this.#table.size, due: this.#due, corrupt: this.#corrupt }
  }
}
