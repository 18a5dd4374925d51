import { parseConfig } from '@dnstap-bgp/config'
import { expect, test } from 'vitest'
import { RouteAdmission } from './route-admission.ts'

const { lists } = parseConfig(
  `
[[list]]
name = "names"
source = "/nowhere/names.txt"
[[list]]
name = "prefixes"
source = "/nowhere/prefixes.txt"
addresses = true
[[list]]
name = "wide"
source = "/nowhere/wide.txt"
addresses = true
shortestPrefix = 5
shortestPrefixIPv6 = 3
`,
  'test.toml',
  {},
)
const admission = new RouteAdmission(lists)

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
] as const)('of a route to %s that lists %j are to own, this stays: %j', (prefix, owners, expected) => {
  expect(admission.ownersOf(prefix, owners)).toEqual(expected)
})
