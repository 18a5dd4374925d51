import { expect, test } from 'vitest'
import { nextHopFault } from './next-hop-check.ts'

test.each([
  ['127.0.0.1', '127.0.0.0/8'],
  ['0.1.2.3', '0.0.0.0/8'],
  ['224.0.0.5', 'multicast'],
  ['255.255.255.255', 'reserved'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['ff02::1', 'multicast'],
  ['fe80::1', 'link-local'],
  ['::ffff:192.0.2.1', 'IPv4-mapped'],
  ['192.0.2', 'anything but an address'],
])('%s is no next hop: %s', (nextHop, words) => {
  expect(nextHopFault(nextHop, '192.0.2.2')).toContain(words)
})

test('a next hop must not be the peer itself (RFC 4271 §5.1.3), however its address is written', () => {
  expect(nextHopFault('192.0.2.2', '192.0.2.2')).toContain('the peer itself')
  expect(nextHopFault('2001:db8::2', '2001:db8:0::2')).toContain('the peer itself')
  expect(nextHopFault('192.0.2.9', '192.0.2.2')).toBeUndefined()
})
