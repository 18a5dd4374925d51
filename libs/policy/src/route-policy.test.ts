import { expect, test } from 'vitest'
import { HoldDowns } from './hold-downs.ts'
import { NeverList } from './never-list.ts'
import { RoutePolicy } from './route-policy.ts'

const never = new NeverList({ allowPrivate: false, allow: [], also: [['93.184.215.1', 'our next hop']] })
const NAME = 'www.example.org'
const HOST = '93.184.215.14/32'

test('a public address is routed', () => {
  const policy = new RoutePolicy({ ipv6: true, never })
  expect(policy.whyNot(HOST, NAME, 0)).toBeUndefined()
  expect(policy.whyNot('2606:2800:21f::1/128', NAME, 0)).toBeUndefined()
})

test('an address on the never list is refused with the reason that the list has for it', () => {
  const policy = new RoutePolicy({ ipv6: true, never })
  expect(policy.whyNot('127.0.0.1/32', NAME, 0)).toEqual({ refusal: 'never', why: 'the never list has it: loopback (RFC 1122)' })
  expect(policy.whyNot('93.184.215.1/32', NAME, 0)).toEqual({ refusal: 'never', why: 'the never list has it: our next hop' })
  expect(policy.whyNot('2002:7f00:1::/48', NAME, 0)).toMatchObject({ refusal: 'never' })
})

test('an IPv6 address is refused while IPv6 is off, asked by text or by its length', () => {
  const policy = new RoutePolicy({ ipv6: false, never })
  const expected = { refusal: 'ipv6-off', why: 'IPv6 is switched off (ipv6 = false)' }
  expect(policy.whyNot('2606:2800:21f::1/128', NAME, 0)).toEqual(expected)
  expect(policy.whyNotFamily(16)).toEqual(expected)
  expect(policy.whyNot(HOST, NAME, 0)).toBeUndefined()
  expect(policy.whyNotFamily(4)).toBeUndefined()
})

test.each([
  ['name', NAME],
  ['prefix', HOST],
])('a %s that was forgotten by hand is refused until its hold-down is over', (_kind, subject) => {
  const holdDowns = new HoldDowns()
  const policy = new RoutePolicy({ ipv6: true, never, holdDowns })
  holdDowns.set({ subject, holdDownMs: 1000 }, 0)
  expect(policy.whyNot(HOST, NAME, 999)).toEqual({ refusal: 'held-down', why: 'it was forgotten by hand and is held down' })
  expect(policy.whyNotPrefix(HOST)).toBeUndefined()
  expect(policy.whyNot(HOST, NAME, 1000)).toBeUndefined()
})

test('of two reasons the lasting one is given', () => {
  const holdDowns = new HoldDowns()
  const policy = new RoutePolicy({ ipv6: false, never, holdDowns })
  for (const subject of ['127.0.0.1/32', '::1/128']) holdDowns.set({ subject, holdDownMs: 1000 }, 0)
  expect(policy.whyNot('127.0.0.1/32', NAME, 0)?.refusal).toBe('never')
  expect(policy.whyNot('::1/128', NAME, 0)?.refusal).toBe('ipv6-off')
})
