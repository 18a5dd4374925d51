/** What `dnstap-bgp --help` prints: the commands by group, each with its forms. */
import type { Command } from './command.ts'

export interface CommandGroup {
  readonly title: string
  readonly commands: readonly Command[]
}

/** Column where the meaning of a command begins. */
const COLUMN = 40

export function helpOf(groups: readonly CommandGroup[]): string {
  return [
    'dnstap-bgp steers traffic by domain name: DNS answers by dnstap in, BGP host routes out.',
    '',
    'Usage: dnstap-bgp COMMAND [options]',
    '',
    ...groups.flatMap(({ title, commands }) => [title, ...commands.flatMap(linesOf), '']),
    OPTIONS,
  ].join('\n')
}

function linesOf({ name, help }: Command): string[] {
  return help.flatMap(({ form, does }) => {
    const left = `  ${name}${form === '' ? '' : ` ${form}`}`
    const indent = ' '.repeat(COLUMN)
    if (left.length > COLUMN - 2) return [left, ...does.map((line) => indent + line)]
    return does.map((line, index) => (index === 0 ? left.padEnd(COLUMN) : indent) + line)
  })
}

const OPTIONS = `Options
  --config FILE   configuration; default /etc/dnstap-bgp/dnstap-bgp.toml, or else run/dnstap-bgp.toml (of npm start)
  --admin WHERE   HOST:PORT or a socket's path, in place of what [admin] says; the token is still the configuration's or
                  that of DNSTAP_BGP_ADMIN_TOKEN
  --json          the answer as JSON
  --version, --help
`
