import { describe, expect, test } from 'vitest'
import { collect, fixture, rulesOf } from '../test/collect.ts'

test('the fixture: rules that are plainly about names', () => {
  expect(collect([fixture('sing-box.json')], 'sing-box').entries).toEqual([
    '6 exact exact.example',
    '6 exact xn--e1afmkfd.xn--p1ai',
    '6 exact escaped.example',
    '6 skip empty-label bad..example',
    '7 suffix suffix.example',
    '7 subdomains below.example',
    '8 keyword keyword',
    '9 regexp ^ad[0-9]+\\.example$',
    '10 address 192.0.2.0/24',
    '10 address 2001:db8::/32',
    '10 address 192.0.2.0/24',
    '13 exact single.example',
    '14 skip unsupported-condition port',
    '15 skip unsupported-condition invert',
    '16 skip unsupported-condition process_name',
    '20 skip unsupported-condition network',
    '22 skip unsupported-condition mode: and',
    '19 exact or.example',
    '21 suffix or-or.example',
    '27 exact and.example',
    '28 skip unsupported-condition invert',
    '29 skip unsupported-condition domain',
    '30 skip unsupported-condition domain',
  ])
})

describe('what is no JSON, or no end of it, refuses the list', () => {
  test.each([
    ['{"rules":[', 'truncated'],
    ['{"rules":[{"domain":["a.example', 'truncated'],
    ['', 'truncated'],
    ['{"rules":[{"domain":["a.example",]}]}', 'malformed'],
    ['{"rules":[{"domain" "a.example"}]}', 'malformed'],
    ['{"rules":[}', 'malformed'],
    ['{"rules":[]]', 'malformed'],
    ['{} {}', 'malformed'],
    ['{"a":tru}', 'malformed'],
    ['{"a":01}', 'malformed'],
    [`{"a":${'1'.repeat(100)}}`, 'malformed'],
    ["{'rules':[]}", 'malformed'],
    ['{"a":"\n"}', 'malformed'],
    ['['.repeat(100_000), 'too-deep'],
    ['{"a":'.repeat(100_000), 'too-deep'],
    [`{"rules":[{"domain":"${'a'.repeat(70_000)}"}]}`, 'too-large'],
  ])('%.60j: %s', (text, fault) => {
    expect(() => rulesOf(text, 'sing-box')).toThrow(expect.objectContaining({ name: 'ListError', fault }))
  })
})

test('says on which line', () => {
  expect(() => rulesOf('{\n"rules":\n[oops]}', 'sing-box')).toThrow('line 3: "oops" is not JSON')
})

test('a file without rules gives none', () => {
  for (const text of [
    '{}',
    '[]',
    '1',
    '"x"',
    '{"rules":{}}',
    '{"rules":"x"}',
    '{"rules":[[],1,"a.example",null]}',
    '{"version":1}',
  ])
    expect(rulesOf(text, 'sing-box')).toEqual([])
})

test('a name may be written in escapes', () => {
  expect(rulesOf('{"rules":[{"domain":["\\u0434\\u0430.example","a\\/b","\\ud83d\\ude00.example","\\x"]}]}', 'sing-box')).toEqual(
    ['exact xn--80ah.example', 'skip bad-character a/b', 'exact xn--e28h.example', 'skip bad-utf8 \ufffd'],
  )
})
