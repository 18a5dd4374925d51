import { expect, test } from 'vitest'
import { Listener } from './listener.ts'

const listener = (limits: { connections?: number; connectionsFromOne?: number } = {}) =>
  new Listener({ kind: 'tcp', host: '::', port: 6000 }, false, {
    connections: 100,
    connectionsFromOne: 1,
    heldOctets: 1000,
    ...limits,
  })

test.each([
  ['one IPv4 address', '192.0.2.1', '192.0.2.1', false],
  ['two IPv4 addresses', '192.0.2.1', '192.0.2.2', true],
  ['two addresses of an IPv6 network', '2001:db8::1', '2001:db8::ffff:2:3:4', false],
  ['two addresses of an IPv6 network, one without zeros to leave out', '2001:db8:1:2::1', '2001:db8:1:2:3:4:5:6', false],
  ['two addresses of an IPv6 network whose zeros end in it', '2001::5:6:7:8:9', '2001:0:0:5::1', false],
  ['two IPv6 networks', '2001:db8::1', '2001:db8:0:1::1', true],
  ['two IPv6 networks that begin with zeros', '::1', '::1:0:0:0:1', true],
  ['an IPv4 address and an IPv6 network', '192.0.2.1', '2001:db8::1', true],
])('%s: is there room for the second when each has one connection', (_name, first, second, expected) => {
  const one = listener()
  one.opened(first)
  expect(one.hasRoomFor(second)).toBe(expected)
  one.closed(first)
  expect(one.hasRoomFor(second)).toBe(true)
})

test('connections by a UNIX socket, which have no address, are only limited all together', () => {
  const one = listener({ connections: 3 })
  for (let i = 0; i < 3; i++) {
    expect(one.hasRoomFor(undefined)).toBe(true)
    one.opened(undefined)
  }
  expect(one.hasRoomFor(undefined)).toBe(false)
})
