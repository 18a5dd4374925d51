import { describe, expect, test } from 'vitest'
import { hex, octets } from '../test/recorded.ts'
import { encodeAttributes } from './attributes.ts'

const NEXT_HOP_4 = octets('c0000209')
const NEXT_HOP_6 = octets('20010db8000000000000000000000009')

/** Attributes one by one: flags, type, length, value. */
function bytesOf(...args: Parameters<typeof encodeAttributes>): string {
  return hex(encodeAttributes(...args).bytes)
}

describe('encodeAttributes', () => {
  test('towards an internal peer AS_PATH is empty and LOCAL_PREF is there', () => {
    expect(bytesOf('ipv4', { asPath: [], nextHop: NEXT_HOP_4, localPref: 100 }, true)).toBe(
      ['40010100', '400200', '400304c0000209', '40050400000064'].join(''),
    )
  })

  test('everything stands in ascending order of type (RFC 4271 §5)', () => {
    const attributes = {
      asPath: [64496],
      nextHop: NEXT_HOP_4,
      med: 7,
      localPref: 200,
      communities: [0xffffff01, 0xfbf00001, 0xfbf00001],
      largeCommunities: [
        [2, 0, 0],
        [1, 0, 0xffffffff],
        [1, 0, 0xffffffff],
      ] as const,
      origin: 2 as const,
    }
    expect(bytesOf('ipv4', attributes, true)).toBe(
      [
        '40010102',
        '40020602010000fbf0',
        '400304c0000209',
        '80040400000007',
        '400504000000c8',
        'c00808fbf00001ffffff01',
        'c020180000000100000000ffffffff000000020000000000000000',
      ].join(''),
    )
  })

  test('towards a peer of two octets AS_TRANS stands in AS_PATH and AS4_PATH says who it is (RFC 6793 §4.2.2)', () => {
    expect(bytesOf('ipv4', { asPath: [64496, 4200000001], nextHop: NEXT_HOP_4 }, false)).toBe(
      ['40010100', '4002060202fbf05ba0', '400304c0000209', 'c0110a02020000fbf0fa56ea01'].join(''),
    )
    expect(bytesOf('ipv4', { asPath: [64496], nextHop: NEXT_HOP_4 }, false)).not.toContain('c011')
    expect(bytesOf('ipv4', { asPath: [4200000001], nextHop: NEXT_HOP_4 }, true)).toBe('400101004002060201fa56ea01400304c0000209')
  })

  test('a next hop of another family goes into MP_REACH_NLRI', () => {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const block = encodeAttributes(family, { asPath: [], nextHop: NEXT_HOP_6 }, true)
      expect(hex(block.mpNextHop)).toBe(hex(NEXT_HOP_6))
      expect(hex(block.bytes)).toBe('40010100400200')
    }
    expect(encodeAttributes('ipv4', { asPath: [], nextHop: NEXT_HOP_4 }, true).mpNextHop.length).toBe(0)
  })

  test('the next hop is copied', () => {
    const nextHop = Buffer.from(NEXT_HOP_6)
    const block = encodeAttributes('ipv6', { asPath: [], nextHop }, true)
    nextHop.fill(0)
    expect(hex(block.mpNextHop)).toBe(hex(NEXT_HOP_6))
  })

  test('an attribute of more than 255 octets has the Extended Length flag', () => {
    const communities = Array.from({ length: 64 }, (_, i) => i)
    expect(bytesOf('ipv6', { asPath: [], nextHop: NEXT_HOP_6, communities }, true)).toContain(
      'd0080100' + '00000000' + '00000001',
    )
  })

  test('what cannot be written is refused', () => {
    expect(() => encodeAttributes('ipv6', { asPath: [], nextHop: NEXT_HOP_4 }, true)).toThrow(RangeError)
    expect(() => encodeAttributes('ipv4', { asPath: [], nextHop: new Uint8Array(5) }, true)).toThrow(RangeError)
    expect(() => encodeAttributes('ipv4', { asPath: Array.from({ length: 256 }, () => 1), nextHop: NEXT_HOP_4 }, true)).toThrow(
      RangeError,
    )
  })
})
