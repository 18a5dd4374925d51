/** Changes that somebody missed can be had afterwards: by their numbers, or by a snapshot. */
import type { RouteChanges, StoreHead } from '@dnstap-bgp/steering'
import { expect, test } from 'vitest'
import { allBindings, follow, NO_LIMITS, sighting, T0, type WithStore } from './samples.ts'

export function missedChangeTests(withStore: WithStore): void {
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
}
