import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PeerSyncError, goSyntaxError, parseJson, utf8ToText } from './value-scanner.ts'
import { decodeEntry, encodeEntry } from './peer-entry.ts'

const AT = Date.parse('2026-11-23T01:13:08.733Z')
const entry = { address: '203.0.113.1', name: 'listed.test', seenAtMs: AT }

test('the bytes that the ancestor sends are read', () => {
  expect(decodeEntry('{"IP":"203.0.113.1","Domain":"listed.test","TS":"2026-11-23T01:13:08.73332502Z"}')).toEqual(entry)
})

test('an entry is written as the ancestor writes it', () => {
  expect(encodeEntry(entry)).toBe('{"IP":"203.0.113.1","Domain":"listed.test","TS":"2026-11-23T01:13:08.733Z"}')
  expect(encodeEntry({ address: '2001:db8:2::1', name: 'a<b>&\\"c.test', seenAtMs: 0 })).toBe(
    '{"IP":"2001:db8:2::1","Domain":"a\\u003cb\\u003e\\u0026\\\\\\"c.test","TS":"1970-01-01T00:00:00Z"}',
  )
})

test.each([
  ['keys of any case', '{"ip":"203.0.113.1","DOMAIN":"listed.test","Ts":"2026-11-23T01:13:08.733Z"}'],
  [
    'unknown keys',
    '{"IP":"203.0.113.1","Domain":"listed.test","TS":"2026-11-23T01:13:08.733Z","Extra":{"a":[1,null]},"__proto__":5}',
  ],
  ['any order and white space', ' {\n"TS" : "2026-11-23T01:13:08.733Z",\t"Domain":"listed.test", "IP":"203.0.113.1" } '],
  ['an offset', '{"IP":"203.0.113.1","Domain":"listed.test","TS":"2026-11-23T04:13:08.733+03:00"}'],
  [
    'the last of equal keys',
    '{"IP":"bad","IP":"203.0.113.1","Domain":"x","domain":"listed.test","TS":"2026-11-23T01:13:08.733Z"}',
  ],
  ['a name in mixed case with a final dot', '{"IP":"203.0.113.1","Domain":"LiSted.TEST.","TS":"2026-11-23T01:13:08.733Z"}'],
  ['escapes', '{"\\u0049P":"203.0.113.1","Domain":"listed\\u002etest","TS":"2026-11-23T01:13:08.733Z"}'],
] as const)('with %s it is the same entry', (_what, text) => {
  expect(decodeEntry(text)).toEqual(entry)
})

test('addresses come out in canonical text', () => {
  expect(decodeEntry('{"IP":"2001:DB8:0:0::1","Domain":"a","TS":"2026-11-23T01:13:08Z"}').address).toBe('2001:db8::1')
})

test.each([
  ['{"IP":"not-an-ip","Domain":"a","TS":"2026-11-23T01:13:08Z"}', 'invalid IP address: not-an-ip'],
  ['{"IP":"::ffff:192.0.2.1","Domain":"a","TS":"2026-11-23T01:13:08Z"}', 'invalid IP address: ::ffff:192.0.2.1'],
  ['{"IP":"192.0.2.01","Domain":"a","TS":"2026-11-23T01:13:08Z"}', 'invalid IP address: 192.0.2.01'],
  ['{"IP":"fe80::1%eth0","Domain":"a","TS":"2026-11-23T01:13:08Z"}', 'invalid IP address: fe80::1%eth0'],
  ['{"Domain":"a","TS":"2026-11-23T01:13:08Z"}', 'missing IP address'],
  ['{"IP":null,"Domain":"a","TS":"2026-11-23T01:13:08Z"}', 'missing IP address'],
  ['{}', 'missing IP address'],
  ['null', 'missing IP address'],
  ['{"IP":"192.0.2.1","TS":"2026-11-23T01:13:08Z"}', 'missing Domain'],
  ['{"IP":"192.0.2.1","Domain":"a..b","TS":"2026-11-23T01:13:08Z"}', 'invalid Domain: a..b'],
  [`{"IP":"192.0.2.1","Domain":"${'a'.repeat(64)}","TS":"2026-11-23T01:13:08Z"}`, `invalid Domain: ${'a'.repeat(64)}`],
  ['{"IP":"192.0.2.1","Domain":"b\\u00fccher.test","TS":"2026-11-23T01:13:08Z"}', 'invalid Domain: bücher.test'],
  ['{"IP":"192.0.2.1","Domain":"a"}', 'missing TS'],
  ['{"IP":"192.0.2.1","Domain":"a","TS":"yesterday"}', 'parsing time "\\"yesterday\\"": not RFC 3339'],
  ['{"IP":5,"Domain":"a"}', 'json: cannot unmarshal number into Go struct field cacheEntry.IP of type net.IP'],
  ['{"IP":"192.0.2.1","Domain":["a"]}', 'json: cannot unmarshal array into Go struct field cacheEntry.Domain of type string'],
  ['[]', 'json: cannot unmarshal array into Go value of type main.cacheEntry'],
  ['true', 'json: cannot unmarshal bool into Go value of type main.cacheEntry'],
  ['"x"', 'json: cannot unmarshal string into Go value of type main.cacheEntry'],
])('%s is refused', (text, message) => {
  expect(() => decodeEntry(text)).toThrow(new PeerSyncError(message))
})

