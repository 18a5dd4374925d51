/** The arguments of a program: which configuration, which of its flags. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { UsageError } from './explain-error.ts'

export interface Arguments {
  readonly configFile: string
  readonly flags: ReadonlySet<string>
}

const CONFIG_FOLDER = '/etc/dnstap-bgp'

/** The file that is read when no other is named: `dnstap-bgp.toml`, or that of dnstap-bgp 1.1 where there is no other. */
export function installedConfigFile(folder = CONFIG_FOLDER): string {
  const [ours, ancestors] = [join(folder, 'dnstap-bgp.toml'), join(folder, 'dnstap-bgp.conf')]
  return !existsSync(ours) && existsSync(ancestors) ? ancestors : ours
}

/** @throws UsageError */
export function readArguments(argv: readonly string[], program: string, flagNames: readonly string[]): Arguments {
  const command = program === 'all-in-one' ? 'dnstap-bgp run' : `dnstap-bgp run --service ${program}`
  const usage = `Usage: ${command} [--config FILE]${flagNames.map((flag) => ` [--${flag}]`).join('')}`
  let values: Readonly<Record<string, unknown>>
  try {
    values = parseArgs({
      args: [...argv],
      options: {
        config: { type: 'string' },
        ...Object.fromEntries(flagNames.map((flag) => [flag, { type: 'boolean' as const }])),
      },
      strict: true,
    }).values
  } catch (error) {
    throw new UsageError(`${whyNotParsed(error)}. ${usage}`)
  }
  const { config = installedConfigFile() } = values
  if (typeof config !== 'string' || config === '') throw new UsageError(`No configuration file was named. ${usage}`)
  return { configFile: config, flags: new Set(flagNames.filter((flag) => values[flag] === true)) }
}

/** An error of parseArgs as a sentence. */
export function whyNotParsed(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const quoted = /'(.*?)'/.exec(message)?.[1] ?? ''
  const option = /--?[^ =]+$|--[^ =]+/.exec(quoted)?.[0] ?? quoted
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return `There is no option ${option}`
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL') return `Nothing is done with "${quoted}"`
  if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return `${option} takes ${/does not take/.test(message) ? 'no' : 'a'} value`
  return message
}
