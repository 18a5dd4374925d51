/**
 * What every IP store must do, as a vitest suite: each sentence of ip-store.ts, then random calls against the obvious twin.
 *
 *   ipStoreConformance('files', () => openFileStore({ path: temporaryPath() }, deps))
 *
 * `openStore` gives an empty store each time; the suite closes it. Tests only: nothing that ships imports this.
 */
import type { RouteChanges, StoreHead } from '@dnstap-bgp/steering'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Binding, IpStore, NewDeadline, Sighting, StoreLimits } from './ip-store.ts'
import { keyOf, ObviousStore } from './obvious-store.ts'

export { keyOf, ObviousStore } from './obvious-store.ts'

export const NO_LIMITS: StoreLimits = {
  namesPerPrefix: Infinity,
  prefixesPerName: Infinity,
  routesPerList: new Map(),
  routes: Infinity,
}

const T0 = 1_790_000_000_000

/** example.org on the list `vpn` resolved to 192.0.2.1, unless said otherwise. */
export function sighting(differences: Partial<Sighting> = {}): Sighting {
  const name = differences.name ?? 'example.org'
  return {
    list: 'vpn',
    name,
    rule: 'example.org',
    prefix: '192.0.2.1/32',
    seenAtMs: T0,
    expiresAtMs: T0 + 1_000,
    source: 'resolver-1',
    chain: [name],
    ...differences,
  }
}

export interface ConformanceOptions {
  /** How many random runs are compared with the obvious twin. */
  readonly runs?: number
}

