import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RouteChange, RouteChanges, StoreHead } from './route-change.ts'
import { RouteFollower, type FollowerAction } from './route-follower.ts'

const change = (n: number, ...lists: string[]): RouteChange => ({ prefix: `198.18.0.${n}/32`, lists })
const announce = (n: number) => change(n, 'default')

/** A store's log that can be asked, as the cache answers. */
class Log {
  epoch = 'a'
  changes: RouteChange[] = []
  /** First revision that the log still has. */
  from = 1
  head(): StoreHead {
    return { epoch: this.epoch, revision: this.changes.length }
  }
  since(head: StoreHead): RouteChanges | 'up-to-date' | 'gap' {
    if (head.epoch !== this.epoch || head.revision + 1 < this.from || head.revision > this.changes.length) return 'gap'
    const changes = this.changes.slice(head.revision, head.revision + 3)
    return changes.length === 0 ? 'up-to-date' : { epoch: this.epoch, firstRevision: head.revision + 1, changes }
  }
  routes(): Map<string, string> {
    const routes = new Map<string, string>()
    for (const { prefix, lists } of this.changes) {
      if (lists.length > 0) routes.set(prefix, lists.join())
      else routes.delete(prefix)
    }
    return routes
  }
  restart(): void {
    this.epoch += 'x'
    this.changes = []
    this.from = 1
  }
}

