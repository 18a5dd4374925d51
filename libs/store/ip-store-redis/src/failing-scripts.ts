/**
 * Scripts that Redis runs and that fail there: somebody wrote into our keys, or a key has another type. The connection is well and the beat
 * gets through, so nothing else tells that nothing is learnt or ended any more.
 */
import type { Clock } from '@dnstap-bgp/runtime'

/** Evidence that old counts no more: whatever failed is tried again far sooner. */
const KEPT_MS = 30_000

export class FailingScripts {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #failed = new Map<string, { readonly atMs: number; readonly why: string }>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Why one of them fails, in a sentence; undefined: none does. */
  get why(): string | undefined {
    const nowMs = this.#clock.monotonic()
    for (const [script, { atMs }] of this.#failed) if (nowMs - atMs >= KEPT_MS) this.#failed.delete(script)
    return this.#failed.values().next().value?.why
  }

  /** False: the error is of another kind. */
  failed(script: string, error: unknown): boolean {
    const message = error instanceof Error ? error.message : ''
    if (!message.includes('user_script')) return false // Redis names so where in a script it stopped
    const what = script.replace(/^dnstapBgp/, '').toLowerCase()
    const why = `Redis cannot do what it is told (${what}); are our keys as we wrote them? ${message.replace(/,? script: .*$/, '')}`
    this.#failed.set(script, { atMs: this.#clock.monotonic(), why })
    return true
  }

  worked(script: string): void {
    this.#failed.delete(script)
  }
}
