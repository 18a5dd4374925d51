import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BindingTable } from './binding-table.ts'
import { NO_LIMITS, sighting } from '../testing/conformance.ts'
import type { Binding } from './ip-store.ts'

function tableWith(bindings: readonly Partial<Binding>[]): BindingTable {
  const table = new BindingTable({ epoch: 'e1', hashSeed: 7 })
  table.observe(bindings.map(sighting), NO_LIMITS)
  return table
}

function rowOf(table: BindingTable, slot: number): Uint8Array {
  const bytes = new Uint8Array(table.rowLength(slot))
  expect(table.writeRow(slot, bytes, new DataView(bytes.buffer), 0)).toBe(bytes.length)
  return bytes
}

function restore(table: BindingTable, slot: number, row: Uint8Array, nowMs = 0) {
  return table.restoreRow(slot, row, new DataView(row.buffer), 0, row.length, nowMs)
}

const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.constantFrom('', 'é', 'ÿĀ', '😀', 'a'.repeat(16_384)))

describe('a row written and put back', () => {
  test('is the same binding, whatever its texts and times', () => {
    const moment = fc.oneof(fc.constant(Infinity), fc.double({ min: 1, max: 1e15, noNaN: true }))
    const shape = fc.record({
      list: text,
      name: text,
      rule: text,
      prefix: text,
      source: text,
      expiresAtMs: moment,
      seenAtMs: moment,
    })
    fc.assert(
      fc.property(
        shape,
        fc.option(fc.array(text.filter((part) => part.length < 100 && !part.includes('\n') && part !== ''))),
        (given, chain) => {
          const before = tableWith([{ ...given, chain: chain ?? [given.name] }])
          const after = new BindingTable({ epoch: 'e2', hashSeed: 99 })
          expect(restore(after, 5, rowOf(before, 0))).toBe('restored')
          expect(after.binding(5)).toEqual(before.binding(0))
          expect(after.bindingsOf(given.prefix)).toEqual(before.bindingsOf(given.prefix))
          expect(after.counts()).toEqual(before.counts())
          expect(after.log.revision).toBe(0)
        },
      ),
    )
  })

  test('is refused with any byte changed, cut or added', () => {
    const row = rowOf(tableWith([{}]), 0)
    for (let at = 0; at < row.length; at++) {
      const changed = row.slice()
      changed[at] = (changed[at] as number) ^ 0x10
      expect(restore(new BindingTable({ epoch: 'e2' }), 0, changed), `byte ${at}`).toBe('corrupt')
      expect(restore(new BindingTable({ epoch: 'e2' }), 0, row.slice(0, at)), `cut at ${at}`).toBe('corrupt')
    }
    expect(restore(new BindingTable({ epoch: 'e2' }), 0, new Uint8Array([...row, 0]))).toBe('corrupt')
  })

  test('is refused twice: in one slot, or the same binding in two', () => {
    const rows = tableWith([{}, { prefix: '192.0.2.2/32' }])
    const after = new BindingTable({ epoch: 'e2' })
    expect(restore(after, 0, rowOf(rows, 0))).toBe('restored')
    expect(restore(after, 0, rowOf(rows, 1))).toBe('corrupt')
    expect(restore(after, 1, rowOf(rows, 0))).toBe('corrupt')
    expect(restore(after, 0, rowOf(rows, 0))).toBe('corrupt')
    expect(after.counts()).toEqual({ bindings: 1, routes: 1, routesPerList: new Map([['vpn', 1]]) })
    expect(after.forget([sighting()])?.changes).toEqual([{ prefix: '192.0.2.1/32', lists: [] }])
    expect(after.counts().bindings).toBe(0)
  })

  test('is left out when it is due', () => {
    const rows = tableWith([{ expiresAtMs: 1_000 }])
    expect(restore(new BindingTable({ epoch: 'e2' }), 0, rowOf(rows, 0), 1_000)).toBe('due')
    expect(restore(new BindingTable({ epoch: 'e2' }), 0, rowOf(rows, 0), 999)).toBe('restored')
  })

  test('may come in any order, and leaves the slots between free for what is new', () => {
    const rows = tableWith([{}, { prefix: '192.0.2.2/32' }])
    const after = new BindingTable({ epoch: 'e2' })
    expect(restore(after, 4, rowOf(rows, 1))).toBe('restored')
    expect(restore(after, 2, rowOf(rows, 0))).toBe('restored')
    after.restored()
    after.observe(
      [1, 2, 3].map((at) => sighting({ prefix: `198.51.100.${at}/32` })),
      NO_LIMITS,
    )
    expect([0, 1, 2, 3, 4].map((slot) => after.binding(slot).prefix)).toEqual([
      '198.51.100.1/32',
      '198.51.100.2/32',
      '192.0.2.1/32',
      '198.51.100.3/32',
      '192.0.2.2/32',
    ])
    expect(after.slots).toBe(5)
  })
})

test('the journal is told of every slot that changes, and of no other', () => {
  const told: string[] = []
  const journal = {
    made: (slot: number) => told.push(`made ${slot}`),
    moved: (slot: number) => told.push(`moved ${slot}`),
    ended: (slot: number) => told.push(`ended ${slot}`),
  }
  const table = new BindingTable({ epoch: 'e1', journal })
  const first = sighting()
  const second = sighting({ prefix: '192.0.2.2/32' })
  table.observe([first, second, first], NO_LIMITS)
  table.observe([{ ...second, expiresAtMs: second.expiresAtMs + 1 }], NO_LIMITS)
  table.reschedule([{ ...first, expiresAtMs: 5 }])
  table.reschedule([{ ...first, expiresAtMs: 5 }])
  table.expire(5, 10)
  table.forget([second, second])
  expect(told).toEqual(['made 0', 'made 1', 'moved 1', 'moved 0', 'ended 0', 'ended 1'])
})

test('a full log forgets its oldest changes: a reader that is behind them gets a gap', () => {
  const table = new BindingTable({ epoch: 'e1', logCapacity: 3 })
  for (let at = 1; at <= 5; at++) table.observe([sighting({ prefix: `192.0.2.${at}/32` })], NO_LIMITS)
  expect(table.log.since({ epoch: 'e1', revision: 1 }, 10)).toBe('gap')
  expect(table.log.since({ epoch: 'e1', revision: 2 }, 10)).toMatchObject({ firstRevision: 3, changes: { length: 3 } })
})

test('rule, source and chain are cut where they are longer than any real one', () => {
  const table = tableWith([
    { rule: 'r'.repeat(20_000), source: 's'.repeat(20_000), chain: Array<string>(200).fill('c'.repeat(200)) },
  ])
  expect(table.binding(0).rule.length).toBe(16_384)
  expect(table.binding(0).source.length).toBe(16_384)
  expect(table.binding(0).chain.join('\n').length).toBe(16_384)
})

test('ten thousand come and go and come again in the room of the first', () => {
  const table = new BindingTable({ epoch: 'e1', hashSeed: 3 })
  const all = Array.from({ length: 10_000 }, (_, at) =>
    sighting({ name: `n${at % 777}.example`, prefix: `10.1.${at >> 8}.${at & 255}/32` }),
  )
  for (let round = 0; round < 3; round++) {
    table.observe(all, NO_LIMITS)
    expect(table.counts()).toMatchObject({ bindings: 10_000, routes: 10_000 })
    expect(table.slots).toBe(10_000)
    expect(table.expire(Infinity, 20_000).bindings).toBe(10_000)
    expect(table.counts()).toEqual({ bindings: 0, routes: 0, routesPerList: new Map() })
  }
})
