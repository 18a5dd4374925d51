import protobuf from 'protobufjs'
import { describe, expect, test, vi } from 'vitest'
import { parseList } from './parse-list.ts'
import { collect, fixture } from '../test/collect.ts'

vi.setConfig({ testTimeout: 30_000 }) // much is compared, and the machine may be busy

// fixtures/geosite.dat was written by protobufjs 8.8.1 from the same messages as below.
const { root } = protobuf.parse(`syntax = "proto3";
  message Attribute { string key = 1; oneof typed_value { bool bool_value = 2; int64 int_value = 3; } }
  message Domain { enum Type { Plain = 0; Regex = 1; RootDomain = 2; Full = 3; } Type type = 1; string value = 2; repeated Attribute attribute = 3; }
  message GeoSite { string country_code = 1; repeated Domain domain = 2; bytes resource_hash = 3; string code = 4; }
  message GeoSiteList { repeated GeoSite entry = 1; }`)

function encoded(entries: readonly object[]): Uint8Array {
  const type = root.lookupType('GeoSiteList')
  return Uint8Array.from(type.encode(type.fromObject({ entry: entries })).finish())
}

const sites = (...names: string[]) => collect([fixture('geosite.dat')], 'geosite', { sites: names }).entries

describe('the fixture', () => {
  test('a list by its code, in any case', () => {
    expect(sites('Google')).toEqual([
      '1 suffix google.example',
      '2 exact www.google.example',
      '3 keyword google',
      '4 regexp ^ad[0-9]+\\.google\\.example$',
      '5 suffix ads.google.example',
      '6 suffix xn--e1afmkfd.xn--p1ai',
      '7 skip empty-label bad..example',
      '8 skip bad-keyword два',
      '9 skip too-broad .*',
      '10 skip empty-name ',
      '11 suffix upper.example',
    ])
  })
  test('the entries with an attribute, or without one', () => {
    expect(sites('google@cn')).toEqual(['2 exact www.google.example', '5 suffix ads.google.example'])
    expect(sites('google@cn@-ads')).toEqual(['2 exact www.google.example'])
    expect(sites('google@cn', 'google@ads')).toEqual([
      '2 exact www.google.example',
      '4 regexp ^ad[0-9]+\\.google\\.example$',
      '5 suffix ads.google.example',
    ])
  })
  test('several lists; one that is not there is told', () => {
    expect(sites('newer', 'other', 'empty', 'missing')).toEqual([
      '1 suffix other.example',
      '2 exact newer.example',
      '2 skip site-not-found missing',
    ])
  })
  test('without a choice the list is refused, and what there is to choose is told', () => {
    expect(() => sites()).toThrow('the file holds 4 lists; say which by sites, such as other, google, empty, newer')
  })
  test('codes and values of megabytes, and with terminal escapes, cost nothing and are not told whole', () => {
    const long = 'x'.repeat(3 * 2 ** 20)
    const file = encoded([
      { code: long },
      { countryCode: '\u001b]0;evil\u0007' },
      {
        code: 'good',
        domain: [
          { type: 2, value: long },
          { type: 2, value: 'a.example', attribute: [{ key: long }] },
        ],
      },
    ])
    expect(() => collect([file], 'geosite', {})).toThrow(
      /^the file holds 3 lists; say which by sites, such as \\u001b\]0;evil\\u0007, good$/,
    )
    expect(collect([file], 'geosite', { sites: ['good'] }).entries).toEqual([
      expect.stringMatching(/^1 skip line-too-long x{50,60}$/),
      '2 suffix a.example',
    ])
  })
  test('every truncation is refused, and nothing else is thrown', () => {
    const whole = fixture('geosite.dat')
    let atBoundary = 0
    for (let length = 0; length < whole.length; length++) {
      try {
        collect([whole.subarray(0, length)], 'geosite', { sites: ['google'] })
        atBoundary++ // between two entries a cut cannot be seen
      } catch (error) {
        expect(error).toMatchObject({ name: 'ListError', fault: 'truncated' })
      }
    }
    expect(atBoundary).toBe(4)
  })
})

test('an entry larger than a chunk, byte by byte', () => {
  const domain = Array.from({ length: 3000 }, (_, i) => ({ type: 2, value: `name-${i}.example` }))
  const bytes = encoded([{ countryCode: 'BEFORE' }, { countryCode: 'BIG', domain }, { countryCode: 'AFTER' }])
  const chunks = Array.from(bytes, (octet) => Uint8Array.of(octet))
  expect(collect(chunks, 'geosite', { sites: ['big'] }).entries).toEqual(domain.map(({ value }, i) => `${i + 1} suffix ${value}`))
})

test('a type of a later version is skipped', () => {
  const bytes = encoded([{ countryCode: 'A', domain: [{ type: 9, value: 'a.example' }] }])
  expect(collect([bytes], 'geosite', { sites: ['a'] }).entries).toEqual(['1 skip unsupported-rule type 9: a.example'])
})

test.each([
  ['a length past all bounds', [0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f], 'too-large'],
  ['a varint of eleven octets', Array<number>(11).fill(0x8a), 'malformed'],
  ['a field without number', [0x02, 0x01, 0x00], 'malformed'],
  ['a group', [0x0b], 'malformed'],
  ['a domain longer than its entry', [0x0a, 0x05, 0x0a, 0x01, 0x41, 0x12, 0x7f], 'malformed'],
  ['an entry that never comes', [0x0a, 0x7f, 0x00], 'truncated'],
])('%s refuses the list', (_name, octets, fault) => {
  const sink = { rule: () => undefined, address: () => undefined, skip: () => undefined }
  expect(() => parseList([Uint8Array.from(octets)], 'geosite', { sites: ['a'] }, sink)).toThrow(
    expect.objectContaining({ name: 'ListError', fault }),
  )
})
