/** A store beside its obvious twin: random calls, the same to both, and every answer compared. */
import type { RouteChanges } from '@dnstap-bgp/steering'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { IpStore, NewDeadline, Sighting, StoreLimits } from '../src/ip-store.ts'
import { keyOf, ObviousStore } from './obvious-store.ts'
import { allBindings, chunks, follow, ordered, sorted, T0 } from './samples.ts'

/** A random call. Small alphabets, so that calls meet. */
export type Operation =
  | { readonly call: 'observe'; readonly sightings: readonly Sighting[]; readonly limits: StoreLimits }
  | { readonly call: 'expire'; readonly nowMs: number; readonly limit: number }
  | { readonly call: 'forget'; readonly keys: readonly Sighting[] }
  | { readonly call: 'reschedule'; readonly deadlines: readonly Sighting[] }

const time = fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 1, max: 60 }) }, { weight: 1, arbitrary: fc.constant(Infinity) })
const anySighting: fc.Arbitrary<Sighting> = fc
  .record({
    list: fc.constantFrom('a', 'b', 'c'),
    name: fc.constantFrom('one.example', 'two.example', 'three.example', 'four.example', ''),
    prefix: fc.constantFrom('192.0.2.1/32', '192.0.2.2/32', '192.0.2.3/32', '2001:db8::1/128', '2001:db8::2/128'),
    seenAtMs: fc.integer({ min: 0, max: 40 }),
    expiresAtMs: time,
    source: fc.constantFrom('s1', 's2'),
    rule: fc.constantFrom('r1', 'r2'),
    chain: fc.constantFrom(['q.example'], ['one.example'], []),
    noNewRoute: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  })
  .map((seen) => ({ ...seen, seenAtMs: seen.seenAtMs + T0, expiresAtMs: seen.expiresAtMs + T0 }))
const ceiling = fc.oneof(
  { weight: 3, arbitrary: fc.constant(Infinity) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 4 }) },
)
const anyLimits: fc.Arbitrary<StoreLimits> = fc.record({
  namesPerPrefix: ceiling,
  prefixesPerName: ceiling,
  routesPerList: fc.option(ceiling, { nil: undefined }).map((of) => new Map(of === undefined ? [] : [['a', of]])),
  routes: ceiling,
})
const sightings = (maxLength: number) => fc.array(anySighting, { maxLength })

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ call: fc.constant('observe' as const), sightings: sightings(8), limits: anyLimits }) },
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constant('expire' as const),
      nowMs: fc.integer({ min: 0, max: 60 }).map((ms) => ms + T0),
      limit: fc.constantFrom(1, 2, 1_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('forget' as const), keys: sightings(4) }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('reschedule' as const), deadlines: sightings(4) }) },
)

/** A store and its obvious twin, asked the same; every answer compared, and the routes followed from the changes told. */
export class Twin {
  readonly obvious = new ObviousStore()
  readonly #store: IpStore
  readonly #followed = new Map<string, readonly string[]>()
  #revision = 0

  constructor(store: IpStore) {
    this.#store = store
  }

  /** The twin of a store that holds something already; what it holds is taken as true. */
  static async of(store: IpStore): Promise<Twin> {
    const twin = new Twin(store)
    for (const binding of await allBindings(store)) twin.obvious.bindings.set(keyOf(binding), binding)
    for (const [prefix, lists] of twin.obvious.routes()) twin.#followed.set(prefix, lists)
    twin.#revision = (await store.head()).revision
    return twin
  }

