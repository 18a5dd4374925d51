import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ArrayReader, BatchReader, SingleEntryReader } from './entry-reader.ts'
import type { EntryReader } from './entry-reader.ts'
import { PeerSyncError } from './value-scanner.ts'
import type { PeerEntry } from './peer-entry.ts'
import { encodeEntry } from './peer-entry.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)

function readAll(reader: EntryReader, ...chunks: readonly (string | Uint8Array)[]): PeerEntry[] {
  const entries: PeerEntry[] = []
  for (const chunk of chunks) entries.push(...reader.push(typeof chunk === 'string' ? bytesOf(chunk) : chunk))
  entries.push(...reader.end())
  return entries
}

// As dnstap-bgp 1.1.0 answered GET /fetch.
const RECORDED =
  '[{"IP":"203.0.113.1","Domain":"listed.test","TS":"2026-11-23T01:13:09.733754902Z"},{"IP":"2001:db8:2::1","Domain":"listed.test","TS":"2026-11-23T01:13:09.234821322Z"}]\n'
const ENTRIES = [
  { address: '203.0.113.1', name: 'listed.test', seenAtMs: Date.parse('2026-11-23T01:13:09.733Z') },
  { address: '2001:db8:2::1', name: 'listed.test', seenAtMs: Date.parse('2026-11-23T01:13:09.234Z') },
]
const [ONE, TWO] = ENTRIES.map(encodeEntry)