export function ipStoreConformance(name: string, openStore: () => Promise<IpStore>, options: ConformanceOptions = {}): void {
  const withStore = async (body: (store: IpStore) => Promise<void>) => {
    const store = await openStore()
    try {
      await body(store)
    } finally {
      await store.close()
    }
  }

  // Busy machines are slow; no sentence here is about time.
  describe(`the ${name} IP store`, { timeout: 60_000 }, () => {
    test('starts empty: revision 0, no bindings, one empty part of a snapshot', () =>
      withStore(async (store) => {
        expect(store.state).toEqual({ kind: 'ready' })
        const head = await store.head()
        expect(head.revision).toBe(0)
        expect(head.epoch).not.toBe('')
        expect(await store.counts()).toEqual({ bindings: 0, routes: 0, routesPerList: new Map() })
        expect(await parts(store.snapshot())).toEqual([{ ...head, routes: [] }])
        expect(await allBindings(store)).toEqual([])
        expect(await store.bindingsOf('192.0.2.1/32')).toEqual([])
        expect(await store.bindingsNamed('example.org')).toEqual([])
        expect(await store.changesSince(head, 10)).toBe('up-to-date')
        expect(await store.expire(T0, 10)).toEqual({ changes: undefined, bindings: 0, nextDeadlineMs: undefined })
      }))

    test('a first sighting makes a binding and a route', () =>
      withStore(async (store) => {
        const { epoch } = await store.head()
        const seen = sighting({ chain: ['www.example.org', 'example.org'] })
        expect(await store.observe([seen], NO_LIMITS)).toEqual({
          outcomes: ['new'],
          changes: { epoch, firstRevision: 1, changes: [{ prefix: '192.0.2.1/32', lists: ['vpn'] }] },
        })
        expect(await store.head()).toEqual({ epoch, revision: 1 })
        expect(await store.counts()).toEqual({ bindings: 1, routes: 1, routesPerList: new Map([['vpn', 1]]) })
        const binding = { ...seen, firstSeenMs: T0 }
        expect(await store.bindingsOf('192.0.2.1/32')).toEqual([binding])
        expect(await store.bindingsNamed('example.org')).toEqual([binding])
        expect(await allBindings(store)).toEqual([binding])
      }))

    test('no sightings at all change nothing', () =>
      withStore(async (store) => {
        expect(await store.observe([], NO_LIMITS)).toEqual({ outcomes: [], changes: undefined })
        expect(await store.forget([])).toBeUndefined()
        await store.reschedule([])
      }))

    test('seen again, a binding lives longer, tells of the latest sighting, and no route changes', () =>
      withStore(async (store) => {
        await store.observe([sighting()], NO_LIMITS)
        const again = sighting({
          rule: '*.org',
          source: 'peer 192.0.2.7',
          chain: ['a.example', 'example.org'],
          seenAtMs: T0 + 500,
          expiresAtMs: T0 + 1_500,
        })
        expect(await store.observe([again], NO_LIMITS)).toEqual({ outcomes: ['refreshed'], changes: undefined })
        expect(await allBindings(store)).toEqual([{ ...again, firstSeenMs: T0 }])
        expect((await store.expire(T0 + 1_499, 10)).bindings).toBe(0)
        expect((await store.expire(T0 + 1_500, 10)).bindings).toBe(1)
      }))

    test('of two sightings the later deadline stands, whichever came first', () =>
      withStore(async (store) => {
        const late = sighting({ seenAtMs: T0 + 500, expiresAtMs: T0 + 1_500, source: 'late' })
        const early = sighting({ source: 'early' })
        expect((await store.observe([late, early, late], NO_LIMITS)).outcomes).toEqual(['new', 'stale', 'stale'])
        expect(await allBindings(store)).toEqual([{ ...late, firstSeenMs: T0 + 500 }])
      }))

    test('a later deadline and a later sighting count apart', () =>
      withStore(async (store) => {
        const longLived = sighting({ expiresAtMs: T0 + 9_000, source: 'first' })
        const seenLater = sighting({ seenAtMs: T0 + 10, expiresAtMs: T0 + 20, source: 'second' })
        const seenEarlier = sighting({ seenAtMs: T0 - 10, expiresAtMs: T0 + 9_001, source: 'third' })
        expect((await store.observe([longLived, seenLater, seenEarlier], NO_LIMITS)).outcomes).toEqual([
          'new',
          'refreshed',
          'refreshed',
        ])
        expect(await allBindings(store)).toEqual([{ ...seenLater, expiresAtMs: T0 + 9_001, firstSeenMs: T0 }])
      }))

    test('a chain may be empty, or long, or not hold the name', () =>
      withStore(async (store) => {
        const chains = [[], ['example.org'], ['a.example'], Array.from({ length: 16 }, (_, at) => `n${at}.example`)]
        await store.observe(
          chains.map((chain, at) => sighting({ prefix: `192.0.2.${at}/32`, chain })),
          NO_LIMITS,
        )
        for (const [at, chain] of chains.entries()) {
          expect((await store.bindingsOf(`192.0.2.${at}/32`)).map((binding) => binding.chain)).toEqual([chain])
        }
      }))

    test('texts of any script and IPv6 prefixes come back as they were', () =>
      withStore(async (store) => {
        const seen = sighting({
          list: 'liste №1 😀',
          rule: '||пример.example^ $ctag=a b',
          name: 'a\\.b\\032c.example',
          chain: ['a\\.b\\032c.example'],
          prefix: '2001:db8::1/128',
          source: 'ns "1"\t\\ ü',
        })
        await store.observe([seen], NO_LIMITS)
        expect(await allBindings(store)).toEqual([{ ...seen, firstSeenMs: T0 }])
        expect(await store.bindingsOf('2001:db8::1/128')).toHaveLength(1)
        expect(await store.bindingsNamed('a\\.b\\032c.example')).toHaveLength(1)
      }))

    test('a route stays while any binding owns it, and tells its owning lists in the order of their names', () =>
      withStore(async (store) => {
        const of = (list: string, name: string, lives: number) => sighting({ list, name, expiresAtMs: T0 + lives })
        const made = await store.observe(
          [of('vpn', 'a.example', 10), of('vpn', 'b.example', 20), of('block', 'a.example', 30)],
          NO_LIMITS,
        )
        expect(routesTold(made.changes)).toEqual([['vpn'], ['block', 'vpn']])
        expect((await store.expire(T0 + 10, 10)).changes).toBeUndefined()
        expect(routesTold((await store.expire(T0 + 20, 10)).changes)).toEqual([['block']])
        expect(routesTold((await store.expire(T0 + 30, 10)).changes)).toEqual([[]])
        expect(await store.counts()).toEqual({ bindings: 0, routes: 0, routesPerList: new Map() })
        expect((await store.head()).revision).toBe(4)
      }))

    test('expire ends the earliest first, no more than asked, and says when the next is due', () =>
      withStore(async (store) => {
        const lives = [50, 10, 40, 20, 30]
        await store.observe(
          lives.map((ms) => sighting({ prefix: `192.0.2.${ms}/32`, expiresAtMs: T0 + ms })),
          NO_LIMITS,
        )
        const first = await store.expire(T0 + 40, 2)
        expect(prefixesTold(first.changes)).toEqual(['192.0.2.10/32', '192.0.2.20/32'])
        expect(first).toMatchObject({ bindings: 2, nextDeadlineMs: T0 + 30 })
        const second = await store.expire(T0 + 40, 10)
        expect(prefixesTold(second.changes)).toEqual(['192.0.2.30/32', '192.0.2.40/32'])
        expect(second).toMatchObject({ bindings: 2, nextDeadlineMs: T0 + 50 })
        expect(await store.expire(T0 + 49, 10)).toEqual({ changes: undefined, bindings: 0, nextDeadlineMs: T0 + 50 })
      }))

    test('a deadline of Infinity never comes; it can be given and taken', () =>
      withStore(async (store) => {
        const forever = sighting({ expiresAtMs: Infinity })
        await store.observe([forever], NO_LIMITS)
        expect(await store.expire(Number.MAX_SAFE_INTEGER, 10)).toEqual({
          changes: undefined,
          bindings: 0,
          nextDeadlineMs: undefined,
        })
        expect(await allBindings(store)).toEqual([{ ...forever, firstSeenMs: T0 }])
        await store.reschedule([{ ...forever, expiresAtMs: T0 + 5 }])
        expect(await store.expire(T0, 10)).toMatchObject({ bindings: 0, nextDeadlineMs: T0 + 5 })
        expect((await store.observe([forever], NO_LIMITS)).outcomes).toEqual(['refreshed'])
        expect(await store.expire(T0 + 5, 10)).toEqual({ changes: undefined, bindings: 0, nextDeadlineMs: undefined })
      }))

    test('forget ends what is named, whatever its deadline, and passes over what is not there', () =>
      withStore(async (store) => {
        const kept = sighting({ name: 'kept.example', prefix: '192.0.2.2/32' })
        const gone = sighting({ expiresAtMs: Infinity })
        await store.observe([gone, kept], NO_LIMITS)
        const unknown = [
          { ...gone, list: 'other' },
          { ...gone, name: 'example.com' },
          { ...gone, prefix: '192.0.2.2/32' },
        ]
        expect(await store.forget(unknown)).toBeUndefined()
        const changes = await store.forget([...unknown, gone, gone])
        expect(changes?.changes).toEqual([{ prefix: '192.0.2.1/32', lists: [] }])
        expect(changes?.firstRevision).toBe(3)
        expect(await allBindings(store)).toEqual([{ ...kept, firstSeenMs: T0 }])
      }))

    test('what was forgotten can be learnt anew', () =>
      withStore(async (store) => {
        await store.observe([sighting()], NO_LIMITS)
        await store.forget([sighting()])
        const again = sighting({ seenAtMs: T0 + 7, source: 'again' })
        expect((await store.observe([again], NO_LIMITS)).outcomes).toEqual(['new'])
        expect(await allBindings(store)).toEqual([{ ...again, firstSeenMs: T0 + 7 }])
      }))

    test('reschedule moves a deadline either way, and no route changes', () =>
      withStore(async (store) => {
        const early = sighting({ prefix: '192.0.2.1/32', expiresAtMs: T0 + 10 })
        const late = sighting({ prefix: '192.0.2.2/32', expiresAtMs: T0 + 20 })
        await store.observe([early, late], NO_LIMITS)
        const head = await store.head()
        await store.reschedule([
          { ...early, expiresAtMs: T0 + 90 },
          { ...late, expiresAtMs: T0 + 5 },
          { ...early, name: 'unknown.example', expiresAtMs: T0 },
        ])
        expect(await store.head()).toEqual(head)
        const ended = await store.expire(T0 + 89, 10)
        expect(prefixesTold(ended.changes)).toEqual(['192.0.2.2/32'])
        expect(ended.nextDeadlineMs).toBe(T0 + 90)
      }))

    test('reschedule passes over what was seen since it was read', () =>
      withStore(async (store) => {
        const read = sighting({ expiresAtMs: T0 + 10 })
        await store.observe([read, sighting({ seenAtMs: T0 + 5, expiresAtMs: T0 + 90 })], NO_LIMITS)
        await store.reschedule([{ ...read, expiresAtMs: T0 + 20 }])
        expect(await store.expire(T0 + 89, 10)).toMatchObject({ bindings: 0, nextDeadlineMs: T0 + 90 })
      }))

    test('its time is the wall clock at first and grows; how many to end at once is its own choice', () =>
      withStore(async (store) => {
        const first = store.now()
        expect(Number.isFinite(first)).toBe(true)
        await store.head()
        expect(store.now()).toBeGreaterThanOrEqual(first)
        expect(store.expireBatch).toBeGreaterThan(0)
      }))

    test('a sighting that may not make a route for its list joins one, refreshes, or is refused', () =>
      withStore(async (store) => {
        await store.observe([sighting()], NO_LIMITS)
        const bound = (differences: Partial<Sighting>) => sighting({ noNewRoute: true, ...differences })
        const { outcomes, changes } = await store.observe(
          [
            bound({ seenAtMs: T0 + 1 }),
            bound({ name: 'other.example' }),
            bound({ list: 'block' }),
            bound({ prefix: '192.0.2.2/32' }),
            sighting({ list: 'block' }),
            bound({ list: 'block', name: 'other.example' }),
          ],
          NO_LIMITS,
        )
        expect(outcomes).toEqual(['refreshed', 'new', 'no-new-route', 'no-new-route', 'new', 'new'])
        expect(prefixesTold(changes)).toEqual(['192.0.2.1/32'])
        expect(await store.bindingsOf('192.0.2.2/32')).toEqual([])
      }))

    describe('has ceilings', () => {
      const on = (list: string, name: string, prefix: string) => sighting({ list, name, prefix: `192.0.2.${prefix}/32` })

      test('on the bindings of a prefix', () =>
        withStore(async (store) => {
          const limits = { ...NO_LIMITS, namesPerPrefix: 2 }
          const seen = [
            on('vpn', 'a.example', '1'),
            on('vpn', 'b.example', '1'),
            on('vpn', 'c.example', '1'),
            on('vpn', 'c.example', '2'),
          ]
          expect((await store.observe(seen, limits)).outcomes).toEqual(['new', 'new', 'full-names-per-prefix', 'new'])
        }))

      test('on the bindings of a name', () =>
        withStore(async (store) => {
          const limits = { ...NO_LIMITS, prefixesPerName: 2 }
          const seen = [
            on('vpn', 'a.example', '1'),
            on('block', 'a.example', '1'),
            on('vpn', 'a.example', '2'),
            on('vpn', 'b.example', '2'),
          ]
          expect((await store.observe(seen, limits)).outcomes).toEqual(['new', 'new', 'full-prefixes-per-name', 'new'])
        }))

      test('on the bindings of a name, which addresses written in lists do not have', () =>
        withStore(async (store) => {
          const limits = { ...NO_LIMITS, prefixesPerName: 1024 }
          const written = Array.from({ length: 1500 }, (_, at) =>
            sighting({ name: '', prefix: `198.18.${at >> 8}.${at & 255}/32`, expiresAtMs: Infinity }),
          )
          expect((await store.observe(written, limits)).outcomes).toEqual(written.map(() => 'new'))
          expect((await store.counts()).routes).toBe(1500)
        }))

      test('on the routes of a list; a list not named has none, and a route it owns already is not one more', () =>
        withStore(async (store) => {
          const limits = { ...NO_LIMITS, routesPerList: new Map([['vpn', 1]]) }
          const seen = [
            on('vpn', 'a.example', '1'),
            on('vpn', 'b.example', '2'),
            on('vpn', 'b.example', '1'),
            on('block', 'b.example', '2'),
          ]
          expect((await store.observe(seen, limits)).outcomes).toEqual(['new', 'full-routes-per-list', 'new', 'new'])
          expect((await store.observe([on('vpn', 'b.example', '2')], limits)).outcomes).toEqual(['full-routes-per-list'])
        }))

      test('on all routes; one more owner of a route is not one more route', () =>
        withStore(async (store) => {
          const limits = { ...NO_LIMITS, routes: 1 }
          const seen = [on('vpn', 'a.example', '1'), on('vpn', 'a.example', '2'), on('block', 'b.example', '1')]
          expect((await store.observe(seen, limits)).outcomes).toEqual(['new', 'full-routes', 'new'])
          await store.expire(T0 + 1_000, 10)
          expect((await store.observe([on('vpn', 'a.example', '2')], limits)).outcomes).toEqual(['new'])
        }))

      test('and a known binding is refreshed even so; a refused one leaves no trace', () =>
        withStore(async (store) => {
          await store.observe([on('vpn', 'a.example', '1')], NO_LIMITS)
          const none = { namesPerPrefix: 0, prefixesPerName: 0, routesPerList: new Map([['vpn', 0]]), routes: 0 }
          const longer = { ...on('vpn', 'a.example', '1'), expiresAtMs: T0 + 9_000 }
          const before = await store.counts()
          expect(
            (await store.observe([longer, on('vpn', 'b.example', '1'), on('new', 'c.example', '3')], none)).outcomes,
          ).toEqual(['refreshed', 'full-names-per-prefix', 'full-names-per-prefix'])
          expect(await store.counts()).toEqual(before)
          expect(await store.bindingsNamed('c.example')).toEqual([])
        }))
    })

    describe('tells what was missed', () => {
      test('in order, from any revision it still has, and no more than asked', () =>
        withStore(async (store) => {
          const start = await store.head()
          const seen = [1, 2, 3, 4, 5].map((at) => sighting({ prefix: `192.0.2.${at}/32`, expiresAtMs: T0 + at }))
          const made = await store.observe(seen, NO_LIMITS)
          const ended = await store.expire(T0 + 2, 10)
          expect(await store.changesSince(start, 5)).toEqual(made.changes)
          expect(await store.changesSince({ ...start, revision: 5 }, 100)).toEqual(ended.changes)
          const two = await store.changesSince({ ...start, revision: 4 }, 2)
          expect(two).toMatchObject({ firstRevision: 5, changes: [{ lists: ['vpn'] }, { lists: [] }] })
          expect(await store.changesSince({ ...start, revision: 7 }, 2)).toBe('up-to-date')
        }))

      test('and a gap to who comes from another epoch or from the future', () =>
        withStore(async (store) => {
          await store.observe([sighting()], NO_LIMITS)
          const { epoch } = await store.head()
          expect(await store.changesSince({ epoch: `${epoch}-other`, revision: 1 }, 10)).toBe('gap')
          expect(await store.changesSince({ epoch, revision: 2 }, 10)).toBe('gap')
        }))

      test('by a snapshot in bounded parts, which with the changes after it makes every route', () =>
        withStore(async (store) => {
          const many = Array.from({ length: 5_000 }, (_, at) =>
            sighting({ name: `n${at % 500}.example`, prefix: `10.0.${at >> 8}.${at & 255}/32`, expiresAtMs: T0 + at }),
          )
          await store.observe(many, NO_LIMITS)
          const routes = new Map<string, readonly string[]>()
          let head: StoreHead | undefined
          for await (const part of store.snapshot()) {
            expect(part.routes.length).toBeLessThanOrEqual(4_096)
            head ??= { epoch: part.epoch, revision: part.revision }
            expect(part).toMatchObject(head)
            for (const route of part.routes) routes.set(route.prefix, route.lists)
            await store.expire(T0 + 999, 10_000)
            await store.observe([sighting({ prefix: '192.0.2.77/32', expiresAtMs: T0 + 9_999 })], NO_LIMITS)
          }
          const tail = await store.changesSince(head as StoreHead, 10_000)
          follow(routes, tail as RouteChanges)
          expect(routes.size).toBe(4_001)
          expect(routes.get('192.0.2.77/32')).toEqual(['vpn'])
          expect(routes.has('10.0.0.5/32')).toBe(false)
          expect((await store.counts()).routes).toBe(4_001)
          expect((await allBindings(store)).length).toBe(4_001)
        }))
    })

    test('flush settles, and close after it', () =>
      withStore(async (store) => {
        await store.observe([sighting()], NO_LIMITS)
        await store.flush()
        expect(await store.counts()).toMatchObject({ bindings: 1 })
      }))

    test('does what its obvious twin does, whatever is asked of it', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 60 }), (operations) =>
          withStore(async (store) => {
            const twin = new Twin(store)
            for (const one of operations) await twin.apply(one)
            await twin.compareAll()
          }),
        ),
        { numRuns: options.runs ?? 100 },
      )
    })
  })
}

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
    const snapshot = (await parts(this.#store.snapshot())).flatMap((part) => part.routes)
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

/** Applies changes to a table of routes, as an announcer does. */
export function follow(routes: Map<string, readonly string[]>, changes: RouteChanges): void {
  for (const { prefix, lists } of changes.changes) {
    if (lists.length === 0) routes.delete(prefix)
    else routes.set(prefix, lists)
  }
}

export async function allBindings(store: IpStore): Promise<Binding[]> {
  return (await parts(store.bindings())).flat()
}

async function parts<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const part of iterable) all.push(part)
  return all
}

function ordered(bindings: readonly Binding[]): Binding[] {
  return [...bindings].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

const routesTold = (changes: RouteChanges | undefined) => changes?.changes.map((change) => change.lists)
const prefixesTold = (changes: RouteChanges | undefined) => changes?.changes.map((change) => change.prefix)
