import { expect, test } from 'vitest'
import { isLoopback } from './is-loopback.ts'

test.each(['localhost', 'LOCALHOST', '::1', '127.0.0.1', '127.255.255.254'])('%s is loopback', (host) => {
  expect(isLoopback(host)).toBe(true)
})

test.each([undefined, '', '::', '0.0.0.0', '128.0.0.1', '127.example.org', '127.1', '127.0.0.256', 'localhost.example.org'])(
  '%s is not',
  (host) => expect(isLoopback(host)).toBe(false),
)
