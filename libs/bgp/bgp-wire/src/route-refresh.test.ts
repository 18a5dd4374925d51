import { expect, test } from 'vitest'
import { hex, octets, recordedSessions } from '../test/recorded.ts'
import { message } from './header.ts'
import { RouteRefreshSubtype, decodeRouteRefresh, encodeRouteRefresh } from './route-refresh.ts'

const recorded = recordedSessions().filter((one) => one.session === 'external')

test.each(['bird', 'frr'])('reads how %s marks the beginning and the end of what it sends again (RFC 7313)', (implementation) => {
  const messages = recorded.find((one) => one.implementation === implementation)!.messages.filter((one) => one[18] === 5)
  expect(messages.map((one) => decodeRouteRefresh(one))).toEqual([
    { family: 'ipv6', subtype: RouteRefreshSubtype.beginning },
    { family: 'ipv6', subtype: RouteRefreshSubtype.end },
  ])
  expect(messages.map(hex)).toEqual([
    hex(encodeRouteRefresh('ipv6', RouteRefreshSubtype.beginning)),
    hex(encodeRouteRefresh('ipv6', RouteRefreshSubtype.end)),
  ])
})

test('a request for a family or of a kind we do not know is ignored', () => {
  expect(decodeRouteRefresh(message(5, octets('0001 00 02')))).toBeUndefined()
  expect(decodeRouteRefresh(message(5, octets('0001 07 01')))).toBeUndefined()
  expect(decodeRouteRefresh(message(5, octets('0001 00 01')))).toEqual({ family: 'ipv4', subtype: 0 })
})

test('a request may carry ORF entries (RFC 5291)', () => {
  expect(decodeRouteRefresh(message(5, octets('0001 00 01 01 40 0000')))).toEqual({ family: 'ipv4', subtype: 0 })
})

test('a demarcation of the wrong length is an error that shows the whole message (RFC 7313 §5)', () => {
  const bytes = message(5, octets('0001 01 01 00'))
  expect(() => decodeRouteRefresh(bytes)).toThrow(expect.objectContaining({ code: 7, subcode: 1, data: bytes }))
})
