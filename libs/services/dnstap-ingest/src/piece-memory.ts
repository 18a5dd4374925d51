/**
 * Puts chains together that arrive in pieces.
 *
 * A RESOLVER_RESPONSE stream shows what the resolver asked upstream, one link at a time: `www.listed.example CNAME x.cdn.example` in one
 * message, `x.cdn.example A 192.0.2.1` in another. So the last name of a listed chain is remembered for a short while; an answer for
 * that name then belongs to the listed one. Bounded: the oldest target is forgotten first.
 */
export interface Piece {
  /** The target that was seen last, presentation format. */
  readonly target: string
  readonly list: string
  readonly name: string
  readonly rule: string
  readonly chain: readonly string[]
  readonly ttlSeconds: number
  readonly untilSeconds: number
}

const LIFETIME_SECONDS = 30
const MAX_TARGETS = 20_000
/** A chain longer than resolvers follow is no chain. */
const MAX_LINKS = 32

export class PieceMemory {
  readonly #byTarget = new Map<string, readonly Piece[]>()
  #filter = new Uint8Array(FILTER_SIZE)
  #lastFilter = new Uint8Array(FILTER_SIZE)
  #rotatedAt = 0

  get size(): number {
    return this.#byTarget.size
  }

  /** `hash` is the target's, as given to mayKnow(). */
  remember(piece: Omit<Piece, 'untilSeconds'>, hash: number, nowSeconds: number): void {
    if (piece.chain.length > MAX_LINKS) return
    if (nowSeconds - this.#rotatedAt >= LIFETIME_SECONDS) this.#rotate(nowSeconds)
    this.#filter[hash & (FILTER_SIZE - 1)] = 1
    const others = (this.#byTarget.get(piece.target) ?? []).filter(
      (other) => other.list !== piece.list || other.name !== piece.name,
    )
    this.#byTarget.delete(piece.target)
    this.#byTarget.set(piece.target, [...others.slice(-7), { ...piece, untilSeconds: nowSeconds + LIFETIME_SECONDS }])
    if (this.#byTarget.size <= MAX_TARGETS) return
    const [oldest] = this.#byTarget.keys()
    this.#byTarget.delete(oldest)
  }

  /** False: no name with this hash was a target lately. */
  mayKnow(hash: number): boolean {
    const at = hash & (FILTER_SIZE - 1)
    return this.#filter[at] !== 0 || this.#lastFilter[at] !== 0
  }

  /** The listed names that this name was a target of, a moment ago. */
  of(target: string, nowSeconds: number): readonly Piece[] {
    const pieces = this.#byTarget.get(target)
    if (pieces === undefined) return []
    const live = pieces.filter((piece) => piece.untilSeconds > nowSeconds)
    if (live.length === 0) this.#byTarget.delete(target)
    return live
  }

  clear(): void {
    this.#byTarget.clear()
    this.#filter.fill(0)
    this.#lastFilter.fill(0)
  }

  #rotate(nowSeconds: number): void {
    const old = this.#lastFilter
    this.#lastFilter = this.#filter
    this.#filter = old.fill(0)
    this.#rotatedAt = nowSeconds
  }
}

const FILTER_SIZE = 1 << 16
