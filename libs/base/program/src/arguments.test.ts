import { expect, test } from 'vitest'
import { readArguments } from './arguments.ts'
import { UsageError } from './explain-error.ts'

test('a configuration and flags are read; without --config it is the one in /etc', () => {
  expect(readArguments(['--config', 'a.toml', '--guide'], 'all-in-one', ['guide'])).toEqual({
    configFile: 'a.toml',
    flags: new Set(['guide']),
  })
  expect(readArguments([], 'cache', [])).toEqual({ configFile: '/etc/dnstap-bgp/dnstap-bgp.toml', flags: new Set() })
})

test.each([
  [['--nonsense'], 'cache', 'Usage: dnstap-bgp run --service cache [--config FILE]'],
  [['a.toml'], 'all-in-one', 'Usage: dnstap-bgp run [--config FILE] [--guide]'],
  [['--config'], 'all-in-one', 'Usage: dnstap-bgp run [--config FILE] [--guide]'],
  [['--config='], 'all-in-one', 'Usage: dnstap-bgp run [--config FILE] [--guide]'],
])('%j given to %s is a usage error that says how it is done', (argv, program, usage) => {
  const read = () => readArguments(argv, program, program === 'all-in-one' ? ['guide'] : [])
  expect(read).toThrow(UsageError)
  expect(read).toThrow(usage)
})
