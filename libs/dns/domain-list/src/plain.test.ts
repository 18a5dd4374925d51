import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { collect, fixture, rulesOf } from '../test/collect.ts'

vi.setConfig({ testTimeout: 30_000 }) // much is compared, and the machine may be busy

test('the fixture: comments, decorations, addresses, U-labels, escapes and several names per line', () => {
  expect(collect([fixture('plain.txt')], 'plain').entries).toEqual([
    '6 suffix example.com',
    '7 suffix example.net',
    '8 suffix leading.example',
    '9 suffix star.example',
    '10 suffix glued.example',
    '11 suffix one.example',
    '11 suffix two.example',
    '11 suffix three.example',
    '12 suffix quoted.example',
    '13 @@suffix except.example',
    '14 @@suffix except-below.example',
    '15 exact only.example',
    '16 @@exact not-only.example',
    '17 address 192.0.2.1/32',
    '17 address 198.51.100.0/24',
    '17 address 2001:db8::1/128',
    '18 address 2001:db8::/32',
    '19 skip address-exception 203.0.113.1',
    '20 skip bad-address 192.0.2.1/24',
    '21 skip bad-address 256.0.0.1',
    '22 skip address-range 192.0.2.1-192.0.2.9',
    '23 skip bad-address 192.0.2.1:53',
    '24 suffix xn--e1afmkfd.xn--p1ai',
    '24 suffix xn--bcher-kva.example',
    '25 suffix xn--e1afmkfd.xn--p1ai',
    '26 suffix _dmarc.under_score.example',
    '27 suffix 123.example',
    '28 suffix 1.2.3',
    '29 suffix ua',
    '30 suffix a\\.b.example',
    '31 wildcard a.*.wild.example',
    '32 regexp ^ad[^.]*\\.wild\\.example$',
    '33 wildcard *.a.*.wild.example',
    '34 skip too-broad *',
    '35 skip too-broad *.*',
    '36 skip empty-name .',
    '38 skip empty-label a..b.example',
    '39 skip url https://example.org/path',
    '40 skip url example.org/path',
    '41 skip bad-character example.org:443',
    '43 skip bad-character control\\u0001.example',
    '44 skip single-word это',
    '44 skip single-word просто',
    '44 skip single-word слова',
    '45 suffix adblock.example',
    '46 suffix last.example',
  ])
})

describe('one line', () => {
  test.each([
    ['@@||except.example^', ['@@suffix except.example']],
    ['@@except.example', ['@@suffix except.example']],
    ['+.both.example', ['suffix both.example']],
    ['||open.example', ['suffix open.example']],
    ['||x.example^$dnstype=A', ['skip bad-character ||x.example^$dnstype=A']],
    ['||^', ['skip bad-character ||^']],
    ['@@', ['skip empty-name @@']],
    ['com', ['suffix com']],
    ['.ua', ['suffix ua']],
    ['*.ua', ['suffix ua']],
    ['moved to com', ['skip single-word moved', 'skip single-word to', 'skip single-word com']],
    ['com, net', ['skip single-word com', 'skip single-word net']],
    ['example.com;', ['suffix example.com']],
    ['a.example;b.example', ['skip bad-character a.example;b.example']],
    ['a\\#b.example # c', ['suffix a#b.example']],
    ['a.example //b', ['suffix a.example']],
    ['!!! not a name', []],
    ['! not a name', []],
    ['!=a.example', ['@@exact a.example']],
    ['!.a.example', ['@@suffix a.example']],
    ['=', ['skip empty-name ']],
    ['*..a.example', ['skip empty-label *..a.example']],
    ['..a.example', ['skip empty-label ..a.example']],
    ['\u00a0a.example\u3000b.example', ['suffix a.example', 'suffix b.example']],
    ['＊.a.example', ['skip bad-character ＊.a.example']],
    ['::1', ['address ::1/128']],
    ['::', ['address ::/128']],
    ['[2001:db8::1]', ['skip bad-address [2001:db8::1]']],
    ['0.0.0.0/0', ['address 0.0.0.0/0']],
    ['dead:beef', ['skip bad-address dead:beef']],
    ['192.0.2.1-dynamic.example', ['suffix 192.0.2.1-dynamic.example']],
    ['face.example', ['suffix face.example']],
    ['*a.example', ['regexp ^[^.]*a\\.example$']],
    ['*.a*.example', ['regexp ^[^.]*\\.a[^.]*\\.example$']],
    ['ä*.example', ['skip unsupported-pattern ä*.example']],
    ['**', ['skip too-broad **']],
    ['\\*.a.example', ['suffix *.a.example']],
  ])('%j', (line, rules) => expect(rulesOf(line, 'plain')).toEqual(rules))
})

describe('match', () => {
  const list = 'a.example\n.b.example\n*.c.example\n=d.example\n!e.example'
  test('auto: a name covers its subdomains', () =>
    expect(rulesOf(list, 'plain')).toEqual([
      'suffix a.example',
      'suffix b.example',
      'suffix c.example',
      'exact d.example',
      '@@suffix e.example',
    ]))
  test('exact: a name stands for itself, and what is decorated for what is below', () =>
    expect(rulesOf(list, 'plain', { match: 'exact' })).toEqual([
      'exact a.example',
      'subdomains b.example',
      'subdomains c.example',
      'exact d.example',
      '@@exact e.example',
    ]))
  test('suffix widens what a format means exactly, but not `=name`', () => {
    expect(rulesOf(list, 'plain', { match: 'suffix' })).toEqual(rulesOf(list, 'plain'))
    expect(rulesOf('0.0.0.0 a.example', 'hosts', { match: 'suffix' })).toEqual(['suffix a.example'])
    expect(rulesOf("- '.a.example'", 'clash', { match: 'suffix' })).toEqual(['suffix a.example'])
    expect(rulesOf('||a.example^', 'adblock', { match: 'exact' })).toEqual(['exact a.example'])
  })
})

test('a line of one name, read the fast way, is what it is among the general', () => {
  const piece = fc.constantFrom(
    'a',
    'B',
    '1',
    '-',
    '_',
    '.',
    '*.',
    '*',
    '!',
    '=',
    '#',
    ' ',
    '\t',
    '\r',
    ' #',
    'ä',
    '192.0.2.1',
    '\\',
    ';',
    '//',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.constantFrom('auto', 'exact', 'suffix'), (pieces, match) => {
      const line = pieces.join('')
      if (/##/.test(line)) return // that may be a cosmetic rule
      const [content = '', ...comment] = line.split(/(?=#)/)
      // A comma adds nothing but keeps a line from being the simple kind. Not at the beginning of a comment, though.
      if (/^\s*(?:!|;|\/\/)|\\$|\s(?:;|\/\/)/.test(content)) return
      expect(rulesOf(line, 'plain', { match })).toEqual(rulesOf([`,${content},`, ...comment].join(''), 'plain', { match }))
    }),
    { numRuns: 5000 },
  )
})
