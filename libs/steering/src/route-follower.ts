/**
 * Keeps a follower's picture of the routes true to the store's, whatever the bus loses, repeats or reorders.
 *
 * One for each announcer. Sans-IO: events in, actions out; the service asks the questions on the bus and keeps the timers.
 *
 *              changes that fit: apply                      gap, hole that stays, head ahead of us: ask TAIL
 *   ┌─────────┐  snapshot done   ┌───────────┐ ──────────────────────────────────────────────────▶ ┌─────────┐
 *   │ loading │ ───────────────▶ │ following │                                                     │ tailing │
 *   └─────────┘                  └───────────┘ ◀────────────────────────────────────────────────── └─────────┘
 *        ▲       other epoch, or the tail says "gap": ask SNAPSHOT          │      up to date
 *        └──────────────────────────────────────────────────────────────────┘
 *
 * The one idea: `head` is the last revision applied without a hole before it. Changes beyond a hole wait in a bounded buffer, keyed by
 * their first revision; when the hole fills they follow, when it does not the tail is asked for, and a tail that cannot help means a
 * snapshot. A snapshot is a replacement by difference: what it does not name is withdrawn when it is complete, nothing before.
 */
import type { RouteChange, RouteChanges, RoutesChunk, StoreHead, TailPart } from './route-change.ts'

export type FollowerAction =
  /** Apply these to the route table, in order. */
  | { readonly type: 'apply'; readonly changes: readonly RouteChange[] }
  /** Everything that was not applied since the last `snapshot-begins` is gone. */
  | { readonly type: 'snapshot-begins' }
  | { readonly type: 'snapshot-ends' }
  | { readonly type: 'ask-snapshot' }
  | { readonly type: 'ask-tail'; readonly after: StoreHead }
  /** A hole: if it is still there after a moment, call holeStays(). */
  | { readonly type: 'watch-hole' }

export type FollowerState = 'loading' | 'following' | 'tailing'

/** Out-of-order changes kept while a hole before them may still fill. */
const MAX_WAITING_CHANGES = 100_000

export class RouteFollower {
  state: FollowerState = 'loading'
  #head: StoreHead = { epoch: '', revision: 0 }
  /** Beyond a hole, or arrived during a snapshot: by first revision. */
  readonly #waiting = new Map<number, RouteChanges>()
  #waitingChanges = 0
  #inSnapshot = false

  /** The last revision that was applied with everything before it. */
  get head(): StoreHead {
    return this.#head
  }

  /** At start, and after the bus came back and nothing is known. */
  start(): FollowerAction[] {
    return this.#load()
  }

  /** The bus is back: whatever was published meanwhile is missing. */
  reconnected(): FollowerAction[] {
    if (this.state === 'loading') return this.#load()
    return this.#tail()
  }

