/** Tries again to keep last good versions that could not be written, for example because the disk was full. */
import { GrowingPause, type Clock, type Timer } from '@dnstap-bgp/runtime'
import type { ListStatus } from './list-definition.ts'

const LIMITS = { firstMs: 30_000, longestMs: 3_600_000 }

interface Retry {
  timer: Timer | undefined
  readonly pause: GrowingPause
}

export class CopyRetries {
  readonly #clock: Clock
  readonly #again: (list: string) => void
  readonly #retries = new Map<string, Retry>() // by list

  /** `again` reads the list once more, and the build then tries to keep it. */
  constructor(clock: Clock, again: (list: string) => void) {
    this.#clock = clock
    this.#again = again
  }

  /** Call it after each build. */
  note(lists: readonly Pick<ListStatus, 'name' | 'notKept'>[]): void {
    const missing = new Set(lists.filter(({ notKept }) => notKept !== undefined).map(({ name }) => name))
    for (const [name, retry] of this.#retries) {
      if (missing.has(name)) continue
      retry.timer?.cancel()
      this.#retries.delete(name)
    }
    for (const name of missing) this.#plan(name)
  }

  close(): void {
    for (const { timer } of this.#retries.values()) timer?.cancel()
    this.#retries.clear()
  }

  #plan(name: string): void {
    const retry = this.#retries.get(name) ?? { timer: undefined, pause: new GrowingPause(LIMITS) }
    if (retry.timer !== undefined) return
    retry.timer = this.#clock.after(retry.pause.nextMs(), () => {
      retry.timer = undefined
      this.#again(name)
    })
    this.#retries.set(name, retry)
  }
}
