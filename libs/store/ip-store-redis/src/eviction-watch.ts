/** Redis must not evict our keys when its memory is full. Its policy may be changed while it runs, so it is looked at now and then. */
import type { Log } from '@dnstap-bgp/runtime'

export class EvictionWatch {
  readonly #log: Log
  #policy = 'noeviction'

  constructor(log: Log) {
    this.#log = log
  }

  /** What an operator should know, in a sentence; undefined: all is well. */
  get concern(): string | undefined {
    if (this.#policy === 'noeviction') return undefined
    return `Redis may evict our keys when its memory is full (maxmemory-policy ${this.#policy}); set maxmemory-policy noeviction.`
  }

  /** What CONFIG GET maxmemory-policy says now. */
  heard(policy: string): void {
    if (policy === this.#policy) return
    this.#policy = policy
    if (this.concern === undefined) this.#log.info({ policy }, 'Redis does not evict our keys any more')
    else this.#log.warn({ policy }, 'Redis may evict our keys when its memory is full; set maxmemory-policy noeviction')
  }
}
