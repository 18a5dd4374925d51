import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { collect, detectFormat } from '../test/collect.ts'
import { mrsFile, mrsNames, mrsRanges, storedZstd } from '../test/rule-set-files.ts'
import { ListError } from './index.ts'

function rulesIn(file: Uint8Array): string[] {
  return collect([file], 'auto')
    .entries.map((entry) => entry.slice(entry.indexOf(' ') + 1))
    .sort()
}

describe('an MRS file', () => {
  test('is known by the zstd stream around it', () => expect(detectFormat(mrsNames(['a.org']))).toBe('mrs'))

  test('of domains gives the names of its trie: a name, what is below it, one label', () => {
    expect(rulesIn(mrsNames(['example.org', '+.example.org', '*.one.org', 'www.*.two.org', 'пример.рф']))).toEqual([
      'exact example.org',
      'exact xn--e1afmkfd.xn--p1ai',
      'subdomains example.org',
      'wildcard *.one.org',
      'wildcard www.*.two.org',
    ])
  })

  test('of addresses gives the prefixes of its ranges, IPv4 as IPv4', () => {
    const mapped = (last: number) => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, last]
    const ipv6 = (last: number) => [0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(last), last]
    expect(
      rulesIn(
        mrsRanges([
          [mapped(0), mapped(255)],
          [ipv6(0), ipv6(255)],
        ]),
      ),
    ).toEqual(['address 2001:db8::/32', 'address 203.0.113.0/24'])
  })

  test('packed by the zstd program reads the same', () => {
    // printf 'MRS\1' and what mrsNames(['example.org', '+.example.org']) holds, through `zstd -19` 1.5.4.
    const packed = Uint8Array.from(atob(PACKED_BY_ZSTD), (character) => character.charCodeAt(0))
    expect(rulesIn(packed)).toEqual(['exact example.org', 'subdomains example.org'])
  })

  test('with octets in its reserved part reads the same', () => {
    const ranges = [...new Array<number>(7).fill(0), 1, ...new Array<number>(32).fill(0x20)]
    expect(rulesIn(mrsFile(1, ranges, [1, 2, 3]))).toEqual(['address 2020:2020:2020:2020:2020:2020:2020:2020/128'])
  })
})

describe('refuses', () => {
  test.each<[string, () => Uint8Array, RegExp]>([
    ['zstd around something else', () => storedZstd([...new TextEncoder().encode('example.org\n')]), /zstd bytes, not a list/],
    ['another behavior', () => mrsFile(2, [0]), /behavior is 2, and 0 \(domain\) and 1 \(ipcidr\) are read/],
    ['a length without octets behind it', () => mrsFile(0, [0, 0, 0, 0, 0, 255, 255, 255]), /ends inside a field/],
    ['octets behind the end', () => mrsFile(1, [0, 0, 0, 0, 0, 0, 0, 0, 9]), /octets follow its end/],
  ])('%s', (_name, make, message) => {
    expect(() => collect([make()], 'mrs')).toThrow(ListError)
    expect(() => collect([make()], 'mrs')).toThrow(message)
  })

  test('every truncation', () => {
    const file = mrsNames(['example.org', '+.example.org'])
    for (let length = 0; length < file.length; length++)
      expect(() => collect([file.subarray(0, length)], 'mrs'), `${length} octets`).toThrow(ListError)
  })

  test('random octets in every place with a ListError, or reads valid names', () => {
    const file = mrsNames(['example.org', '+.example.org', 'www.example.net'])
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), (at, octet) => {
        const hostile = file.slice()
        hostile[at] = octet
        try {
          collect([hostile], 'mrs')
        } catch (error) {
          expect(error).toBeInstanceOf(ListError)
        }
      }),
      { numRuns: 300 },
    )
  })
})

const PACKED_BY_ZSTD = 'KLUv/QRoPQEAwE1SUwEAKAaqqqoNZ3JvLmVscG1heGUuKwUAMzPaee7NgmUCF2gBrRXXQg=='
