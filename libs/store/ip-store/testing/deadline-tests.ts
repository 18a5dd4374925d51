/** Bindings end at their deadlines, and deadlines are moved. */
import { expect, test } from 'vitest'
import { allBindings, NO_LIMITS, prefixesTold, sighting, T0, type WithStore } from './samples.ts'

export function deadlineTests(withStore: WithStore): void {
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
}
