/** The `dnstap-bgp` command: starts programs, checks configurations, asks a running instance. One file for each command in commands/. */
import { explainError, UsageError } from '@dnstap-bgp/program'
import { parseArgs } from 'node:util'
import { backup } from './commands/backup.ts'
import { check } from './commands/check.ts'
import { credentials } from './commands/credentials.ts'
import { doctor } from './commands/doctor.ts'
import { explain } from './commands/explain.ts'
import { forget } from './commands/forget.ts'
import { lists } from './commands/lists.ts'
import { match } from './commands/match.ts'
import { peers } from './commands/peers.ts'
import { resolverConfig } from './commands/resolver-config.ts'
import { replay } from './commands/replay.ts'
import { routes } from './commands/routes.ts'
import { run } from './commands/run.ts'
import { senders } from './commands/senders.ts'
import { status } from './commands/status.ts'
import { helpOf, type CommandGroup } from './help.ts'
import { complain, endWithReader } from './output.ts'

const GROUPS: readonly CommandGroup[] = [
  { title: 'Start', commands: [run, credentials, resolverConfig] },
  { title: 'Look before you start', commands: [check, match, replay] },
  {
    title: 'Ask a running instance, at [admin] socket or listen of the configuration',
    commands: [doctor, status, senders, lists, peers, routes, explain, forget, backup],
  },
]
const COMMANDS = GROUPS.flatMap(({ commands }) => commands)

process.exitCode = await main(withOptionsOfAncestor(process.argv.slice(2)))

async function main(argv: readonly string[]): Promise<number> {
  const { command: name, rest, flags } = split(argv)
  if (name !== 'run') endWithReader()
  if (name !== 'run' && flags.has('version')) {
    process.stdout.write(`dnstap-bgp ${process.env['DNSTAP_BGP_VERSION'] ?? 'development'}\n`)
    return 0
  }
  const asksForHelp = flags.has('help') || flags.has('h')
  if (name !== 'run' && asksForHelp) {
    process.stdout.write(helpOf(GROUPS))
    return 0
  }
  try {
    const command = COMMANDS.find((one) => one.name === name)
    if (command !== undefined) return await command.run(rest)
    if (name !== undefined) throw new UsageError(`There is no command "${name}"`)
    const [option] = flags
    if (option !== undefined)
      throw new UsageError(`There is no command, and no option ${option.length === 1 ? '-' : '--'}${option} without one`)
    process.stdout.write(helpOf(GROUPS))
    return 2
  } catch (error) {
    const { sentence, exitCode } = explainError(error)
    complain(`${sentence}${error instanceof UsageError ? '. Try: dnstap-bgp --help' : ''}`)
    return exitCode
  }
}

/** dnstap-bgp 1.1 had one option and no commands: `dnstap-bgp -config FILE` ran it, and units and scripts may say so still. */
function withOptionsOfAncestor(argv: readonly string[]): readonly string[] {
  const [first] = argv
  if (first !== '-config' && first?.startsWith('-config=') !== true) return argv
  return ['run', `-${first}`, ...argv.slice(1)]
}

/** The command, what stands around it, and the options that are there; values of options are known by all commands' options together. */
function split(argv: readonly string[]): { command: string | undefined; rest: readonly string[]; flags: ReadonlySet<string> } {
  const options = Object.assign({}, ...COMMANDS.map((command) => command.options)) as (typeof COMMANDS)[number]['options']
  const { tokens } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: false, tokens: true })
  const flags = new Set(tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : [])))
  const first = tokens.find((token) => token.kind === 'positional')
  if (first === undefined) return { command: undefined, rest: argv, flags }
  return { command: first.value, rest: argv.filter((_, index) => index !== first.index), flags }
}
