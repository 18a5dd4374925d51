/** The `dnstap-bgp` command: starts programs, checks configurations, asks a running instance. */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { askAdmin } from './admin-client.ts'
import { check } from './check.ts'
import { checkList } from './check-list.ts'
import { credentials } from './credentials.ts'
import { lists } from './lists.ts'
import { match } from './match.ts'
import { complain } from './output.ts'
import { print } from './print.ts'
import { replay } from './replay.ts'
import { runApp, SERVICES } from './run-app.ts'
import { DEFAULT_CONFIG_FILE, explainError, whyNotParsed } from '@dnstap-bgp/program'
import { UsageError } from './usage-error.ts'

const HELP = `dnstap-bgp steers traffic by domain name: DNS answers by dnstap in, BGP host routes out.

Usage: dnstap-bgp COMMAND [options]

Start
  run                                   the all-in-one: everything in one process
  run --service NAME                    one of ${SERVICES.join(', ')}

  credentials FOLDER [--group GID]...   make the passwords of the services apart, for NATS, Redis and each of them; what is
                                        there is kept. The group may read them; FOLDER=GID gives one folder another.
                                        --nats-route HOST:PORT... for a NATS cluster, --sentinel for Redis with Sentinels

Look before you start
  check [--service NAME]                what is wrong with the configuration, what its lists would load, what would change
  check --list FILE|URL [--format F] [--capture CAPTURE]
                                        what a file would be as a list, without a configuration: format, counts, what is
                                        skipped, its widest rules, and what it catches of a capture's names
  match NAME...                         which rule of which list decides on a name, why, and in which line it stands
  replay CAPTURE...                     what a Frame Streams file would have routed, and how fast

Ask a running instance, at [admin] socket or listen of the configuration
  status                                health of each part, counts
  senders                               each resolver that reports: connection, frames
  lists                                 each list: state, names, skipped, last change
  lists --accept NAME                   take a list's new version although it shrank; give it to each process that loads lists
  peers                                 each BGP peer: state, since when, routes, last error
  peers --reset NAME [--hard]           send a peer its routes once more; --hard: end its session, or a pause, and begin anew
  routes [--peer NAME]                  what is announced
  explain ADDRESS|NAME                  why it is routed, or why not
  forget ADDRESS|NAME [--hold-down 1h]  withdraw by hand
  backup                                copy the all-in-one's cache file, while it is in use, to CACHE.backup

Options
  --config FILE   configuration; default /etc/dnstap-bgp/dnstap-bgp.toml, or else run/dnstap-bgp.toml (of npm start)
  --admin WHERE   HOST:PORT or a socket's path, in place of what [admin] says; the token is still the configuration's or
                  that of DNSTAP_BGP_ADMIN_TOKEN
  --json          the answer as JSON
  --version, --help
`

/** Commands without a subject. */
const ALONE: ReadonlySet<string> = new Set(['check', 'status', 'senders', 'lists', 'peers', 'routes', 'backup'])
const BACKUP = ': the copy is beside the cache file, by its name with .backup behind it'
const CHECKOUT_CONFIG = 'run/dnstap-bgp.toml'

process.exitCode = await main(process.argv.slice(2))

async function main(argv: string[]): Promise<number> {
  // `run` hands its further arguments to the program it starts.
  if (argv[0] === 'run') return runApp(argv.slice(1), defaultConfig())
  let parsed
  try {
    parsed = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        admin: { type: 'string' },
        accept: { type: 'string' },
        peer: { type: 'string' },
        reset: { type: 'string' },
        group: { type: 'string', multiple: true },
        'nats-route': { type: 'string', multiple: true },
        sentinel: { type: 'boolean' },
        hard: { type: 'boolean' },
        service: { type: 'string' },
        'hold-down': { type: 'string' },
        list: { type: 'string' },
        format: { type: 'string' },
        capture: { type: 'string' },
        json: { type: 'boolean' },
        version: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    complain(`${whyNotParsed(error)}. Try: dnstap-bgp --help`)
    return 2
  }
  const { values, positionals } = parsed
  const [command, ...subjects] = positionals
  if (values.version === true) {
    process.stdout.write(`dnstap-bgp ${process.env['DNSTAP_BGP_VERSION'] ?? 'development'}\n`)
    return 0
  }
  if (values.help === true || command === undefined) {
    process.stdout.write(HELP)
    return command === undefined && values.help !== true ? 2 : 0
  }
  const config = values.config ?? defaultConfig()
  const json = values.json === true
  try {
    if (subjects.length > 0 && ALONE.has(command))
      throw new UsageError(`${command} takes no argument, such as "${subjects[0]}"${command === 'backup' ? BACKUP : ''}`)
    switch (command) {
      case 'check':
        if (values.list !== undefined) {
          const { list: source, format, capture } = values
          return await checkList({ source, format, capture, config, json })
        }
        for (const option of ['format', 'capture'] as const)
          if (values[option] !== undefined) throw new UsageError(`--${option} is for check --list`)
        return await check(config, values.service, json)
      case 'match':
        return await match(config, subjects, json)
      case 'replay':
        return await replay(config, subjects, json)
      case 'credentials':
        if (subjects.length !== 1) throw new UsageError('credentials takes one folder')
        return credentials(subjects[0], {
          groups: values.group ?? [],
          natsRoutes: values['nats-route'] ?? [],
          sentinel: values.sentinel === true,
        })
      case 'status':
      case 'senders':
        print(command, await askAdmin({ config, admin: values.admin }, 'GET', `/api/${command}`), json)
        return 0
      case 'peers': {
        const where = { config, admin: values.admin }
        const reset = { peer: values.reset, hard: values.hard === true }
        const answer =
          values.reset === undefined
            ? await askAdmin(where, 'GET', '/api/peers')
            : await askAdmin(where, 'POST', '/api/peers/reset', reset)
        print('peers', answer, json)
        return 0
      }
      case 'backup':
        print(command, await askAdmin({ config, admin: values.admin }, 'POST', '/api/backup'), json)
        return 0
      case 'lists':
        return await lists({ config, admin: values.admin }, values.accept, json)
      case 'routes': {
        const query = values.peer === undefined ? '' : `?peer=${encodeURIComponent(values.peer)}`
        print('routes', await askAdmin({ config, admin: values.admin }, 'GET', `/api/routes${query}`), json)
        return 0
      }
      case 'explain':
      case 'forget': {
        if (subjects.length !== 1) throw new UsageError(`${command} takes one address or name`)
        const answer =
          command === 'explain'
            ? await askAdmin({ config, admin: values.admin }, 'GET', `/api/explain?subject=${encodeURIComponent(subjects[0])}`)
            : await askAdmin({ config, admin: values.admin }, 'POST', '/api/forget', {
                subject: subjects[0],
                holdDown: values['hold-down'] ?? '0s',
              })
        print(command, answer, json)
        return 0
      }
      default:
        throw new UsageError(`There is no command "${command}"`)
    }
  } catch (error) {
    const { sentence, exitCode } = explainError(error)
    complain(`${sentence}${error instanceof UsageError ? '. Try: dnstap-bgp --help' : ''}`)
    return exitCode
  }
}

function defaultConfig(): string {
  return existsSync(DEFAULT_CONFIG_FILE) || !existsSync(CHECKOUT_CONFIG) ? DEFAULT_CONFIG_FILE : CHECKOUT_CONFIG
}
