import fc from 'fast-check'
import { BlockList } from 'node:net'
import { describe, expect, test } from 'vitest'
import { parseAddress } from './address.ts'
import { containsAddress, formatPrefix, hostPrefix, parsePrefix, withoutHostBits } from './prefix.ts'
import { PrefixSet } from './prefix-set.ts'

describe('parsePrefix', () => {
  test.each([
    ['192.0.2.0/24', '192.0.2.0/24'],
    ['192.0.2.1', '192.0.2.1/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['2001:db8::1', '2001:db8::1/128'],
  ])('reads %s', (text, canonical) => expect(formatPrefix(parsePrefix(text)!)).toBe(canonical))

  test.each([
    '192.0.2.1/24',
    '192.0.2.0/33',
    '192.0.2.0/',
    '192.0.2.0/024',
    '192.0.2.0/-1',
    '192.0.2.0/2x',
    '192.0.2.0/ 8',
    '192.0.2.0/0024',
    '2001:db8::1/64',
    '::/129',
    'x/8',
    '/8',
  ])('refuses %s', (text) => {
    expect(parsePrefix(text)).toBeUndefined()
  })
})

test('a host prefix has the length of its family', () => {
  expect(hostPrefix('192.0.2.1')).toBe('192.0.2.1/32')
  expect(hostPrefix('2001:db8::1')).toBe('2001:db8::1/128')
})

test.each([
  ['192.0.2.129/25', '192.0.2.128/25'],
  ['192.0.2.1/024', '192.0.2.0/24'],
  ['10.1.2.3/0', '0.0.0.0/0'],
  ['2001:DB8::1:0:0:1/64', '2001:db8::/64'],
  ['2001:db8::ff/121', '2001:db8::80/121'],
  ['::ffff:192.0.2.1/96', '::ffff:0.0.0.0/96'],
])('%s was meant to be %s', (text, meant) => expect(withoutHostBits(text)).toBe(meant))

test.each(['192.0.2.1', '192.0.2.1/33', '192.0.2.1/24/8', '::1/129', 'x/8', '192.0.2.1/-1'])(
  '%s cannot be mended to a prefix',
  (text) => {
    expect(withoutHostBits(text)).toBeUndefined()
  },
)

test('a set of prefixes agrees with another implementation on what it covers', () => {
  const small = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(255), fc.nat(255))
  fc.assert(
    fc.property(fc.array(fc.tuple(small, fc.integer({ min: 0, max: 32 })), { maxLength: 8 }), small, (entries, address) => {
      const set = new PrefixSet()
      const theirs = new BlockList()
      for (const [octets, lengthBits] of entries) {
        const bits = octets.reduce((sum, octet) => sum * 256 + octet, 0)
        const masked = lengthBits === 0 ? 0 : Number((BigInt(bits) >> BigInt(32 - lengthBits)) << BigInt(32 - lengthBits))
        const text = [24, 16, 8, 0].map((shift) => (masked / 2 ** shift) & 255).join('.')
        set.add(parsePrefix(`${text}/${lengthBits}`)!, `${text}/${lengthBits}`)
        theirs.addSubnet(text, lengthBits)
      }
      const reason = set.covering(parsePrefix(address.join('.'))!)
      expect(reason !== undefined).toBe(theirs.check(address.join('.')))
      if (reason !== undefined) expect(containsAddress(parsePrefix(reason)!, parseAddress(address.join('.'))!)).toBe(true)
    }),
  )
})

test('the longest prefix gives the reason', () => {
  const set = new PrefixSet().add(parsePrefix('10.0.0.0/8')!, 'wide').add(parsePrefix('10.1.0.0/16')!, 'narrow')
  expect(set.covering(parsePrefix('10.1.2.3')!)).toBe('narrow')
  expect(set.covering(parsePrefix('10.2.2.3')!)).toBe('wide')
  expect(set.covering(parsePrefix('11.0.0.1')!)).toBeUndefined()
})

test('prefixes inside a prefix are found below it, and not the prefix itself', () => {
  const set = new PrefixSet()
    .add(parsePrefix('10.1.0.0/16')!, 'inner')
    .add(parsePrefix('10.0.0.0/8')!, 'outer')
    .add(parsePrefix('2001:db8::1')!, 'host')
  expect(set.inside(parsePrefix('10.0.0.0/8')!, () => true)).toBe('inner')
  expect(set.inside(parsePrefix('10.1.0.0/16')!, () => true)).toBeUndefined()
  expect(set.inside(parsePrefix('10.2.0.0/16')!, () => true)).toBeUndefined()
  expect(set.inside(parsePrefix('0.0.0.0/0')!, (reason) => reason !== 'inner')).toBe('outer')
  expect(set.inside(parsePrefix('2001:db8::/32')!, () => true)).toBe('host')
  expect(set.size).toBe(3)
})

test('IPv4 and IPv6 do not cover each other, not even with length 0', () => {
  const set = new PrefixSet().add(parsePrefix('0.0.0.0/0')!, 'four')
  expect(set.covering(parsePrefix('203.0.113.1')!)).toBe('four')
  expect(set.covering(parsePrefix('::')!)).toBeUndefined()
  expect(set.covering(parsePrefix('::cb00:7101')!)).toBeUndefined()
})
