import { expect, test } from 'vitest'
import { BearerToken } from './bearer-token.ts'
import { hostOf } from './host-header.ts'
import { plainAddress } from './plain-address.ts'

test('a bearer token is good only when it is the whole header', () => {
  const token = new BearerToken('sesame')
  expect([undefined, 'Bearer sesame', 'Bearer sesam', 'sesame', ''].map((header) => token.check(header))).toEqual([
    'missing',
    'good',
    'wrong',
    'wrong',
    'wrong',
  ])
})

test.each([
  ['Example.ORG.:8080', 'example.org'],
  ['[2001:db8::1]:80', '2001:db8::1'],
  ['127.0.0.1', '127.0.0.1'],
])('the host of the Host header %s is %s', (header, host) => {
  expect(hostOf(header)).toBe(host)
})

test.each([
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['FE80::1%eth0', 'fe80::1'],
  ['no address', 'no address'],
])('the plain address of %s is %s', (text, plain) => {
  expect(plainAddress(text)).toBe(plain)
})