test('the recorded answer is read, cut anywhere', () => {
  const bytes = bytesOf(RECORDED)
  expect(readAll(new ArrayReader(), bytes)).toEqual(ENTRIES)
  for (let cut = 0; cut <= bytes.length; cut++)
    expect(readAll(new ArrayReader(), bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(ENTRIES)
  expect(readAll(new ArrayReader(), ...[...bytes].map((octet) => Uint8Array.of(octet)))).toEqual(ENTRIES)
})

test('every answer that is cut short is refused', () => {
  const bytes = bytesOf(RECORDED)
  for (let length = 0; length < bytes.length - 1; length++)
    expect(() => readAll(new ArrayReader(), bytes.subarray(0, length)), `of ${length}`).toThrow(
      new PeerSyncError('unexpected EOF'),
    )
})

test.each(['null\n', 'null', '[]\n', ' [ ] ', '[]garbage', 'null{}'])('%o is an answer without entries', (text) => {
  expect(readAll(new ArrayReader(), text)).toEqual([])
})

test('quotes and backslashes in a name do not end it', () => {
  const entry = { address: '192.0.2.1', name: 'a\\\\b"]}.test', seenAtMs: 5 }
  const text = encodeEntry(entry)
  expect(text).toContain('\\"]}')
  for (const reader of [new SingleEntryReader(), new BatchReader()]) expect(readAll(reader, text)).toEqual([entry])
  expect(readAll(new ArrayReader(), `[${text},${text}]`)).toEqual([entry, entry])
})

test('bad entries in an array cost themselves and are counted', () => {
  const reader = new ArrayReader()
  expect(readAll(reader, `[${ONE},{"IP":"x"},5,{},${TWO}]`)).toEqual(ENTRIES)
  expect(reader.refused).toBe(3)
  expect(reader.firstRefusal).toBe('invalid IP address: x')
})

test.each([
  ['{}', /cannot unmarshal object|looking for/],
  ['5', /cannot unmarshal number into Go value of type \[\]\*main\.cacheEntry/],
  ['<html>', /invalid character '<' looking for beginning of value/],
  [`[${ONE} ${TWO}]`, /invalid character '{' after array element/],
  [`[${ONE},]`, /invalid character ']' looking for beginning of value/],
  ['[{"IP":}]', /invalid character '}' looking for beginning of value/],
  [`[{"IP":"${'x'.repeat(20_000)}"}]`, /over 16384 octets/],
  [`[${'['.repeat(200)}`, /max depth/],
])('%.40s is no array of entries', (text, message) => {
  expect(() => readAll(new ArrayReader(), text)).toThrow(message)
})

test('of a PUT the first value counts, whatever comes after it', () => {
  for (const text of [ONE, `${ONE}\n`, ` ${ONE}garbage`, `${ONE}${TWO}`, `${ONE}{`]) {
    expect(readAll(new SingleEntryReader(), text)).toEqual([ENTRIES[0]])
    expect(readAll(new SingleEntryReader(), ...[...bytesOf(text)].map((octet) => Uint8Array.of(octet)))).toEqual([ENTRIES[0]])
  }
})

test.each([
  ['', 'missing IP address'],
  ['   \n', 'missing IP address'],
  ['{}', 'missing IP address'],
  ['null', 'missing IP address'],
  ['garbage', "invalid character 'g' looking for beginning of value"],
  ['{"IP":"192.0.2.1","Domain":', 'unexpected EOF'],
  ['{"IP":"not-an-ip","Domain":"a"}', 'invalid IP address: not-an-ip'],
  ['<', "invalid character '<' looking for beginning of value"],
  ['{"IP":"192.0.2.1"]', "invalid character ']' after object key:value pair"],
])('a PUT of %o is refused in the ancestor words', (text, message) => {
  expect(() => readAll(new SingleEntryReader(), text)).toThrow(new PeerSyncError(message))
  expect(() => readAll(new SingleEntryReader(), ...[...bytesOf(text)].map((octet) => Uint8Array.of(octet)))).toThrow(
    new PeerSyncError(message),
  )
})

test('a PUT cut anywhere is the same, and cut short is an unexpected end', () => {
  const bytes = bytesOf(ONE)
  for (let cut = 0; cut <= bytes.length; cut++)
    expect(readAll(new SingleEntryReader(), bytes.subarray(0, cut), bytes.subarray(cut))).toEqual([ENTRIES[0]])
  for (let length = 1; length < bytes.length; length++)
    expect(() => readAll(new SingleEntryReader(), bytes.subarray(0, length))).toThrow(new PeerSyncError('unexpected EOF'))
})

test('a batch is values one after the other, cut anywhere', () => {
  const bytes = bytesOf(`${ONE}\n${TWO}\n{"IP":""}\n${ONE}`)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const reader = new BatchReader()
    expect(readAll(reader, bytes.subarray(0, cut), bytes.subarray(cut))).toEqual([...ENTRIES, ENTRIES[0]])
    expect(reader.refused).toBe(1)
  }
  expect(readAll(new BatchReader(), '')).toEqual([])
  expect(() => readAll(new BatchReader(), `${ONE}\n{"IP"`)).toThrow(new PeerSyncError('unexpected EOF'))
})

test('whatever the octets and however they are cut, only a PeerSyncError comes out, and never more than was sent', () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.constantFrom(...['[', ']', ',', ONE, '{"IP":"x"}', 'null', '"', '\\', '{'].map(bytesOf)),
  )
  fc.assert(
    fc.property(
      fc.array(noise, { maxLength: 10 }),
      fc.constantFrom(ArrayReader, BatchReader, SingleEntryReader),
      (chunks, Reader) => {
        try {
          expect(readAll(new Reader(), ...chunks).length).toBeLessThanOrEqual(10)
        } catch (error) {
          expect(error).toBeInstanceOf(PeerSyncError)
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('mutated recorded answers give entries or a PeerSyncError, the same however they are cut', () => {
  const outcome = (...chunks: Uint8Array[]) => {
    const entries: PeerEntry[] = []
    const reader = new ArrayReader()
    try {
      for (const chunk of chunks) for (const octet of chunk) entries.push(...reader.push(Uint8Array.of(octet)))
      entries.push(...reader.end())
      return { entries, refused: reader.refused }
    } catch (error) {
      expect(error).toBeInstanceOf(PeerSyncError)
      return { entries, error: (error as Error).message }
    }
  }
  fc.assert(
    fc.property(fc.nat(RECORDED.length - 1), fc.nat(255), fc.nat(RECORDED.length), (at, octet, cut) => {
      const bytes = bytesOf(RECORDED)
      bytes[at] = octet
      expect(outcome(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(outcome(bytes))
    }),
    { numRuns: 500 },
  )
})
