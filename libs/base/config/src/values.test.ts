import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Value } from './toml-tree.ts'
import { community, largeCommunity } from './community-values.ts'
import { duration, formatDuration, parseDuration } from './duration.ts'
import { address, endpoint, listenAddress, parseEndpoint, prefix, tcpListenAddress } from './network-values.ts'
import { Wrong } from './read.ts'
import { boolean, fileMode, integer, oneOrMany, string, url } from './values.ts'

type Given = readonly [value: Value, folder: string]
const FOLDER = '/etc'
const quoted = (value: string): Given => [
  { type: 'scalar', kind: 'string', value, text: JSON.stringify(value), at: undefined },
  FOLDER,
]
const whole = (value: number, written = String(value)): Given => [
  {
    type: 'scalar',
    kind: 'integer',
    value,
    text: written,
    at: undefined,
  },
  FOLDER,
]
const variable = (value: string): Given => [{ type: 'scalar', kind: 'environment', value, text: value, at: undefined }, FOLDER]

// What Go's time.ParseDuration answers for these (go1.22, the table of its own documentation and more).
test.each([
  ['0', 0],
  ['24h', 86_400_000],
  ['1h30m', 5_400_000],
  ['500ms', 500],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['1.s', 1000],
  ['+5s', 5000],
  ['1us', 0.001],
  ['1µs', 0.001],
  ['1μs', 0.001],
  ['1ns', 0.000001],
  ['1m1s1ms', 61_001],
  ['10m', 600_000],
] as const)('%s is a duration of %d ms', (written, ms) => {
  expect(parseDuration(written)).toBe(ms)
})

test.each(['', '5', '1d', '1h 30m', ' 1h', '1H', 'h', '.s', '-1h', '1h30', '1e3s', 'soon', '1hh', '+'])(
  '%o is no duration',
  (written) => {
    expect(parseDuration(written)).toBeUndefined()
  },
)

test('a duration that is formatted reads as itself', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 1e10 }), (ms) => parseDuration(formatDuration(ms)) === ms))
})

test('a number or days in place of a duration bring the right spelling', () => {
  expect(duration()(...whole(3600))).toMatchObject({ suggestion: '"3600s"' })
  expect(duration()(...quoted('7d'))).toMatchObject({ suggestion: '"168h"' })
})

test('zero is a duration only where it switches something off', () => {
  expect(duration()(...quoted('0'))).toBeInstanceOf(Wrong)
  expect(duration({ zero: true, minimumMs: 1000 })(...quoted('0s'))).toBe(0)
  expect(duration({ zero: true })(...whole(0))).toBe(0)
})

test.each([
  ['192.0.2.1', { host: '192.0.2.1', port: 179 }],
  ['192.0.2.1:1179', { host: '192.0.2.1', port: 1179 }],
  ['[2001:DB8::2]:1179', { host: '2001:db8::2', port: 1179 }],
  ['[2001:db8::2]', { host: '2001:db8::2', port: 179 }],
  ['2001:db8::2', { host: '2001:db8::2', port: 179 }],
  ['router.example.org', { host: 'router.example.org', port: 179 }],
  ['Router:1179', { host: 'router', port: 1179 }],
  ['a_b.example.org:1', { host: 'a_b.example.org', port: 1 }],
] as const)('%s is an endpoint', (written, expected) => {
  expect(endpoint(179)(...quoted(written))).toEqual(expected)
})

test.each([
  '',
  ':179',
  '300.1.1.1',
  '1.2.3',
  '192.0.2.1:0',
  '192.0.2.1:65536',
  '192.0.2.1:',
  '[192.0.2.1]:1',
  '[2001:db8::2',
  'a b',
  'x/y',
  '-a',
  '2001:db8::2:port',
  '[]:1',
  '192.0.2.1:12:13',
])('%o is no endpoint', (written) => {
  expect(parseEndpoint(written, 179)).toBeUndefined()
})

