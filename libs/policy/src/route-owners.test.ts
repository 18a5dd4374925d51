import { expect, test } from 'vitest'
import { RouteOwners } from './route-owners.ts'

const owners = new RouteOwners([
  { name: 'names', addresses: false, shortestPrefixIpv4: 8, shortestPrefixIpv6: 19 },
  { name: 'prefixes', addresses: true, shortestPrefixIpv4: 8, shortestPrefixIpv6: 19 },
  { name: 'wide', addresses: true, shortestPrefixIpv4: 5, shortestPrefixIpv6: 3 },
])

test.each([
  ['192.0.2.1/32', ['names'], ['names']],
  ['2001:db8::1/128', ['names'], ['names']],
  ['192.0.2.1/32', ['names', 'prefixes'], ['names', 'prefixes']],
  ['192.0.2.1/32', ['names', 'nobody'], ['names', 'nobody']],
  ['192.0.2.1/32', ['nobody'], 'unknown list'],
  ['192.0.2.1/32', [], 'unknown list'],
  ['192.0.2.0/24', ['names'], 'too wide'],
  ['192.0.2.0/24', ['names', 'prefixes'], ['prefixes']],
  ['192.0.2.0/24', ['nobody', 'prefixes'], ['prefixes']],
  ['23.0.0.0/8', ['prefixes'], ['prefixes']],
  ['22.0.0.0/7', ['prefixes'], 'too wide'],
  ['2001:2000::/19', ['prefixes'], ['prefixes']],
  ['2001::/18', ['prefixes'], 'too wide'],
  ['16.0.0.0/5', ['prefixes', 'wide'], ['wide']],
  ['2000::/3', ['wide'], ['wide']],
  ['2000::/2', ['wide'], 'too wide'],
  ['0.0.0.0/0', ['prefixes'], 'too wide'],
  ['::/0', ['prefixes'], 'too wide'],
] as const)('of the lists %j, these may own a route to %s: %j', (prefix, lists, expected) => {
  expect(owners.of(prefix, lists)).toEqual(expected)
})
