/**
 * Scripts that fail inside Redis: somebody wrote into our keys, or a key has another type. The connection works and the health check passes, so
 * nothing else shows that bindings are not made or ended any more.
 */
import type { Clock } from '@dnstap-bgp/runtime'

/** A failure older than this does not count: scripts are tried again far sooner. */
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
    if (!message.includes('user_script')) return false // Redis names the place in a script by this word
    const what = script.replace(/^dnstapBgp/, '').toLowerCase()
    const why = `A script fails in Redis (${what}); did another program write into our keys? ${message.replace(/,? script: .*$/, '')}`
    this.#failed.set(script, { atMs: this.#clock.monotonic(), why })
    return true
  }

  worked(script: string): void {
    this.#failed.delete(script)
  }
}
