/** Starts a program that lies beside this one. Each program is a bundle of its own, without the code of the others. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from '../command.ts'
import { CONFIG, configOf } from '../options.ts'

const RUN_HELP = `Usage: dnstap-bgp run [--service NAME] [--config FILE]

Runs the all-in-one, everything in one process, or one service: dnstap-ingest, cache, bgp-announcer, sync-gateway.
It runs until SIGTERM or SIGINT; SIGHUP reads configuration and lists again, SIGUSR1 logs counts.
`

const SERVICES = ['dnstap-ingest', 'cache', 'bgp-announcer', 'sync-gateway'] as const

/** The program that it starts checks all further arguments. */
export const run: Command = {
  name: 'run',
  help: [
    { form: '', does: ['the all-in-one: everything in one process'] },
    { form: '--service NAME', does: [`one of ${SERVICES.join(', ')}`] },
  ],
  options: { ...CONFIG, service: { type: 'string' } },
  run: (args) => runApp([...args], configOf({})),
}

/** @returns the exit code that the program left */
async function runApp(args: string[], defaultConfig: string): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(RUN_HELP)
    return 0
  }
  const at = args.findIndex((arg) => arg === '--service' || arg.startsWith('--service='))
  let name = 'all-in-one'
  let rest = args
  if (at >= 0) {
    const inline = args[at].includes('=')
    name = inline ? args[at].slice('--service='.length) : (args[at + 1] ?? '')
    rest = [...args.slice(0, at), ...args.slice(at + (inline ? 1 : 2))]
    if (!SERVICES.some((service) => service === name)) {
      process.stderr.write(`There is no service "${name}"; there are ${SERVICES.join(', ')}.\n`)
      return 2
    }
  }
  const url = new URL(`../${name}/main.js`, import.meta.url)
  if (!existsSync(url)) {
    process.stderr.write(`The program ${name} is not installed here (${fileURLToPath(url)} is missing).\n`)
    return 1
  }
  const hasConfig = rest.some((arg) => arg === '--config' || arg.startsWith('--config='))
  process.argv = [process.argv[0], fileURLToPath(url), ...rest, ...(hasConfig ? [] : ['--config', defaultConfig])]
  await import(url.href)
  return Number(process.exitCode ?? 0)
}
