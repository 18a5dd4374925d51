import { UsageError } from '@dnstap-bgp/program'
import { expect, test } from 'vitest'
import { defineCommand } from './command.ts'
import { credentials } from './commands/credentials.ts'
import { forget } from './commands/forget.ts'
import { match } from './commands/match.ts'
import { peers } from './commands/peers.ts'
import { status } from './commands/status.ts'
import { helpOf } from './help.ts'

const runs: unknown[] = []
const example = defineCommand({
  name: 'example',
  help: [{ form: 'NAME', does: ['one line', 'another'] }],
  options: { json: { type: 'boolean' }, to: { type: 'string', multiple: true } },
  subjects: 'one address or name',
  run(values, subjects) {
    runs.push({ values: { ...values }, subjects })
    return 0
  },
})

test('a command gets its own options and its subjects', async () => {
  expect(await example.run(['a', '--to', 'x', '--json', '--to=y'])).toBe(0)
  expect(runs).toEqual([{ values: { json: true, to: ['x', 'y'] }, subjects: ['a'] }])
})

test.each([
  [match, ['x', '--hold-down', '1h'], 'match has no option --hold-down; it has --config, --json'],
  [match, ['x', '--accept=y'], 'match has no option --accept; it has --config, --json'],
  [status, ['--peer', 'x'], 'status has no option --peer; it has --config, --admin, --json'],
  [credentials, ['f', '--json'], 'credentials has no option --json; it has --group, --nats-route, --sentinel'],
  [example, ['-x'], 'example has no option -x; it has --json, --to'],
])('an option of another command is an error that names the command and its options: %#', async (command, args, sentence) => {
  await expect(command.run(args)).rejects.toThrow(UsageError)
  await expect(command.run(args)).rejects.toThrow(sentence)
})

test.each([
  [match, [], 'match takes at least one name'],
  [forget, ['a', 'b'], 'forget takes one address or name'],
  [status, ['x'], 'status takes no argument, such as "x"'],
  [forget, ['a', '--hold-down'], 'forget: --hold-down takes a value'],
  [example, ['a', '--json=yes'], 'example: --json takes no value'],
  [peers, ['--hard'], 'peers --hard needs --reset NAME'],
])('what a command does not take is a usage error: %#', async (command, args, sentence) => {
  await expect(command.run(args)).rejects.toThrow(sentence)
})

test('the help has each form in a column, and what it does beside it', () => {
  expect(helpOf([{ title: 'Group', commands: [example] }])).toContain(
    `Group\n  example NAME${' '.repeat(26)}one line\n${' '.repeat(40)}another\n`,
  )
})
