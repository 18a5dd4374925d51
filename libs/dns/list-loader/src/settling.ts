/**
 * Waits until a changed source stays the same, so that a file is not read while it is half written.
 *
 *   hint() ──▶ signature ──▶ signature ──▶ twice the same: read it
 *
 * A source that never stays the same (a file that is appended to all the time) is read as it is after `longestMs`.
 */
import type { Clock, Timer } from '@dnstap-bgp/runtime'

export interface SettlingOptions {
  readonly clock: Clock
  /** Time between two signatures. */
  readonly settleMs: number
  readonly longestMs: number
  /** The signature of the source now (list-files.ts). */
  readonly look: (source: string) => Promise<string>
  /** Was the source read when it had this signature? */
  readonly isRead: (source: string, signature: string) => boolean
  readonly read: (source: string) => void
}

interface Waiting {
  readonly sinceMs: number
  timer: Timer
  /** The last signature. */
  seen: string | undefined
  /** hint() was called after the last signature was begun. */
  isHinted: boolean
}

export class Settling {
  readonly #options: SettlingOptions
  readonly #waiting = new Map<string, Waiting>() // by source

  constructor(options: SettlingOptions) {
    this.#options = options
  }

  /** The source may have changed. A wait that has begun goes on: many hints do not make it longer. */
  hint(source: string): void {
    const waiting = this.#waiting.get(source)
    if (waiting !== undefined) {
      waiting.isHinted = true
      return
    }
    const sinceMs = this.#options.clock.monotonic()
    this.#waiting.set(source, { sinceMs, timer: this.#lookLater(source), seen: undefined, isHinted: false })
  }

  close(): void {
    for (const { timer } of this.#waiting.values()) timer.cancel()
    this.#waiting.clear()
  }

  #lookLater(source: string): Timer {
    return this.#options.clock.after(this.#options.settleMs, () => {
      const waiting = this.#waiting.get(source)
      if (waiting !== undefined) void this.#look(source, waiting)
    })
  }

  async #look(source: string, waiting: Waiting): Promise<void> {
    const { clock, longestMs, look, isRead, read } = this.#options
    waiting.isHinted = false
    const signature = await look(source)
    if (this.#waiting.get(source) !== waiting) return // closed meanwhile
    const isOverdue = clock.monotonic() - waiting.sinceMs >= longestMs
    if (isRead(source, signature)) {
      this.#waiting.delete(source)
      if (waiting.isHinted) this.hint(source)
    } else if (signature === waiting.seen || isOverdue) {
      this.#waiting.delete(source)
      read(source)
    } else {
      waiting.seen = signature
      waiting.timer = this.#lookLater(source)
    }
  }
}
