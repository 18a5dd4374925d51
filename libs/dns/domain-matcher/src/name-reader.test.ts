import { textToName } from '@dnstap-bgp/dns-wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NameReader } from './name-reader.ts'
import { packedToText } from './packed-name.ts'

function read(text: string, isWildcard = false): string | undefined {
  const reader = new NameReader()
  const octets = Uint8Array.from(`##${text}##`, (character) => character.charCodeAt(0))
  if (!reader.read(octets, 2, octets.length - 2, isWildcard)) return undefined
  return `${packedToText(reader.packed, 0, reader.end)} ${reader.labels} ${reader.stars}`
}

const label = 'a'.repeat(63)

test.each([
  ['www.example.org', 'www.example.org 3 0'],
  ['WWW.Example.ORG', 'www.example.org 3 0'],
  ['a', 'a 1 0'],
  ['abc', 'abc 1 0'],
  ['abcd.efghi', 'abcd.efghi 2 0'],
  ['*.example.org', '\\*.example.org 3 0'],
  ['a\\.b.org', 'a\\.b.org 2 0'],
  ['a\\065.org', 'aa.org 2 0'],
  ['.', '. 0 0'],
  [`${label}.${label}.${label}.${'a'.repeat(61)}`, `${label}.${label}.${label}.${'a'.repeat(61)} 4 0`],
  ['a.'.repeat(126) + 'a', 'a.'.repeat(126) + 'a 127 0'],
])('%s is read', (text, expected) => expect(read(text)).toBe(expected))

test.each([
  '',
  '..',
  'a..b',
  '.a',
  'a.',
  `${label}a`,
  `${label}.${label}.${label}.${label}`,
  'a b',
  'a\\',
  'a\\25',
  'a\\256',
  'ä',
  'a.'.repeat(127) + 'a',
])('%s is no name', (text) => expect(read(text)).toBeUndefined())

test('a star that is a label stands for any label in a wildcard only', () => {
  expect(read('*.a.*', true)).toBe('*.a.* 3 2')
  expect(read('a*.b', true)).toBe('a*.b 2 0')
})

describe('any text', () => {
  test('is read as dns-wire reads it, whether it takes the short way or the long one', () => {
    const part = fc.constantFrom('a', 'B', '7', '-', '_', '.', '\\.', '\\065', 'xyz', label)
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = parts.join('')
        const wire = text === '' || text.endsWith('.') || text.endsWith('\\.') ? undefined : textToName(text)
        if (wire === undefined) return
        const reader = new NameReader()
        const octets = Uint8Array.from(text, (character) => character.charCodeAt(0))
        expect(reader.read(octets, 0, octets.length, false)).toBe(true)
        const back = textToName(packedToText(reader.packed, 0, reader.end))
        expect(back).toEqual(wire.map((octet) => (octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet)))
      }),
      { numRuns: 500 },
    )
  })
})
