/**
 * What every RouteOutput must do. Run by each implementation; imported as `@dnstap-bgp/route-output/conformance` by tests only, because it
 * needs vitest.
 *
 * `open` gives an output over a table, with one receiver that can keep routes, and a way to see what the receiver has. Prefixes are IPv4 host
 * routes; attributes differ by their communities.
 */
import { RouteTable, type RouteAttributes } from '@dnstap-bgp/route-table'
import { afterEach, describe, expect, test } from 'vitest'
import type { RouteOutput } from './route-output.ts'

export interface OutputUnderTest {
  readonly output: RouteOutput
  /** What the receiver has: communities by prefix. */
  received(): ReadonlyMap<string, readonly number[]>
  /** Ends what is left, after close() or instead of it. */
  remove(): Promise<void>
}

export type OpenOutput = (table: RouteTable) => Promise<OutputUnderTest>

const prefixOf = (n: number): string => `198.18.${(n >> 8) & 255}.${n & 255}/32`
const routeOf = (...communities: number[]): RouteAttributes => ({ lists: ['video'], communities, largeCommunities: [] })
const desired = (table: RouteTable): [string, readonly number[]][] =>
  [...table.entries()].map(([prefix, { communities }]) => [prefix, communities])

export function routeOutputConformance(name: string, open: OpenOutput): void {
  describe(`${name} is a RouteOutput`, () => {
    let opened: OutputUnderTest | undefined
    afterEach(async () => {
      await opened?.remove()
      opened = undefined
    })

    const start = async (table: RouteTable): Promise<OutputUnderTest> => {
      opened = await open(table)
      await opened.output.start()
      return opened
    }
    const receives = async (under: OutputUnderTest, table: RouteTable) =>
      expect.poll(() => [...under.received()].sort(), { interval: 1, timeout: 20_000 }).toEqual(desired(table).sort())

    test('tells its receivers nothing before start()', async () => {
      const table = new RouteTable()
      table.set(prefixOf(1), routeOf(1))
      opened = await open(table)
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(opened.received().size).toBe(0)
      expect(opened.output.receiversWith(prefixOf(1))).toEqual([])
    })

    test('brings a receiver the table as it stands', async () => {
      const table = new RouteTable()
      for (let n = 0; n < 1000; n++) table.set(prefixOf(n), routeOf(n % 3))
      await receives(await start(table), table)
    })

    test('follows the table: new routes, other attributes, routes that go', async () => {
      const table = new RouteTable()
      table.set(prefixOf(1), routeOf(1))
      table.set(prefixOf(2), routeOf(1))
      const under = await start(table)
      await receives(under, table)
      table.set(prefixOf(3), routeOf(3))
      table.set(prefixOf(1), routeOf(7, 8))
      table.delete(prefixOf(2))
      await receives(under, table)
    })

    test('ends with what the table says, whatever happened on the way', async () => {
      const table = new RouteTable()
      const under = await start(table)
      for (let round = 1; round <= 20; round++) {
        for (let n = 0; n < 200; n++) {
          const dice = (n * 7919 + round * 104729) % 5
          if (dice === 0) table.delete(prefixOf(n))
          else table.set(prefixOf(n), routeOf(dice))
        }
        if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      await receives(under, table)
    })

    test('says what it has told its receiver', async () => {
      const table = new RouteTable()
      table.set(prefixOf(1), routeOf(1))
      const under = await start(table)
      await receives(under, table)
      await expect
        .poll(() => under.output.status(), { interval: 1, timeout: 20_000 })
        .toMatchObject({ fault: undefined, receivers: [{ isUp: true, routes: 1, isComplete: true }] })
      const [{ name: receiver }] = under.output.status().receivers
      expect(under.output.receiversWith(prefixOf(1))).toEqual([receiver])
      expect(under.output.receiversWith(prefixOf(2))).toEqual([])
    })

    test('leaves the routes where they are when it is closed', async () => {
      const table = new RouteTable()
      table.set(prefixOf(1), routeOf(1))
      const under = await start(table)
      await receives(under, table)
      await under.output.close()
      table.delete(prefixOf(1))
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect([...under.received().keys()]).toEqual([prefixOf(1)])
    })

    test('withdraws the routes before it is closed, if that is wanted', async () => {
      const table = new RouteTable()
      table.set(prefixOf(1), routeOf(1))
      const under = await start(table)
      await receives(under, table)
      await under.output.close({ withdraw: true })
      expect(under.received().size).toBe(0)
    })

    test('can be started once, and closed any number of times', async () => {
      const under = await start(new RouteTable())
      await expect(under.output.start()).rejects.toThrow('once')
      await under.output.close()
      await under.output.close()
    })
  })
}
