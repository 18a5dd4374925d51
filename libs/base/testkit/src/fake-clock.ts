/** A clock that only moves when told to; timers fire in the order of their times, then of their making. */
import type { Clock, Timer } from '@dnstap-bgp/runtime'

interface Pending {
  readonly callback: () => void
  readonly periodMs: number | undefined
  dueMs: number
  readonly order: number
}

export class FakeClock implements Clock {
  #elapsedMs = 0
  #wallMs: number
  #made = 0
  readonly #pending = new Set<Pending>()

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = startMs
  }

  now(): number {
    return this.#wallMs
  }

  monotonic(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#add({ callback, periodMs: undefined, dueMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#made++ })
  }

  every(periodMs: number, callback: () => void): Timer {
    return this.#add({ callback, periodMs, dueMs: this.#elapsedMs + periodMs, order: this.#made++ })
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#pending.size
  }

  /** Lets time pass; timers due on the way fire, each at its own time. */
  advance(ms: number): void {
    const until = this.#elapsedMs + ms
    for (;;) {
      let next: Pending | undefined
      for (const one of this.#pending) {
        if (one.dueMs > until) continue
        if (next === undefined || one.dueMs < next.dueMs || (one.dueMs === next.dueMs && one.order < next.order)) next = one
      }
      if (next === undefined) break
      this.#move(Math.max(0, next.dueMs - this.#elapsedMs))
      if (next.periodMs === undefined) this.#pending.delete(next)
      else next.dueMs = Math.max(next.dueMs, this.#elapsedMs) + Math.max(1, next.periodMs)
      next.callback()
    }
    this.#move(until - this.#elapsedMs)
  }

  /** The process stands still: time passes and no timer fires. What fell due meanwhile fires, once, with the next advance. */
  stall(ms: number): void {
    this.#move(ms)
  }

  /** Advances in small steps, letting promises run between them. */
  async advanceAsync(ms: number, stepMs = Math.max(1, ms / 20)): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.advance(Math.min(stepMs, ms - passed))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** The wall clock jumps; durations do not notice. */
  step(ms: number): void {
    this.#wallMs += ms
  }

  #move(ms: number): void {
    this.#elapsedMs += ms
    this.#wallMs += ms
  }

  #add(pending: Pending): Timer {
    this.#pending.add(pending)
    return { cancel: () => this.#pending.delete(pending) }
  }
}
