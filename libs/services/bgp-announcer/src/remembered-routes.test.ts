import { RouteTable } from '@dnstap-bgp/route-table'
import { describe, expect, test } from 'vitest'
import { decodeRemembered, Encoder, ForeignFile } from './remembered-routes.ts'
import { ShardedSet } from './sharded-set.ts'

const attributesOf = (...lists: string[]) => ({ lists, communities: [], largeCommunities: [] })
const HEAD = { epoch: 'e1', revision: 7 }

function lostOf(leftMs: number, ...prefixes: string[]) {
  const set = new ShardedSet()
  for (const prefix of prefixes) set.add(prefix)
  return { prefixes: set, leftMs }
}

function encode(table: RouteTable, losses = [lostOf(0)].slice(1), unconfirmedMs?: number): Uint8Array {
  const encoder = new Encoder(table, losses, HEAD, unconfirmedMs)
  for (const step of encoder.run()) void step
  return Buffer.concat(encoder.parts)
}

function example(): Uint8Array {
  const table = new RouteTable()
  table.set('93.184.215.1/32', attributesOf('video'))
  table.set('93.184.216.0/24', attributesOf('video', 'work'))
  table.set('2001:db8:1::/48', attributesOf('work'))
  table.set('93.184.215.2/32', attributesOf('video'))
  table.delete('93.184.215.2/32')
  return encode(table, [lostOf(1000), lostOf(2500.4, '2001:db8:1::/48')], 5000)
}

describe('announced routes as octets', () => {
  test("come back with their lists, their remaining time as stale, and the cache's epoch and revision", () => {
    const { head, size, unconfirmedMs, routes } = decodeRemembered(example())
    expect({ head, size, unconfirmedMs }).toEqual({ head: HEAD, size: 3, unconfirmedMs: 5000 })
    expect([...routes()]).toEqual([
      { prefix: '93.184.215.1/32', owners: ['video'], staleMs: undefined },
      { prefix: '93.184.216.0/24', owners: ['video', 'work'], staleMs: undefined },
      { prefix: '2001:db8:1::/48', owners: ['work'], staleMs: 2500 },
    ])
  })

  test('of a large table are all there, also when it grows while they are written', () => {
    const table = new RouteTable()
    const add = (n: number) => table.set(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}/32`, attributesOf('video'))
    for (let n = 0; n < 20_000; n++) add(n)
    const encoder = new Encoder(table, [], HEAD, undefined)
    let steps = 0
    for (const step of encoder.run()) {
      void step
      if (steps++ < 10_000) add(20_000 + steps)
    }
    const file = Buffer.concat(encoder.parts)
    expect(file.length).toBeLessThan(30_000 * 8 + 1000)
    expect(new Set([...decodeRemembered(file).routes()].map(({ prefix }) => prefix)).size).toBe(30_000)
  })

  test('with any octet changed, or cut anywhere, are refused with a sentence', () => {
    const file = example()
    for (let at = 0; at < file.length; at++) {
      const changed = Uint8Array.from(file)
      changed[at] ^= 0x40
      expect(() => decodeRemembered(changed)).toThrow(at < 39 ? ForeignFile : 'its checksum is wrong')
      expect(() => decodeRemembered(file.subarray(0, at))).toThrow(at < 39 ? ForeignFile : Error)
    }
  })

  test.each(['', 'example.org\n', 'dnstap-bgp announced routes, version 2\n....'])('are not read from %j', (text) => {
    expect(() => decodeRemembered(new TextEncoder().encode(text))).toThrow(ForeignFile)
  })
})