test.each([
  ['/run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
  ['./x.sock', { kind: 'unix', path: '/etc/x.sock' }],
  ['unix:/run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
  ['0.0.0.0:6000', { kind: 'tcp', host: '0.0.0.0', port: 6000 }],
  ['[::]:6000', { kind: 'tcp', host: '::', port: 6000 }],
  [':6000', { kind: 'tcp', host: undefined, port: 6000 }],
  ['*:6000', { kind: 'tcp', host: undefined, port: 6000 }],
  ['127.0.0.1:0', { kind: 'tcp', host: '127.0.0.1', port: 0 }],
  ['localhost:6000', { kind: 'tcp', host: 'localhost', port: 6000 }],
] as const)('%s is a place to listen', (written, expected) => {
  expect(listenAddress(...quoted(written))).toEqual(expected)
})

test.each(['127.0.0.1', 'localhost', '::1', '1.2.3.4:99999', ':', ':70000', 'x.sock', `/${'a'.repeat(107)}`, '::1:0'])(
  '%s is no place to listen',
  (written) => {
    expect(listenAddress(...quoted(written))).toBeInstanceOf(Wrong)
  },
)

test('a socket without a folder brings a suggestion', () => {
  expect(listenAddress(...quoted('dnstap.sock'))).toMatchObject({ suggestion: '"./dnstap.sock"' })
})

test('a server that speaks TCP only takes no path', () => {
  expect(tcpListenAddress(...quoted('/run/x.sock'))).toBeInstanceOf(Wrong)
})

test.each([
  ['"0660"', quoted('0660'), 0o660],
  ['"660"', quoted('660'), 0o660],
  ['"0o660"', quoted('0o660'), 0o660],
  ['0o660', whole(0o660, '0o660'), 0o660],
  ['a variable', variable('0600'), 0o600],
] as const)('%s is a file mode', (_what, value, mode) => {
  expect(fileMode(...value)).toBe(mode)
})

test('a decimal mode is refused, with the octal one as the suggestion', () => {
  expect(fileMode(...whole(660))).toMatchObject({ suggestion: '"0660"' })
  expect(fileMode(...quoted('0888'))).toBeInstanceOf(Wrong)
  expect(fileMode(...quoted('7777'))).toBeInstanceOf(Wrong)
})

test.each([
  ['65000:100', 0xfde80064],
  ['0:0', 0],
  ['no-export', 0xffffff01],
  ['NO_EXPORT', 0xffffff01],
  ['nopeer', 0xffffff04],
  ['blackhole', 0xffff029a],
] as const)('the community %s is %d', (written, expected) => {
  expect(community(...quoted(written))).toBe(expected)
})

test.each(['65536:1', '1:65536', '1', '1:2:3', '-1:2', 'a:b', '1: 2', 'constructor', '__proto__'])(
  '%s is no community',
  (written) => {
    expect(community(...quoted(written))).toBeInstanceOf(Wrong)
  },
)

test('a misspelt well-known community brings its name', () => {
  expect(community(...quoted('no-exprot'))).toMatchObject({ suggestion: '"no-export"' })
})

test('large communities have three 32-bit parts', () => {
  expect(largeCommunity(...quoted('4294967295:0:1'))).toEqual([4294967295, 0, 1])
  expect(largeCommunity(...quoted('4294967296:0:1'))).toBeInstanceOf(Wrong)
  expect(largeCommunity(...quoted('1:2'))).toBeInstanceOf(Wrong)
})

test('prefixes are canonical; host bits bring the prefix that was meant', () => {
  expect(prefix(...quoted('2001:DB8:0::/32'))).toBe('2001:db8::/32')
  expect(prefix(...quoted('192.0.2.1'))).toBe('192.0.2.1/32')
  expect(prefix(...quoted('192.0.2.1/24'))).toMatchObject({ suggestion: '"192.0.2.0/24"' })
  expect(prefix(...quoted('192.0.2.0/33'))).toMatchObject({ suggestion: undefined })
})

test('an address is of the family that is asked for', () => {
  expect(address('ipv4')(...quoted('192.0.2.1'))).toBe('192.0.2.1')
  expect(address('ipv4')(...quoted('2001:db8::1'))).toBeInstanceOf(Wrong)
  expect(address('ipv6')(...quoted('2001:DB8::1'))).toBe('2001:db8::1')
  expect(address()(...quoted('192.0.2.01'))).toBeInstanceOf(Wrong)
})

test('a URL with a password in it is refused without being shown', () => {
  expect(url(['http', 'https'], 'user and password')(...quoted('https://me:hunter2@example.org/list'))).toMatchObject({
    seen: 'a URL with credentials in it',
  })
  expect(url(['https'], 'user and password')(...quoted('ftp://example.org/'))).toBeInstanceOf(Wrong)
  expect(url(['https'], 'user and password')(...quoted('example.org'))).toBeInstanceOf(Wrong)
})

test('text from the environment is taken as what is wanted', () => {
  expect(integer(0, 9)(...variable('7'))).toBe(7)
  expect(integer(0, 9)(...variable('7.0'))).toBeInstanceOf(Wrong)
  expect(boolean(...variable('Yes'))).toBe(true)
  expect(boolean(...variable('0'))).toBe(false)
  expect(boolean(...variable('maybe'))).toBeInstanceOf(Wrong)
  expect(oneOrMany(string)(...variable('a, b,,c'))).toEqual(['a', 'b', 'c'])
  expect(duration()(...variable('90s'))).toBe(90_000)
})

test('what is in quotes and should not be brings that as the suggestion', () => {
  expect(integer(1, 9)(...quoted('5'))).toMatchObject({ suggestion: '5 without quotes' })
  expect(boolean(...quoted('true'))).toMatchObject({ suggestion: 'true without quotes' })
})
