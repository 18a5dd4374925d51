import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CDB_HEADER_BYTES, cdbHash, CdbIndex } from './cdb.ts'

function make(keys: readonly string[]): Buffer {
  const index = new CdbIndex()
  const chunk = new Uint8Array(300)
  const parts: Uint8Array[] = []
  for (const key of keys) parts.push(chunk.slice(0, index.add(Buffer.from(key), chunk, 0)))
  const tables = index.tables()
  let next = tables.next()
  for (; next.done !== true; next = tables.next()) parts.push(next.value)
  expect(next.value).toHaveLength(CDB_HEADER_BYTES)
  return Buffer.concat([next.value, ...parts])
}

/** As https://cr.yp.to/cdb/cdb.txt says to look up. */
function has(file: Buffer, key: string): boolean {
  const hash = cdbHash(Buffer.from(key))
  const [at, slots] = [file.readUInt32LE(8 * (hash & 255)), file.readUInt32LE(8 * (hash & 255) + 4)]
  for (let i = 0; i < slots; i++) {
    const slot = at + 8 * (((hash >>> 8) + i) % slots)
    const record = file.readUInt32LE(slot + 4)
    if (record === 0) return false
    if (file.readUInt32LE(slot) !== hash) continue
    const length = file.readUInt32LE(record)
    if (file.toString('utf8', record + 8, record + 8 + length) === key) return true
  }
  return false
}

test('the hash is that of the page: (h << 5) + h xor c, from 5381', () => {
  expect(cdbHash(new Uint8Array(0))).toBe(5381)
  expect(cdbHash(Buffer.from('one'))).toBe(0x0b875b81)
})

test('whatever was put in is found, and nothing else', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ maxLength: 60 }), { maxLength: 200 }), fc.string({ maxLength: 60 }), (keys, other) => {
      const file = make(keys)
      for (const key of keys) expect(has(file, key)).toBe(true)
      expect(has(file, other)).toBe(keys.includes(other))
    }),
    { numRuns: 50 },
  )
})

test('tables grow with their keys', () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `n${i}`)
  const file = make(keys)
  expect(keys.every((key) => has(file, key))).toBe(true)
  expect(has(file, 'n20000')).toBe(false)
})
