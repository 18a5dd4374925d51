/** Ceilings refuse new bindings and routes, and nothing else. */
import { expect, test } from 'vitest'
import { NO_LIMITS, sighting, T0, type WithStore } from './samples.ts'

export function ceilingTests(withStore: WithStore): void {
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
      expect((await store.observe([longer, on('vpn', 'b.example', '1'), on('new', 'c.example', '3')], none)).outcomes).toEqual([
        'refreshed',
        'full-names-per-prefix',
        'full-names-per-prefix',
      ])
      expect(await store.counts()).toEqual(before)
      expect(await store.bindingsNamed('c.example')).toEqual([])
    }))
}
