import { ConfigError } from '@dnstap-bgp/config'
import { AssertionError } from 'node:assert'
import { expect, test } from 'vitest'
import { explainError, UsageError } from './explain-error.ts'

class ListenError extends Error {
  override readonly name = 'ListenError'
}

test.each([
  ['the arguments', new UsageError('No such flag.'), { sentence: 'No such flag.', exitCode: 2 }],
  [
    'the configuration',
    new ConfigError('a.toml', [{ key: '', seen: 'nothing', expected: 'a configuration' }]),
    { sentence: 'a.toml: nothing, expected a configuration', exitCode: 2 },
  ],
  ['the world', new ListenError('Another process listens there.'), { sentence: 'Another process listens there.', exitCode: 1 }],
])('a fault of %s is one sentence and its exit code', (_what, error, expected) => {
  expect(explainError(error)).toEqual(expected)
})

test.each([
  new Error('x'),
  new TypeError('x'),
  new RangeError('x'),
  new AssertionError({ message: 'x' }),
  Object.assign(new Error('ENOENT: x'), { code: 'ENOENT' }),
])('a fault of ours (%s) keeps its stack', (error) => {
  expect(explainError(error)).toEqual({ sentence: error.stack, exitCode: 1 })
})