/** What an announcer does with the actions; questions are answered at once unless `deaf`. */
class Announcer {
  readonly follower = new RouteFollower()
  readonly routes = new Map<string, string>()
  readonly #log: Log
  readonly asked: string[] = []
  #unseen = new Set<string>()
  constructor(log: Log) {
    this.#log = log
  }
  do(actions: FollowerAction[]): void {
    for (const action of actions) {
      if (action.type === 'snapshot-begins') this.#unseen = new Set(this.routes.keys())
      else if (action.type === 'snapshot-ends') for (const prefix of this.#unseen) this.routes.delete(prefix)
      else if (action.type === 'apply') {
        for (const { prefix, lists } of action.changes) {
          this.#unseen.delete(prefix)
          if (lists.length > 0) this.routes.set(prefix, lists.join())
          else this.routes.delete(prefix)
        }
      } else {
        this.asked.push(action.type)
        if (action.type === 'ask-tail') this.do(this.follower.tail(this.#log.since(action.after)))
        else if (action.type === 'ask-snapshot') this.#snapshot()
        else this.do(this.follower.holeStays())
      }
    }
  }
  #snapshot(): void {
    const head = this.#log.head()
    const routes = [...this.#log.routes()].map(([prefix, lists]) => ({ prefix, lists: lists.split(',') }))
    this.do(this.follower.snapshotPart({ ...head, routes: routes.slice(0, 2) }))
    this.do(this.follower.snapshotPart({ ...head, routes: routes.slice(2) }))
    this.do(this.follower.snapshotEnded())
  }
}

function following(revision = 0, epoch = 'a'): RouteFollower {
  const follower = new RouteFollower()
  follower.start()
  follower.snapshotPart({ epoch, revision, routes: [] })
  follower.snapshotEnded()
  follower.tail('up-to-date')
  return follower
}

describe('a route follower', () => {
  test('asks for a snapshot first, and for what happened meanwhile after it', () => {
    const follower = new RouteFollower()
    expect(follower.start()).toEqual([{ type: 'ask-snapshot' }])
    expect(follower.changes({ epoch: 'a', firstRevision: 8, changes: [announce(8)] })).toEqual([])
    expect(follower.snapshotPart({ epoch: 'a', revision: 7, routes: [announce(1)] })).toEqual([
      { type: 'snapshot-begins' },
      { type: 'apply', changes: [announce(1)] },
    ])
    expect(follower.snapshotEnded()).toEqual([
      { type: 'snapshot-ends' },
      { type: 'apply', changes: [announce(8)] },
      { type: 'ask-tail', after: { epoch: 'a', revision: 8 } },
    ])
    follower.tail('up-to-date')
    expect(follower.state).toBe('following')
  })

  test('applies a change once, even if it comes several times', () => {
    const follower = following()
    const changes = { epoch: 'a', firstRevision: 1, changes: [announce(1), announce(2)] }
    expect(follower.changes(changes)).toEqual([{ type: 'apply', changes: changes.changes }])
    expect(follower.changes(changes)).toEqual([])
    expect(follower.changes({ epoch: 'a', firstRevision: 2, changes: [announce(2), announce(3)] })).toEqual([
      { type: 'apply', changes: [announce(3)] },
    ])
    expect(follower.head.revision).toBe(3)
  })

  test('holds changes beyond a hole back until the hole fills', () => {
    const follower = following()
    expect(follower.changes({ epoch: 'a', firstRevision: 2, changes: [announce(2)] })).toEqual([{ type: 'watch-hole' }])
    expect(follower.changes({ epoch: 'a', firstRevision: 1, changes: [announce(1)] })).toEqual([
      { type: 'apply', changes: [announce(1)] },
      { type: 'apply', changes: [announce(2)] },
    ])
    expect(follower.holeStays()).toEqual([])
  })

  test('asks for the tail when a hole stays, and for a snapshot when the log does not reach back', () => {
    const follower = following()
    follower.changes({ epoch: 'a', firstRevision: 5, changes: [announce(5)] })
    expect(follower.holeStays()).toEqual([{ type: 'ask-tail', after: { epoch: 'a', revision: 0 } }])
    expect(follower.tail('gap')).toEqual([{ type: 'ask-snapshot' }])
  })

  test('finds a lost last change by the heartbeat', () => {
    const follower = following(4)
    expect(follower.headHeard({ epoch: 'a', revision: 4 })).toEqual([])
    expect(follower.headHeard({ epoch: 'a', revision: 5 })).toEqual([{ type: 'ask-tail', after: { epoch: 'a', revision: 4 } }])
  })

  test.each([
    ['a change', (f: RouteFollower) => f.changes({ epoch: 'b', firstRevision: 5, changes: [announce(5)] })],
    ['the heartbeat', (f: RouteFollower) => f.headHeard({ epoch: 'b', revision: 4 })],
  ])('a new epoch in %s voids everything known', (_name, event) => {
    expect(event(following(4))).toEqual([{ type: 'ask-snapshot' }])
  })

  test('a snapshot whose parts disagree is begun again', () => {
    const follower = new RouteFollower()
    follower.start()
    follower.snapshotPart({ epoch: 'a', revision: 1, routes: [] })
    expect(follower.snapshotPart({ epoch: 'a', revision: 2, routes: [] })).toEqual([{ type: 'ask-snapshot' }])
  })

  test('a tail that moves nothing is not asked for again and again', () => {
    const follower = following(4)
    follower.headHeard({ epoch: 'a', revision: 5 })
    expect(follower.tail({ epoch: 'a', firstRevision: 3, changes: [announce(3), announce(4)] })).toEqual([])
    expect(follower.state).toBe('following')
  })

  test('ends with the store’s own routes whatever the bus loses, repeats and reorders', () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          type: fc.constant('change' as const),
          n: fc.nat(5),
          up: fc.boolean(),
          fate: fc.constantFrom('sent', 'lost', 'late', 'twice'),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          type: fc.constantFrom('restart' as const, 'trim' as const, 'late' as const, 'reconnect' as const, 'heartbeat' as const),
        }),
      },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const log = new Log()
        const announcer = new Announcer(log)
        announcer.do(announcer.follower.start())
        const late: RouteChanges[] = []
        for (const one of steps) {
          if (one.type === 'change') {
            log.changes.push(one.up ? announce(one.n) : change(one.n))
            const message = { epoch: log.epoch, firstRevision: log.changes.length, changes: log.changes.slice(-1) }
            if (one.fate === 'late') late.push(message)
            else if (one.fate !== 'lost') announcer.do(announcer.follower.changes(message))
            if (one.fate === 'twice') announcer.do(announcer.follower.changes(message))
          } else if (one.type === 'restart') log.restart()
          else if (one.type === 'trim') log.from = log.changes.length + 1
          else if (one.type === 'reconnect') announcer.do(announcer.follower.reconnected())
          else if (one.type === 'heartbeat') announcer.do(announcer.follower.headHeard(log.head()))
          else for (const message of late.splice(0).reverse()) announcer.do(announcer.follower.changes(message))
        }
        announcer.do(announcer.follower.headHeard(log.head()))
        expect(announcer.follower.head).toEqual(log.head())
        expect([...announcer.routes].sort()).toEqual([...log.routes()].sort())
      }),
      { numRuns: 1000 },
    )
  })
})
