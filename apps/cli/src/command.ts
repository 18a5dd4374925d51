/** A command of `dnstap-bgp`: its options and arguments, its help, and its code. */
import { UsageError, whyNotParsed } from '@dnstap-bgp/program'
import { parseArgs, type ParseArgsConfig } from 'node:util'

export type OptionsOfCommand = NonNullable<ParseArgsConfig['options']>

export interface Command {
  readonly name: string
  /** Lines of the help: what to write behind the command, and its meaning. The plain form comes first. */
  readonly help: readonly HelpLine[]
  /** @param args what stands behind the name. @returns the exit code; @throws UsageError */
  run(args: readonly string[]): Promise<number>
  readonly options: OptionsOfCommand
}

export interface HelpLine {
  /** `[--service NAME]` */
  readonly form: string
  /** A line each. */
  readonly does: readonly string[]
}

type Values<Options extends OptionsOfCommand> = ReturnType<
  typeof parseArgs<{ options: Options; allowPositionals: true; strict: true }>
>['values']

interface Definition<Options extends OptionsOfCommand> {
  readonly name: string
  readonly help: readonly HelpLine[]
  readonly options: Options
  /** Its arguments besides options, as the error says them. */
  readonly subjects:
    | 'none'
    | 'one address or name'
    | 'one folder'
    | 'one resolver: dnsdist'
    | 'at least one name'
    | 'at least one capture (a Frame Streams file)'
  /** Added to the error when an argument is given to a command that takes none. */
  readonly whyNone?: string
  run(values: Values<Options>, subjects: readonly string[]): Promise<number> | number
}

export function defineCommand<const Options extends OptionsOfCommand>(definition: Definition<Options>): Command {
  const { name, help, options, subjects: expected } = definition
  return {
    name,
    help,
    options,
    async run(args) {
      const { values, positionals } = parse(name, options, args)
      const isOne = expected.startsWith('one ')
      if (expected === 'none' && positionals.length > 0)
        throw new UsageError(`${name} takes no argument, such as "${positionals[0]}"${definition.whyNone ?? ''}`)
      if ((isOne && positionals.length !== 1) || (expected !== 'none' && positionals.length === 0))
        throw new UsageError(`${name} takes ${expected}`)
      return await definition.run(values, positionals)
    },
  }
}

function parse<Options extends OptionsOfCommand>(
  name: string,
  options: Options,
  args: readonly string[],
): { values: Values<Options>; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw new UsageError(`${name}: ${whyNotParsed(error)}`)
    const option = /'(-[^' ]*)/.exec(message)?.[1] ?? 'such an option'
    throw new UsageError(`${name} has no option ${option}; it has ${optionsOf(options)}`)
  }
}

function optionsOf(options: OptionsOfCommand): string {
  const names = Object.keys(options).map((option) => `--${option}`)
  return names.length === 0 ? 'none' : names.join(', ')
}
