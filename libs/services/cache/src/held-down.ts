/** Names and prefixes that an operator forgot by hand and that stay out for a while. */
import type { Forgotten } from '@dnstap-bgp/steering'

/** Remembered at a time; the oldest go first. */
const MAX_HELD_DOWN = 10_000
/** What another replica says of the time that is left may be older by this. */
const ON_THE_WAY_MS = 1000

export class HeldDown {
  /** By subject (as stored): until when, on a clock that does not step. */
  readonly #untilMs = new Map<string, number>()

  /** False: it is held down already, for as long or longer; a hold-down does not become shorter. */
  set({ subject, holdDownMs }: Forgotten, nowMs: number): boolean {
    const leftMs = this.leftMs(subject, nowMs)
    if (holdDownMs <= 0 || (leftMs > 0 && holdDownMs <= leftMs + ON_THE_WAY_MS)) return false
    for (const [held, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(held)
    this.#untilMs.delete(subject)
    this.#untilMs.set(subject, nowMs + holdDownMs)
    const [oldest] = this.#untilMs.keys()
    if (this.#untilMs.size > MAX_HELD_DOWN && oldest !== undefined) this.#untilMs.delete(oldest)
    return true
  }

  /** For how long yet a name or prefix stays out; 0: it does not. */
  leftMs(subject: string, nowMs: number): number {
    return this.#untilMs.size === 0 ? 0 : Math.max(0, (this.#untilMs.get(subject) ?? 0) - nowMs)
  }

  /** Does the name or the prefix stay out? */
  has(name: string, prefix: string, nowMs: number): boolean {
    return this.leftMs(name, nowMs) > 0 || this.leftMs(prefix, nowMs) > 0
  }

  /** What is held, for those who may not know. */
  all(nowMs: number): readonly Forgotten[] {
    return [...this.#untilMs]
      .map(([subject, untilMs]) => ({ subject, holdDownMs: untilMs - nowMs }))
      .filter(({ holdDownMs }) => holdDownMs > 0)
  }
}
