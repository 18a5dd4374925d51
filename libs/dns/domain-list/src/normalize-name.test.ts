import { nameToText, textToName } from '@dnstap-bgp/dns-wire'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { normalizeName, scanName } from './normalize-name.ts'
import { utf8 } from '../test/collect.ts'

vi.setConfig({ testTimeout: 30_000 }) // much is compared, and the machine may be busy

const label63 = 'a'.repeat(63)
const name255 = `${label63}.${label63}.${label63}.${'b'.repeat(61)}` // 253 characters, 255 octets on the wire

describe('a name is normalized', () => {
  test.each([
    ['Example.COM', 'example.com'],
    ['example.com.', 'example.com'],
    ['com', 'com'],
    ['_dmarc.example.com', '_dmarc.example.com'],
    ['-odd-.example.com', '-odd-.example.com'],
    ['123.456', '123.456'],
    ['xn--e1afmkfd.xn--P1AI', 'xn--e1afmkfd.xn--p1ai'],
    ['xn--a.example', 'xn--a.example'], // may not decode; still a name that may be asked for
    [name255, name255],
    [`${name255}.`, name255],
    ['a\\046b.example', 'a\\.b.example'],
    ['a\\.b.example', 'a\\.b.example'],
    ['\\065\\097.example', 'aa.example'],
    ['\\_x.example', '_x.example'],
    ['a\\\\b.example', 'a\\\\b.example'],
    ['a\\000\\032\\255b.example', 'a\\000\\032\\255b.example'],
    ['a\\;b\\".example', 'a;b".example'],
  ])('%s is %s', (text, name) => expect(normalizeName(text)).toEqual({ name }))

  test.each([
    ['', 'empty-name'],
    ['.', 'empty-name'],
    ['a..b', 'empty-label'],
    ['.a', 'empty-label'],
    ['a.b..', 'empty-label'],
    ['..', 'empty-label'],
    [`${label63}a.example`, 'label-too-long'],
    [`${'ä'.repeat(60)}.example`, 'label-too-long'],
    [`${name255}c`, 'name-too-long'],
    [`a.${name255}`, 'name-too-long'],
    ['x.'.repeat(2000), 'name-too-long'],
    ['a b.example', 'bad-character'],
    ['a/b.example', 'bad-character'],
    ['a\0b.example', 'bad-character'],
    ['a*.example', 'bad-character'],
    ['a\\', 'bad-escape'],
    ['a\\25', 'bad-escape'],
    ['a\\256.example', 'bad-escape'],
    ['ä\\046.example', 'bad-escape'],
    ['a\ufffd.example', 'bad-utf8'],
    ['a\u2028.example', 'bad-idn'],
    ['\u00ad', 'empty-name'],
    ['a.\u00ad.b', 'empty-label'],
  ])('%j is refused: %s', (text, reason) => expect(normalizeName(text)).toEqual({ reason }))

  test('in a zone, printable characters need no escape', () => {
    expect(normalizeName("a!#%&'*+,/:<=>?[]^`{|}~b.Example", 'zone')).toEqual({ name: "a!#%&'*+,/:<=>?[]^`{|}~b.example" })
    expect(normalizeName('a"b', 'zone')).toEqual({ reason: 'bad-character' })
  })

  test('every name is written as dns-wire writes it, and normalizing it again changes nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { minLength: 1, maxLength: 6 }), (labels) => {
        const wire = Uint8Array.from([...labels.flatMap((label) => [label.length, ...label]), 0])
        const text = nameToText(wire, 0)
        const decimal = labels
          .map((label) => Array.from(label, (octet) => `\\${String(octet).padStart(3, '0')}`).join(''))
          .join('.')
        if (wire.length > 255) return
        expect(normalizeName(decimal)).toEqual({ name: text })
        expect(normalizeName(text, 'zone').name ?? text).toBe(text)
        expect(textToName(text)?.length).toBe(wire.length)
      }),
    )
  })
})

test('scanning bytes gives what normalizing the text gives, or leaves it alone', () => {
  const into = new Uint8Array(253)
  const text = fc
    .array(fc.constantFrom('a', 'Z', '0', '9', '-', '_', '.', '.', 'xn--', label63, '*', ' ', 'ä', '/'), { maxLength: 12 })
    .map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(text, (name) => {
      const bytes = utf8(name)
      const length = scanName(bytes, 0, bytes.length, into)
      const plain = /^[A-Za-z0-9._-]+$/.test(name) && /[A-Za-z_]/.test(name)
      const normalized = normalizeName(name).name
      if (length >= 0) expect(new TextDecoder().decode(into.subarray(0, length))).toBe(normalized)
      else expect(plain && normalized !== undefined).toBe(false)
    }),
    { numRuns: 5000 },
  )
})