  async apply(asked: Operation): Promise<void> {
    if (asked.call === 'observe') {
      const expected = asked.sightings.map((seen) => this.obvious.observe(seen, asked.limits))
      const answer = await this.#store.observe(asked.sightings, asked.limits)
      expect(answer.outcomes).toEqual(expected)
      this.#follow(answer.changes)
    } else if (asked.call === 'expire') {
      await this.#expire(asked.nowMs, asked.limit)
    } else if (asked.call === 'forget') {
      for (const key of asked.keys) this.obvious.forget(key)
      this.#follow(await this.#store.forget(asked.keys))
    } else {
      const deadlines = asked.deadlines.map((one) => this.#asRead(one))
      for (const deadline of deadlines) this.obvious.reschedule(deadline)
      await this.#store.reschedule(deadlines)
    }
    expect(sorted(this.#followed)).toEqual(sorted(this.obvious.routes()))
    expect((await this.#store.head()).revision).toBe(this.#revision)
  }

  /** Half of them as the binding is now, so that most take effect. */
  #asRead(asked: Sighting): NewDeadline {
    const known = this.obvious.bindings.get(keyOf(asked))
    return known === undefined || asked.seenAtMs % 2 === 0 ? asked : { ...asked, seenAtMs: known.seenAtMs }
  }

  /** Which of several due at one instant go first is the store's choice: we take its word, if it kept the order of deadlines. */
  async #expire(nowMs: number, limit: number): Promise<void> {
    const due = this.obvious.due(nowMs)
    const answer = await this.#store.expire(nowMs, limit)
    expect(answer.bindings).toBe(Math.min(limit, due.length))
    const left = new Set((await allBindings(this.#store)).map(keyOf))
    const gone = due.filter((binding) => !left.has(keyOf(binding)))
    const spared = due.filter((binding) => left.has(keyOf(binding)))
    expect(gone.length).toBe(answer.bindings)
    const lastGone = Math.max(-Infinity, ...gone.map((binding) => binding.expiresAtMs))
    expect(lastGone).toBeLessThanOrEqual(Math.min(Infinity, ...spared.map((binding) => binding.expiresAtMs)))
    for (const binding of gone) this.obvious.forget(binding)
    const next = Math.min(Infinity, ...[...this.obvious.bindings.values()].map((binding) => binding.expiresAtMs))
    expect(answer.nextDeadlineMs).toBe(next === Infinity ? undefined : next)
    this.#follow(answer.changes)
  }

  #follow(changes: RouteChanges | undefined): void {
    if (changes === undefined) return
    expect(changes.changes.length).toBeGreaterThan(0)
    expect(changes.firstRevision).toBe(this.#revision + 1)
    for (const change of changes.changes) expect(change.lists, change.prefix).not.toEqual(this.#followed.get(change.prefix) ?? [])
    follow(this.#followed, changes)
    this.#revision += changes.changes.length
  }

  async compareAll(): Promise<void> {
    const expected = [...this.obvious.bindings.values()]
    const routes = this.obvious.routes()
    expect(ordered(await allBindings(this.#store))).toEqual(ordered(expected))
    for (const prefix of routes.keys()) {
      const bindings = await this.#store.bindingsOf(prefix)
      expect(ordered(bindings)).toEqual(ordered(expected.filter((binding) => binding.prefix === prefix)))
    }
    for (const name of new Set(expected.map((binding) => binding.name))) {
      const bindings = await this.#store.bindingsNamed(name)
      expect(ordered(bindings)).toEqual(ordered(expected.filter((binding) => binding.name === name)))
    }
    const snapshot = (await chunks(this.#store.snapshot())).flatMap((chunk) => chunk.routes)
    expect(sorted(new Map(snapshot.map((route) => [route.prefix, route.lists])))).toEqual(sorted(routes))
    expect(snapshot.length).toBe(routes.size)
    const perList = new Map<string, number>()
    for (const list of new Set(expected.map((binding) => binding.list))) {
      perList.set(list, [...routes.values()].filter((lists) => lists.includes(list)).length)
    }
    const counts = await this.#store.counts()
    expect(counts).toMatchObject({ bindings: expected.length, routes: routes.size })
    expect(sorted(counts.routesPerList)).toEqual(sorted(perList))
  }
}
