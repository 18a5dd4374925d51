/**
 * How many new routes each list may make now: its rate, and ten times that while a store that lost routes is taught again.
 *
 * Raised, not lifted: the owner of a listed name could flood routers in just that time. Raised only after a loss that this process saw: a
 * store that is empty at the start may always have been empty.
 */
import type { CacheConfig } from './cache-config.ts'
import { TokenBucket } from './token-bucket.ts'

const RAISED = 10

export class NewRouteRates {
  /** By list that has a rate. */
  #buckets: Map<string, TokenBucket>
  #raised: Map<string, TokenBucket>
  #raisedUntilMs = -Infinity

  constructor(config: Pick<CacheConfig, 'lists'>, nowMs: number) {
    this.#buckets = bucketsOf(config, nowMs, 1)
    this.#raised = new Map()
  }

  /** A list whose rate was not edited goes on with the bucket it has. */
  reconfigure(config: Pick<CacheConfig, 'lists'>, nowMs: number): void {
    this.#buckets = bucketsOf(config, nowMs, 1, this.#buckets)
    this.#raised = bucketsOf(config, nowMs, RAISED, this.#raised)
  }

  /** The store lost routes; it is taught again until then. */
  raise(config: Pick<CacheConfig, 'lists'>, nowMs: number, untilMs: number): void {
    this.#raised = bucketsOf(config, nowMs, RAISED)
    this.#raisedUntilMs = untilMs
  }

  /** May the list make one more, when `planned` says what each list may cost already? Adds it to what is planned. */
  mayMake(list: string, planned: Map<string, number>, nowMs: number): boolean {
    const bucket = this.#bucketOf(list, nowMs)
    if (bucket === undefined) return true
    const count = (planned.get(list) ?? 0) + 1
    if (bucket.available(nowMs) < count) return false
    planned.set(list, count)
    return true
  }

  /** It made one. */
  pay(list: string, nowMs: number): void {
    this.#bucketOf(list, nowMs)?.spend(1)
  }

  #bucketOf(list: string, nowMs: number): TokenBucket | undefined {
    return (nowMs < this.#raisedUntilMs ? this.#raised : this.#buckets).get(list)
  }
}

function bucketsOf(
  config: Pick<CacheConfig, 'lists'>,
  nowMs: number,
  factor: number,
  before: ReadonlyMap<string, TokenBucket> = new Map(),
): Map<string, TokenBucket> {
  const capped = config.lists.filter((list) => list.newRoutesPerSecond !== Infinity)
  return new Map(
    capped.map(({ name, newRoutesPerSecond, newRoutesBurst }) => {
      const [perSecond, burst] = [factor * newRoutesPerSecond, factor * newRoutesBurst]
      const known = before.get(name)
      const isSame = known?.perSecond === perSecond && known.burst === burst
      return [name, isSame ? known : new TokenBucket(perSecond, burst, nowMs)]
    }),
  )
}
