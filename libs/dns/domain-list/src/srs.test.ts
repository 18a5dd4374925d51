import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { collect, detectFormat, rulesOf, utf8 } from '../test/collect.ts'
import { srsFile, srsLogical, srsNames, srsNamesVersion1, srsRanges, srsRule, texts, uvarint } from '../test/rule-set-files.ts'
import { ListError } from './index.ts'

/** Without line numbers, and sorted: a trie has an order of its own. */
function rulesIn(file: Uint8Array): string[] {
  return collect([file], 'auto')
    .entries.map((entry) => entry.slice(entry.indexOf(' ') + 1))
    .sort()
}

const NAMES = ['example.org', 'www.example.org', 'пример.рф', 'a']
const SUFFIXES = ['example.net', '.below.example.net']
const RULES = [
  'exact a',
  'exact example.org',
  'exact www.example.org',
  'exact xn--e1afmkfd.xn--p1ai',
  'subdomains below.example.net',
  'suffix example.net',
]

describe('an SRS file', () => {
  test('is known by its first octets', () => expect(detectFormat(srsFile([]))).toBe('srs'))

  test.each([2, 3, 4, 5])('of version %i gives the names it was compiled from', (version) => {
    expect(rulesIn(srsFile([srsRule([srsNames(NAMES, SUFFIXES)])], version))).toEqual(RULES)
  })

  test('of version 1 writes a suffix as the name and what ends in it', () => {
    const byBoth = [...RULES.filter((rule) => rule !== 'suffix example.net'), 'exact example.net', 'subdomains example.net']
    expect(rulesIn(srsFile([srsRule([srsNamesVersion1(NAMES, SUFFIXES)])], 1))).toEqual(byBoth.sort())
  })

  test('gives keywords, regular expressions and ranges of addresses as prefixes', () => {
    const items = [
      [3, ...texts('ads')],
      [4, ...texts('^ads[0-9]+\\.')],
      srsRanges(6, [
        [
          [203, 0, 113, 1],
          [203, 0, 113, 6],
        ],
      ]),
    ]
    expect(rulesIn(srsFile([srsRule(items)]))).toEqual([
      'address 203.0.113.1/32',
      'address 203.0.113.2/31',
      'address 203.0.113.4/31',
      'address 203.0.113.6/32',
      'keyword ads',
      'regexp ^ads[0-9]+\\.',
    ])
  })

  test.each<[string, number[]]>([
    ['query types', [0, ...uvarint(1), 0, 1]],
    ['a network', [1, ...texts('tcp')]],
    ['source addresses', srsRanges(5, [])],
    ['ports', [9, ...uvarint(2), 0, 80, 1, 187]],
    ['a process', [11, ...texts('curl')]],
    ['AdGuard names', [16, 0, ...srsNames(['x.org'], []).slice(2)]],
    ['kinds of network', [18, ...uvarint(1), 1]],
    ['an expensive network', [19]],
    ['interface addresses', [21, ...uvarint(1), 0, ...uvarint(1), 4, 10, 0, 0, 0, 8]],
    ['the default interface', [22, ...uvarint(1), 4, 10, 0, 0, 0, 8]],
    ['a pattern of packages', [23, ...texts('.*')]],
  ])('skips a rule that %s narrow, and reads the next', (_name, item) => {
    const rules = rulesIn(srsFile([srsRule([srsNames(['narrow.org'], []), item]), srsRule([srsNames(['next.org'], [])])]))
    expect(rules.filter((rule) => !rule.startsWith('skip'))).toEqual(['exact next.org'])
    expect(rules.some((rule) => rule.startsWith('skip unsupported-condition'))).toBe(true)
  })

  test('means what the same JSON means: inverted, or, and-but-not', () => {
    const org = srsRule([srsNames([], ['example.org'])])
    const ok = srsRule([srsNames([], ['ok.example.org'])], true)
    const json = (text: string) => rulesOf(`{"version":3,"rules":[${text}]}`, 'sing-box').sort()
    expect(rulesIn(srsFile([srsLogical(1, [org, srsRule([srsNames(['b.net'], [])])])]))).toEqual(
      json('{"type":"logical","mode":"or","rules":[{"domain_suffix":"example.org"},{"domain":"b.net"}]}'),
    )
    expect(rulesIn(srsFile([srsLogical(0, [org, ok])]))).toEqual(
      json(
        '{"type":"logical","mode":"and","rules":[{"domain_suffix":"example.org"},{"domain_suffix":"ok.example.org","invert":true}]}',
      ),
    )
    const inverted = rulesIn(srsFile([srsRule([srsNames(['a.org'], [])], true)]))
    expect(inverted.filter((rule) => !rule.startsWith('skip'))).toEqual([])
  })

  test('whose suffix does not begin at a label is skipped, never widened', () => {
    const item = [2, 0, ...srsNames(['\rxample.org'], []).slice(2)]
    expect(rulesIn(srsFile([srsRule([item])])).filter((rule) => !rule.startsWith('skip'))).toEqual([])
  })
})

describe('refuses', () => {
  test.each<[string, () => Uint8Array, RegExp]>([
    ['an unknown version', () => srsFile([], 6), /version 6, and 1 to 5 are read/],
    ['an unknown item', () => srsFile([srsRule([[24, 0]])]), /item 24, which is not known/],
    ['an unknown kind of rule', () => srsFile([[7]]), /a rule has type 7/],
    ['rules nested without end', () => srsFile([nested(20)]), /nested deeper than 16/],
    ['octets behind the end', () => srsFile([srsRule([]), [0]].slice(0, 1).concat([[0, 0xff, 0, 9]])), /.+/],
    ['what is not compressed', () => Uint8Array.of(0x53, 0x52, 0x53, 1, 1, 2, 3, 4, 5), /cannot be unpacked/],
  ])('%s', (_name, make, message) => {
    expect(() => collect([make()], 'srs')).toThrow(ListError)
    expect(() => collect([make()], 'srs')).toThrow(message)
  })

  test('every truncation', () => {
    const file = srsFile([srsRule([srsNames(NAMES, SUFFIXES)])])
    for (let length = 0; length < file.length - 4; length++)
      expect(() => collect([file.subarray(0, length)], 'srs'), `${length} octets`).toThrow(ListError)
  })

  test('random octets in every place with a ListError, or reads valid names', () => {
    const file = srsFile([srsRule([srsNames(NAMES, SUFFIXES)])])
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), (at, octet) => {
        const hostile = file.slice()
        hostile[at] = octet
        try {
          collect([hostile], 'srs')
        } catch (error) {
          expect(error).toBeInstanceOf(ListError)
        }
      }),
      { numRuns: 300 },
    )
  })
})

test('any split into chunks gives the same rules', () => {
  const file = srsFile([srsRule([srsNames(NAMES, SUFFIXES)])])
  const whole = collect([file], 'auto').entries
  for (const size of [1, 3, 7, 50]) {
    const chunks = Array.from({ length: Math.ceil(file.length / size) }, (_, i) => file.subarray(i * size, (i + 1) * size))
    expect(collect(chunks, 'auto').entries).toEqual(whole)
  }
})

test('text that begins with SRS is text', () => {
  expect(detectFormat(utf8('SRS.example.org\nexample.org\n'))).toBe('plain')
})

function nested(depth: number): number[] {
  return depth === 0 ? srsRule([]) : srsLogical(1, [nested(depth - 1)])
}