  changes(changes: RouteChanges): FollowerAction[] {
    if (this.state === 'loading') {
      this.#wait(changes)
      return []
    }
    if (changes.epoch !== this.#head.epoch) return this.#load()
    const next = this.#head.revision + 1
    if (changes.firstRevision > next) {
      this.#wait(changes)
      if (this.#waitingChanges > MAX_WAITING_CHANGES) return this.state === 'tailing' ? [] : this.#tail()
      return this.state === 'following' ? [{ type: 'watch-hole' }] : []
    }
    return [...this.#apply(changes), ...this.#applyWaiting()]
  }

  /** The heartbeat. */
  headHeard(head: StoreHead): FollowerAction[] {
    if (this.state === 'loading') return []
    if (head.epoch !== this.#head.epoch) return this.#load()
    // Ahead of us: something was lost. Behind us: an old heartbeat, or a store that lost its last changes and counts them anew; the
    // tail tells which.
    return head.revision !== this.#head.revision && this.state === 'following' ? this.#tail() : []
  }

  /** Some time after `watch-hole`. */
  holeStays(): FollowerAction[] {
    return this.state === 'following' && this.#waiting.size > 0 ? this.#tail() : []
  }

  tail(part: TailPart): FollowerAction[] {
    if (this.state !== 'tailing') return []
    if (part === 'gap') return this.#load()
    if (part === 'up-to-date') {
      this.state = 'following'
      const actions = this.#applyWaiting()
      return this.#waiting.size > 0 ? [...actions, { type: 'watch-hole' }] : actions
    }
    if (part.epoch !== this.#head.epoch || part.firstRevision > this.#head.revision + 1) return this.#load()
    const before = this.#head.revision
    const actions = [...this.#apply(part), ...this.#applyWaiting()]
    // A tail that moves us nowhere would be asked for ever.
    if (this.#head.revision === before) this.state = 'following'
    else actions.push({ type: 'ask-tail', after: this.#head })
    return actions
  }

  snapshotPart(chunk: RoutesChunk): FollowerAction[] {
    if (this.state !== 'loading') return []
    const actions: FollowerAction[] = []
    if (!this.#inSnapshot) {
      this.#inSnapshot = true
      this.#head = { epoch: chunk.epoch, revision: chunk.revision }
      actions.push({ type: 'snapshot-begins' })
    } else if (chunk.epoch !== this.#head.epoch || chunk.revision !== this.#head.revision) return this.#load()
    actions.push({ type: 'apply', changes: chunk.routes })
    return actions
  }

  /** The snapshot's last part was given. */
  snapshotEnded(): FollowerAction[] {
    if (this.state !== 'loading' || !this.#inSnapshot) return []
    this.#inSnapshot = false
    this.state = 'following'
    // What happened while the snapshot was on its way: waiting changes first, the log for the rest.
    return [{ type: 'snapshot-ends' }, ...this.#applyWaiting(), ...this.#tail()]
  }

  /** The question failed (nobody answered, the answer broke off): the service asks again in a while by start() or reconnected(). */
  askFailed(): void {
    this.#inSnapshot = false
    if (this.state === 'tailing') this.state = 'following'
  }

  #load(): FollowerAction[] {
    this.state = 'loading'
    this.#inSnapshot = false
    this.#forgetWaiting()
    return [{ type: 'ask-snapshot' }]
  }

  #tail(): FollowerAction[] {
    this.state = 'tailing'
    return [{ type: 'ask-tail', after: this.#head }]
  }

  /** Applies what is new in changes that start at or before the next revision. */
  #apply(changes: RouteChanges): FollowerAction[] {
    const known = this.#head.revision + 1 - changes.firstRevision
    if (known >= changes.changes.length) return []
    this.#head = { epoch: changes.epoch, revision: changes.firstRevision + changes.changes.length - 1 }
    return [{ type: 'apply', changes: known === 0 ? changes.changes : changes.changes.slice(known) }]
  }

  #applyWaiting(): FollowerAction[] {
    const actions: FollowerAction[] = []
    for (const first of [...this.#waiting.keys()].sort((a, b) => a - b)) {
      const changes = this.#waiting.get(first)
      if (changes === undefined || (changes.epoch === this.#head.epoch && first > this.#head.revision + 1)) continue
      this.#waiting.delete(first)
      this.#waitingChanges -= changes.changes.length
      if (changes.epoch === this.#head.epoch) actions.push(...this.#apply(changes))
    }
    return actions
  }

  #wait(changes: RouteChanges): void {
    if (this.#waitingChanges > MAX_WAITING_CHANGES) this.#forgetWaiting()
    const there = this.#waiting.get(changes.firstRevision)
    if (there !== undefined) this.#waitingChanges -= there.changes.length
    this.#waiting.set(changes.firstRevision, changes)
    this.#waitingChanges += changes.changes.length
  }

  #forgetWaiting(): void {
    this.#waiting.clear()
    this.#waitingChanges = 0
  }
}
