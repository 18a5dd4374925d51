import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RouteAttributes } from './route-attributes.ts'
import { FamilyNumber, RouteTable } from './route-table.ts'

const plain: RouteAttributes = { lists: ['a'], nextHopIpv4: '192.0.2.9', communities: [], largeCommunities: [] }
const tagged: RouteAttributes = { ...plain, communities: [(65000 << 16) >>> 0, 5] }

describe('RouteTable', () => {
  test('says whether a change was one', () => {
    const table = new RouteTable()
    expect(table.set('198.51.100.1/32', plain)).toBe(true)
    expect(table.set('198.51.100.1', { ...plain })).toBe(false)
    expect(table.set('198.51.100.1/32', tagged)).toBe(true)
    expect(table.get('198.51.100.1/32')).toEqual(tagged)
    expect(table.delete('198.51.100.1/32')).toBe(true)
    expect(table.delete('198.51.100.1/32')).toBe(false)
    expect(table.size).toBe(0)
  })

  test('keeps equal sets of attributes once, whatever the order of communities', () => {
    const table = new RouteTable()
    table.set('198.51.100.1/32', { ...tagged, communities: [5, (65000 << 16) >>> 0] })
    table.set('2001:db8::1/128', tagged)
    expect(table.attributeSets.size).toBe(1)
    table.clear()
    expect(table.attributeSets.size).toBe(0)
  })

  test('reads an object of attributes again after its set was given up in between', () => {
    const table = new RouteTable()
    table.set('198.51.100.1/32', plain)
    table.delete('198.51.100.1/32')
    table.set('198.51.100.2/32', tagged) // takes the number that `plain` had
    table.set('198.51.100.3/32', plain)
    expect(table.get('198.51.100.3/32')).toEqual(plain)
    expect(table.get('198.51.100.2/32')).toEqual(tagged)
  })

  test.each([
    '',
    '198.51.100.1/33',
    '198.51.100.1/',
    '198.51.100.1/032',
    '198.51.100.1/24',
    '2001:db8::1/64',
    '::/129',
    'x/8',
    '::1/x',
  ])('refuses %j', (text) => {
    expect(() => new RouteTable().set(text, plain)).toThrow(TypeError)
  })

  test.each([
    ['198.51.100.7', ['198.51.100.7/32', '198.51.100.6/31', '198.51.100.0/24', '0.0.0.0/0']],
    ['198.51.100.5', ['198.51.100.0/24', '0.0.0.0/0']],
    ['2001:db8:1:2::3', ['2001:db8:1:2::3/128', '2001:db8::/33', '2001:db8::/32']],
    ['2001:db9::', []],
  ])('knows what covers %s, the longest first', (address, expected) => {
    const table = new RouteTable()
    const v4 = ['0.0.0.0/0', '198.51.100.0/24', '198.51.100.6/31', '198.51.100.7/32', '198.51.100.4/32', '128.0.0.0/1']
    const v6 = ['2001:db8::/32', '2001:db8::/33', '2001:db8:1:2::3/128', '8000::/1']
    for (const prefix of [...v4, ...v6]) table.set(prefix, plain)
    table.delete('128.0.0.0/1')
    expect(table.covering(address)).toEqual(expected)
  })

  test('tells prefixes of different length apart, and accepts the default route', () => {
    const table = new RouteTable()
    const prefixes = ['0.0.0.0/0', '0.0.0.0/1', '0.0.0.0/32', '::/0', '::/33', '::/128', '2001:db8::/32', '198.51.100.0/24']
    for (const prefix of prefixes) table.set(prefix, plain)
    expect([...table.entries()].map(([prefix]) => prefix).sort()).toEqual([...prefixes].sort())
  })

  test('behaves like a Map, and takes numbers back', () => {
    const address = fc.oneof(
      fc.nat({ max: 300 }).map((n) => `10.0.${n >> 8}.${n & 255}/32`),
      fc.nat({ max: 300 }).map((n) => `2001:db8::${n.toString(16).replace(/^0$/, '1')}/128`),
    )
    const step = fc.tuple(address, fc.constantFrom(undefined, plain, tagged))
    fc.assert(
      fc.property(fc.integer(), fc.array(step, { maxLength: 800 }), (seed, steps) => {
        const table = new RouteTable({ seed })
        const twin = new Map<string, RouteAttributes>()
        for (const [prefix, attributes] of steps) {
          if (attributes === undefined) expect(table.delete(prefix)).toBe(twin.delete(prefix))
          else {
            table.set(prefix, attributes)
            twin.set(prefix, attributes)
          }
        }
        expect(new Map(table.entries())).toEqual(twin)
        expect(table.size).toBe(twin.size)
        for (const family of [FamilyNumber.ipv4, FamilyNumber.ipv6]) {
          const columns = table.families[family]
          const live = [...twin.keys()].filter((prefix) => prefix.includes(':') === (family === FamilyNumber.ipv6)).length
          expect(columns.size).toBe(live)
          expect(columns.highWater).toBeLessThanOrEqual(301)
        }
      }),
      { numRuns: 60 },
    )
  })

  test.each(['10.', '2001:db8::'])(
    'keeps every route while it grows past many sizes, with others going in between (%s)',
    (start) => {
      const prefix = (n: number) =>
        start === '10.' ? `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}/32` : `2001:db8:1:${(n + 1).toString(16)}::1/128`
      const table = new RouteTable({ seed: 7 })
      const twin = new Set<string>()
      for (let n = 0; n < 40_000; n++) {
        table.set(prefix(n), plain)
        twin.add(prefix(n))
        const other = prefix((n * 7919) % (n + 1)) // an older one, by no order
        if (n % 3 === 0) expect(table.delete(other)).toBe(twin.delete(other))
        else if (n % 3 === 1) expect(table.has(other)).toBe(twin.has(other))
      }
      expect(table.size).toBe(twin.size)
      expect(new Set([...table.entries()].map(([each]) => each))).toEqual(twin)
      for (const each of twin) table.delete(each)
      expect(table.size).toBe(0)
      // All numbers are free again: as many routes as before need no new ones.
      const { highWater } = table.families[start === '10.' ? FamilyNumber.ipv4 : FamilyNumber.ipv6]
      for (let n = 0; n < highWater; n++) table.set(prefix(n), plain)
      expect(table.families[start === '10.' ? FamilyNumber.ipv4 : FamilyNumber.ipv6].highWater).toBe(highWater)
    },
  )
})
