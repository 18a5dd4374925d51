import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { expect, test } from 'vitest'
import { installedConfigFile, readArguments, whyNotParsed } from './arguments.ts'
import { UsageError } from './explain-error.ts'

test('a configuration and flags are read; without --config it is the one in /etc', () => {
  expect(readArguments(['--config', 'a.toml', '--guide'], 'all-in-one', ['guide'])).toEqual({
    configFile: 'a.toml',
    flags: new Set(['guide']),
  })
  expect(readArguments([], 'cache', [])).toEqual({ configFile: installedConfigFile(), flags: new Set() })
})

test('the installed configuration is ours; that of dnstap-bgp 1.1 only where ours is not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-etc-'))
  try {
    const [ours, ancestors] = [join(folder, 'dnstap-bgp.toml'), join(folder, 'dnstap-bgp.conf')]
    expect(installedConfigFile(folder)).toBe(ours)
    writeFileSync(ancestors, '')
    expect(installedConfigFile(folder)).toBe(ancestors)
    writeFileSync(ours, '')
    expect(installedConfigFile(folder)).toBe(ours)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test.each([
  [['--nonsense'], 'cache', 'Usage: dnstap-bgp run --service cache [--config FILE]'],
  [['a.toml'], 'all-in-one', 'Usage: dnstap-bgp run [--config FILE] [--guide]'],
  [['--config'], 'all-in-one', 'Usage: dnstap-bgp run [--config FILE] [--guide]'],
  [['--config='], 'all-in-one', 'Usage: dnstap-bgp run [--config FILE] [--guide]'],
])('%j given to %s is a usage error that shows the right form', (argv, program, usage) => {
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
])('%j is refused with: %s', (args, sentence) => {
  const options = { config: { type: 'string' }, json: { type: 'boolean' } } as const
  let thrown: unknown
  try {
    parseArgs({ args, options })
  } catch (error) {
    thrown = error
  }
  expect(whyNotParsed(thrown)).toBe(sentence)
})
