/**
 * Prefixes that are about to be written: withdrawals, and announcements in one bucket for each export number, so that UPDATEs are full. A
 * bucket is a list linked through `nexts`. Everything is reused from batch to batch.
 */
import { NOT_EXPORTED } from './export-profile.ts'

export class UpdateBatch {
  readonly withdrawn = new Uint32Array(BATCH_SIZE)
  withdrawals = 0
  readonly ids = new Uint32Array(BATCH_SIZE)
  /** Found by the sweep (1), or taken from the queue (0). */
  readonly swept = new Uint8Array(BATCH_SIZE)
  readonly nexts = new Int32Array(BATCH_SIZE)
  announcements = 0
  readonly exportIds: number[] = []
  readonly heads: number[] = []
  readonly tails: number[] = []
  readonly counts: number[] = []
  /** How many of a bucket are from the queue; they come first. */
  readonly queued: number[] = []
  buckets = 0
  /** Announcements of the sweep whose prefix the peer does not have yet. */
  fresh = 0
  readonly #bucketOf = new Map<number, number>()
  #lastId = NOT_EXPORTED
  #lastBucket = -1

  get full(): boolean {
    return this.withdrawals + this.announcements >= BATCH_SIZE
  }

  clear(): void {
    this.withdrawals = 0
    this.announcements = 0
    this.buckets = 0
    this.fresh = 0
    this.#bucketOf.clear()
    this.#lastId = NOT_EXPORTED
  }

  withdraw(id: number): void {
    this.withdrawn[this.withdrawals++] = id
  }

  /** True if this is the first of its bucket. */
  announce(id: number, exportId: number, swept: boolean): boolean {
    let opened = false
    if (exportId !== this.#lastId) {
      const known = this.#bucketOf.get(exportId)
      opened = known === undefined
      this.#lastBucket = known ?? this.buckets++
      this.#lastId = exportId
      if (known === undefined) {
        this.#bucketOf.set(exportId, this.#lastBucket)
        this.exportIds[this.#lastBucket] = exportId
        this.heads[this.#lastBucket] = -1
        this.counts[this.#lastBucket] = 0
        this.queued[this.#lastBucket] = 0
      }
    }
    const bucket = this.#lastBucket
    const at = this.announcements++
    this.ids[at] = id
    this.swept[at] = swept ? 1 : 0
    this.nexts[at] = -1
    if (this.heads[bucket] < 0) this.heads[bucket] = at
    else this.nexts[this.tails[bucket]] = at
    this.tails[bucket] = at
    this.counts[bucket]++
    if (!swept) this.queued[bucket]++
    return opened
  }
}

/** Prefixes taken at once: twenty full messages of IPv4. */
export const BATCH_SIZE = 16_384
