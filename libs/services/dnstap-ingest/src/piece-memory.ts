/**
 * Puts chains together that arrive in pieces.
 *
 * A RESOLVER_RESPONSE stream shows what the resolver asked upstream, one link at a time: `www.listed.example CNAME x.cdn.example` in one
 * message, `x.cdn.example A 192.0.2.1` in another. So the last name of a listed chain is remembered for a short while; an answer for
 * that name then belongs to the listed one. Bounded by targets and by characters: the oldest target is forgotten first.
 *
 * Asked for each answer of such a stream, so a filter of one byte for each hash says at once that a name was no target lately.
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

export interface PieceLimits {
  readonly targets: number
  readonly characters: number
}

const LIFETIME_SECONDS = 30
const DEFAULT_LIMITS: PieceLimits = { targets: 20_000, characters: 16_000_000 }
/** Listed names that one target may belong to. */
const MAX_PIECES = 8
/** Resolvers follow no longer chain. */
const MAX_LINKS = 32
const FILTER_SIZE = 1 << 16

export class PieceMemory {
  /** Targets forgotten before their time. */
  evicted = 0
  readonly #limits: PieceLimits
  readonly #byTarget = new Map<string, readonly Piece[]>()
  #characters = 0
  #filter = new Uint8Array(FILTER_SIZE)
  #lastFilter = new Uint8Array(FILTER_SIZE)
  #rotatedAt = 0

  constructor(limits: PieceLimits = DEFAULT_LIMITS) {
    this.#limits = limits
  }

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
    this.#forget(piece.target)
    const pieces = [...others.slice(1 - MAX_PIECES), { ...piece, untilSeconds: nowSeconds + LIFETIME_SECONDS }]
    this.#byTarget.set(piece.target, pieces)
    this.#characters += charactersOf(pieces)
    while (this.#byTarget.size > this.#limits.targets || this.#characters > this.#limits.characters) {
      const [[oldest, itsPieces]] = this.#byTarget
      this.#forget(oldest)
      if (itsPieces.some((one) => one.untilSeconds > nowSeconds)) this.evicted++
    }
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
    if (live.length === 0) this.#forget(target)
    return live
  }

  clear(): void {
    this.#byTarget.clear()
    this.#characters = 0
    this.#filter.fill(0)
    this.#lastFilter.fill(0)
  }

  #forget(target: string): void {
    const pieces = this.#byTarget.get(target)
    if (pieces === undefined) return
    this.#byTarget.delete(target)
    this.#characters -= charactersOf(pieces)
  }

  #rotate(nowSeconds: number): void {
    const old = this.#lastFilter
    this.#lastFilter = this.#filter
    this.#filter = old.fill(0)
    this.#rotatedAt = nowSeconds
  }
}

function charactersOf(pieces: readonly Piece[]): number {
  let characters = 0
  for (const { name, rule, chain } of pieces) {
    characters += name.length + rule.length + 200
    for (const one of chain) characters += one.length
  }
  return characters
}
