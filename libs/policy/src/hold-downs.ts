/** Names and prefixes that an operator forgot by hand and that stay out for a while. */

export interface HoldDown {
  /** A name or a prefix, as stored. */
  readonly subject: string
  /** How long the subject stays out from now on. */
  readonly holdDownMs: number
}

/** Remembered at a time; the oldest go first. */
const MAX_HOLD_DOWNS = 10_000
/** The remaining time that another replica reports may be too long by this: the message was on its way. */
const ON_THE_WAY_MS = 1000

/** All times are of one clock that does not step. */
export class HoldDowns {
  /** By subject: until when. */
  readonly #untilMs = new Map<string, number>()

  /** False: the subject is held down already, for as long or longer. A hold-down does not become shorter. */
  set({ subject, holdDownMs }: HoldDown, nowMs: number): boolean {
    const leftMs = this.leftMs(subject, nowMs)
    if (holdDownMs <= 0 || (leftMs > 0 && holdDownMs <= leftMs + ON_THE_WAY_MS)) return false
    for (const [known, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(known)
    this.#untilMs.delete(subject)
    this.#untilMs.set(subject, nowMs + holdDownMs)
    const [oldest] = this.#untilMs.keys()
    if (this.#untilMs.size > MAX_HOLD_DOWNS && oldest !== undefined) this.#untilMs.delete(oldest)
    return true
  }

  /** How much longer a name or a prefix stays out; 0: it is not held down. */
  leftMs(subject: string, nowMs: number): number {
    return this.#untilMs.size === 0 ? 0 : Math.max(0, (this.#untilMs.get(subject) ?? 0) - nowMs)
  }

  /** Is the name or the prefix held down? */
  has(name: string, prefix: string, nowMs: number): boolean {
    return this.leftMs(name, nowMs) > 0 || this.leftMs(prefix, nowMs) > 0
  }

  /** Every hold-down that is not over, with the time that is left. */
  all(nowMs: number): readonly HoldDown[] {
    return [...this.#untilMs]
      .map(([subject, untilMs]) => ({ subject, holdDownMs: untilMs - nowMs }))
      .filter(({ holdDownMs }) => holdDownMs > 0)
  }
}
