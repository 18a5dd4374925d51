/** Redis must not evict our keys when its memory is full. The policy may be changed while Redis runs, so it is checked again and again. */
import type { Log } from '@dnstap-bgp/runtime'

export class EvictionWatch {
  readonly #log: Log
  #policy = 'noeviction'

  constructor(log: Log) {
    this.#log = log
  }

  /** A sentence for the operator; undefined: all is well. */
  get concern(): string | undefined {
    if (this.#policy === 'noeviction') return undefined
    return `Redis may evict our keys when its memory is full (maxmemory-policy ${this.#policy}); set maxmemory-policy noeviction.`
  }

  /** CONFIG GET maxmemory-policy answered this. */
  heard(policy: string): void {
    if (policy === this.#policy) return
    this.#policy = policy
    if (this.concern === undefined) this.#log.info({ policy }, 'Redis does not evict our keys any more.')
    else this.#log.warn({ policy }, 'Redis may evict our keys when its memory is full; set maxmemory-policy noeviction.')
  }
}
