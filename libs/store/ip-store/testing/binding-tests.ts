/** Bindings are made, refreshed and forgotten, and routes follow them. */
import { expect, test } from 'vitest'
import type { Sighting } from '../src/ip-store.ts'
import { allBindings, NO_LIMITS, prefixesTold, routesTold, sighting, T0, type WithStore } from './samples.ts'

export function bindingTests(withStore: WithStore): void {
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
}
