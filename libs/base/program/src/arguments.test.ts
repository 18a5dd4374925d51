import { parseArgs } from 'node:util'
import { expect, test } from 'vitest'
import { readArguments, whyNotParsed } from './arguments.ts'
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

test.each([
  [['--nonsense'], 'There is no option --nonsense'],
  [['-x'], 'There is no option -x'],
  [['--config'], '--config takes a value'],
  [['--config', '--json'], '--config takes a value'],
  [['--json=yes'], '--json takes no value'],
  [['a.toml'], 'Nothing is done with "a.toml"'],
])('of %j it is said: %s', (args, sentence) => {
  const options = { config: { type: 'string' }, json: { type: 'boolean' } } as const
  let thrown: unknown
  try {
    parseArgs({ args, options })
  } catch (error) {
    thrown = error
  }
  expect(whyNotParsed(thrown)).toBe(sentence)
})