test("a stranger's text comes back short and without control characters", () => {
  const text = JSON.stringify({ IP: `x\r\nSet-Cookie: a\u001b[2J${'y'.repeat(500)}`, Domain: 'a', TS: '2026-11-23T01:13:08Z' })
  try {
    decodeEntry(text)
    expect.unreachable()
  } catch (error) {
    expect((error as Error).message).toMatch(/^invalid IP address: x\\u000d\\u000aSet-Cookie: a\\u001b\[2Jy+…$/)
    expect((error as Error).message.length).toBeLessThan(130)
  }
})

// The messages of Go 1.22's encoding/json for these texts.
test.each([
  ['garbage', "invalid character 'g' looking for beginning of value"],
  ['{"IP":"192.0.2.1"', 'unexpected EOF'],
  ['{', 'unexpected EOF'],
  ['"abc', 'unexpected EOF'],
  ['nul', 'unexpected EOF'],
  ['{"a":x}', "invalid character 'x' looking for beginning of value"],
  ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['[1 2]', "invalid character '2' after array element"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
  ['tru3', "invalid character '3' in literal true (expecting 'e')"],
  ['-x', "invalid character 'x' in numeric literal"],
  ['1.x', "invalid character 'x' after decimal point in numeric literal"],
  ['1ex', "invalid character 'x' in exponent of numeric literal"],
  ["'", "invalid character '\\'' looking for beginning of value"],
])('%s is refused in the words of Go', (text, message) => {
  expect(goSyntaxError(text)).toBe(message)
  expect(() => parseJson(text)).toThrow(new PeerSyncError(message))
})

test('whatever the text, an entry that can be written again or a PeerSyncError comes out', () => {
  const fragment = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '\\',
    'IP',
    'TS',
    'Domain',
    '192.0.2.1',
    'null',
    'true',
    '-',
    '1e9',
    ' ',
    '\u0000',
    '2026-11-23T01:13:08Z',
    '\\u0041',
  )
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(fragment, { maxLength: 20 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (input) => {
      try {
        const found = decodeEntry(input)
        expect(decodeEntry(encodeEntry(found))).toEqual(found)
      } catch (error) {
        expect(error).toBeInstanceOf(PeerSyncError)
        expect((error as Error).message).not.toBe('')
      }
    }),
    { numRuns: 1000 },
  )
})

test('UTF-8 is read as TextDecoder reads it', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.string({ unit: 'binary' }).map((text) => new TextEncoder().encode(text)),
      ),
      (bytes) => {
        const ours = utf8ToText(bytes, 0, bytes.length)
        const theirs = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
        // How many U+FFFD stand for a malformed stretch differs between implementations (and between WHATWG and Go).
        expect(ours.replaceAll(/\uFFFD+/g, '\uFFFD')).toBe(theirs.replaceAll(/\uFFFD+/g, '\uFFFD'))
      },
    ),
    { numRuns: 500 },
  )
})
