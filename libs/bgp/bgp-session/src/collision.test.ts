import { expect, test } from 'vitest'
import { losingSide } from './collision.ts'

const speaker = (bgpIdentifier: number, asn = 64496) => ({ asn, bgpIdentifier })

test('the connection of the higher BGP Identifier stays, compared as unsigned numbers (RFC 4271 §6.8, RFC 6286 §2.3)', () => {
  expect(losingSide(speaker(0xc0000202), speaker(0x0a000001))).toBe('incoming')
  expect(losingSide(speaker(0x0a000001), speaker(0xc0000202))).toBe('outgoing')
})

test('with equal identifiers, the connection of the higher AS number stays', () => {
  expect(losingSide(speaker(1, 4200000001), speaker(1, 64496))).toBe('incoming')
  expect(losingSide(speaker(1, 64496), speaker(1, 4200000001))).toBe('outgoing')
})

test('both ends come to the same answer', () => {
  for (const [a, b] of [
    [speaker(1), speaker(2)],
    [speaker(0xffffffff), speaker(2)],
    [speaker(7, 1), speaker(7, 2)],
  ]) {
    expect(losingSide(a, b)).not.toBe(losingSide(b, a))
  }
})
