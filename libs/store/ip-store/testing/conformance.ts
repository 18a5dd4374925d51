/**
 * What every IP store must do, as a vitest suite: each sentence of ip-store.ts, then random calls against the obvious twin.
 *
 *   ipStoreConformance('files', () => openFileStore({ path: temporaryPath() }, deps))
 *
 * `openStore` gives an empty store each time; the suite closes it. Tests only: nothing that ships imports this.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { IpStore } from '../src/ip-store.ts'
import { bindingTests } from './binding-tests.ts'
import { ceilingTests } from './ceiling-tests.ts'
import { deadlineTests } from './deadline-tests.ts'
import { missedChangeTests } from './missed-change-tests.ts'
import { allBindings, chunks, NO_LIMITS, sighting, T0, type WithStore } from './samples.ts'
import { operation, Twin } from './twin.ts'

export { keyOf, ObviousStore } from './obvious-store.ts'
export { allBindings, follow, NO_LIMITS, sighting } from './samples.ts'
export { operation, Twin } from './twin.ts'
export type { Operation } from './twin.ts'

export interface ConformanceOptions {
  /** How many random runs are compared with the obvious twin. */
  readonly runs?: number
}

export function ipStoreConformance(name: string, openStore: () => Promise<IpStore>, options: ConformanceOptions = {}): void {
  const withStore: WithStore = async (body) => {
    const store = await openStore()
    try {
      await body(store)
    } finally {
      await store.close()
    }
  }

  // Busy machines are slow; no sentence here is about time.
  describe(`the ${name} IP store`, { timeout: 60_000 }, () => {
    test('starts empty: revision 0, no bindings, one empty chunk of a snapshot', () =>
      withStore(async (store) => {
        expect(store.state).toEqual({ kind: 'ready' })
        const head = await store.head()
        expect(head.revision).toBe(0)
        expect(head.epoch).not.toBe('')
        expect(await store.counts()).toEqual({ bindings: 0, routes: 0, routesPerList: new Map() })
        expect(await chunks(store.snapshot())).toEqual([{ ...head, routes: [] }])
        expect(await allBindings(store)).toEqual([])
        expect(await store.bindingsOf('192.0.2.1/32')).toEqual([])
        expect(await store.bindingsNamed('example.org')).toEqual([])
        expect(await store.changesSince(head, 10)).toBe('up-to-date')
        expect(await store.expire(T0, 10)).toEqual({ changes: undefined, bindings: 0, nextDeadlineMs: undefined })
      }))

    bindingTests(withStore)
    deadlineTests(withStore)
    describe('has ceilings', () => ceilingTests(withStore))
    describe('tells what was missed', () => missedChangeTests(withStore))

    test('store time starts at the wall clock and grows; the store chooses how many bindings end at once', () =>
      withStore(async (store) => {
        const first = store.now()
        expect(Number.isFinite(first)).toBe(true)
        await store.head()
        expect(store.now()).toBeGreaterThanOrEqual(first)
        expect(store.expireBatch).toBeGreaterThan(0)
      }))

    test('flush resolves, and close after it', () =>
      withStore(async (store) => {
        await store.observe([sighting()], NO_LIMITS)
        await store.flush()
        expect(await store.counts()).toMatchObject({ bindings: 1 })
      }))

    test('does what its obvious twin does, on random calls', async () => {
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
