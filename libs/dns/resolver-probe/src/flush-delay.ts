/**
 * How long a lone answer waits in a resolver until we have it, from the times between the batches that it sends.
 *
 * Each batch brings all that waited. So an answer that is given at any moment waits until the end of the gap it falls into, and the share of
 * answers that wait longer than x is the sum of (gap - x) over the gaps longer than x, divided by the time. Gaps are sorted into buckets
 * with their number and sum: exact at the edges of buckets, and bounded.
 *
 *     share(x) = Σ over buckets above x of (sum - number * x) / time
 *
 * The edges are 0, 1, ... 100 ms, then every 20 ms to 2.5 s. The last bucket has the longer gaps.
 */
const FINE_EDGES = 100
const COARSE_MS = 20
const LONGEST_MS = 2500
const BUCKETS = FINE_EDGES + (LONGEST_MS - FINE_EDGES) / COARSE_MS + 1

export class FlushDelay {
  readonly #numbers = new Float64Array(BUCKETS)
  readonly #sums = new Float64Array(BUCKETS)
  #timeMs = 0

  /** The time covered by gaps. */
  get timeMs(): number {
    return this.#timeMs
  }

  add(gapMs: number): void {
    if (!(gapMs > 0)) return
    const bucket = bucketOf(gapMs)
    this.#numbers[bucket]++
    this.#sums[bucket] += gapMs
    this.#timeMs += gapMs
  }

  /** The share of answers that wait longer than this; 0 when nothing is known. */
  shareAbove(ms: number): number {
    if (this.#timeMs === 0) return 0
    let sum = 0
    for (let bucket = bucketOf(ms); bucket < BUCKETS; bucket++)
      sum += Math.max(0, this.#sums[bucket] - this.#numbers[bucket] * ms)
    return sum / this.#timeMs
  }

  /** This share of answers waits no longer: to a millisecond below 0.1 s, then to 20 ms. Undefined when nothing is known. */
  quantileMs(share: number): number | undefined {
    if (this.#timeMs === 0) return undefined
    let low = 0
    let high = BUCKETS
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.shareAbove(edgeOf(middle)) <= 1 - share) high = middle
      else low = middle + 1
    }
    return edgeOf(low)
  }

  clear(): void {
    this.#numbers.fill(0)
    this.#sums.fill(0)
    this.#timeMs = 0
  }
}

/** The bucket of a gap; its lower edge is edgeOf(). */
function bucketOf(ms: number): number {
  if (ms < FINE_EDGES) return Math.floor(ms)
  return Math.min(BUCKETS - 1, FINE_EDGES + Math.floor((ms - FINE_EDGES) / COARSE_MS))
}

function edgeOf(bucket: number): number {
  return bucket <= FINE_EDGES ? bucket : FINE_EDGES + (bucket - FINE_EDGES) * COARSE_MS
}
