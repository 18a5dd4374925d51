/** Names and prefixes that an operator forgot by hand and that stay out for a while. */
import type { Forgotten } from '@dnstap-bgp/steering'

/** Remembered at a time; the oldest go first. */
const MAX_HELD_DOWN = 10_000

export class HeldDown {
  /** By subject (as stored): until when, on a clock that does not step. */
  readonly #untilMs = new Map<string, number>()

  set({ subject, holdDownMs }: Forgotten, nowMs: number): void {
    for (const [held, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(held)
    this.#untilMs.delete(subject)
    this.#untilMs.set(subject, nowMs + holdDownMs)
    if (this.#untilMs.size <= MAX_HELD_DOWN) return
    const [oldest] = this.#untilMs.keys()
    if (oldest !== undefined) this.#untilMs.delete(oldest)
  }

  /** For how long yet a name or prefix stays out; 0: it does not. */
  leftMs(subject: string, nowMs: number): number {
    return this.#untilMs.size === 0 ? 0 : Math.max(0, (this.#untilMs.get(subject) ?? 0) - nowMs)
  }

  /** Does the name or the prefix stay out? */
  has(name: string, prefix: string, nowMs: number): boolean {
    return this.leftMs(name, nowMs) > 0 || this.leftMs(prefix, nowMs) > 0
  }

  /** What is held, for a replica that starts. */
  all(nowMs: number): readonly Forgotten[] {
    return [...this.#untilMs]
      .map(([subject, untilMs]) => ({ subject, holdDownMs: untilMs - nowMs }))
      .filter(({ holdDownMs }) => holdDownMs > 0)
  }
}
