/**
 * The last route changes, numbered, in a ring: who missed a few asks for them, who missed more takes a snapshot.
 * Not the store's truth: bindings are. It lives as long as its epoch.
 */
import type { RouteChange, RouteChanges, StoreHead } from '@dnstap-bgp/steering'

export class ChangeLog {
  readonly epoch: string
  #revision = 0
  readonly #ring: RouteChange[] = []
  readonly #capacity: number

  constructor(epoch: string, capacity: number) {
    this.epoch = epoch
    this.#capacity = capacity
  }

  get head(): StoreHead {
    return { epoch: this.epoch, revision: this.#revision }
  }

  get revision(): number {
    return this.#revision
  }

  append(change: RouteChange): void {
    this.#ring[this.#revision % this.#capacity] = change
    this.#revision++
  }

  since(head: StoreHead, limit: number): RouteChanges | 'up-to-date' | 'gap' {
    if (head.epoch !== this.epoch || head.revision > this.#revision) return 'gap'
    if (head.revision === this.#revision) return 'up-to-date'
    if (head.revision < this.#revision - this.#capacity) return 'gap'
    const end = Math.min(this.#revision, head.revision + Math.max(1, limit))
    const changes: RouteChange[] = []
    for (let at = head.revision; at < end; at++) changes.push(this.#ring[at % this.#capacity] as RouteChange)
    return { epoch: this.epoch, firstRevision: head.revision + 1, changes }
  }
}
