import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nameLength, nameToText, textToName } from './name.ts'

const wire = (...labels: string[]) =>
  Uint8Array.from([...labels.flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')]), 0])

test.each([
  ['example.org', wire('example', 'org')],
  ['.', wire()],
  ['_sip._tcp.1.example', wire('_sip', '_tcp', '1', 'example')],
  ['a\\.b.example', wire('a.b', 'example')],
  ['back\\\\slash', wire('back\\slash')],
  ['nul\\000in', wire('nul\0in')],
  ['sp\\032ace', wire('sp ace')],
  ['\\255\\127', wire('\u00ff\u007f')],
  ['*.@"();$', wire('*', '@"();$')],
])('%s is its wire format and back (RFC 1035 §5.1)', (text, name) => {
  expect(textToName(text)).toEqual(name)
  expect(nameToText(name, 0)).toBe(text)
})

test('text is lower case; wire format keeps the case it was given', () => {
  expect(nameToText(wire('ExAmPlE', 'ORG'), 0)).toBe('example.org')
  expect(textToName('ExAmPlE')).toEqual(wire('ExAmPlE'))
})

test('a final dot changes nothing, escaped characters are themselves', () => {
  expect(textToName('example.org.')).toEqual(wire('example', 'org'))
  expect(textToName('\\e\\*\\065')).toEqual(wire('e*A'))
})

test('a name of 255 octets and labels of 63 are legal, one more is not', () => {
  const label = 'x'.repeat(63)
  const longest = [label, label, label, 'y'.repeat(61)].join('.')
  expect(textToName(longest)).toHaveLength(255)
  expect(textToName(`${longest}.`)).toHaveLength(255)
  expect(textToName(`${longest}y`)).toBeUndefined()
  expect(textToName(`x${label}`)).toBeUndefined()
  expect(textToName(Array.from({ length: 127 }, () => 'a').join('.'))).toHaveLength(255)
  expect(textToName(Array.from({ length: 128 }, () => 'a').join('.'))).toBeUndefined()
})

test.each(['', '..', '.a', 'a..b', 'a\\', 'a\\25', 'a\\256', 'a\\2x5', 'bücher', 'a\\ü'])('%j is no name', (text) => {
  expect(textToName(text)).toBeUndefined()
})

test('any labels survive the way to text and back', () => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 63 })
  fc.assert(
    fc.property(fc.array(label, { maxLength: 4 }), (labels) => {
      const name = Uint8Array.from([...labels.flatMap((octets) => [octets.length, ...octets]), 0])
      if (name.length > 255) return
      const back = textToName(nameToText(name, 0))
      expect(back?.map((octet) => octet)).toEqual(name.map((octet) => (octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet)))
      expect(nameLength(name, 0)).toBe(name.length)
    }),
  )
})
