/**
 * What every program does around its services: arguments, configuration, log, health, metrics, the admin server, and signals.
 *
 *   SIGTERM, SIGINT   stop in order         SIGHUP   read configuration and lists again        SIGUSR1   log counts
 *
 * A program that cannot start says why in one sentence per mistake and exits: 2 for its arguments or its configuration, 1 for the rest.
 */
import { ADMIN_API, AdminError, AdminHandlers } from '@dnstap-bgp/admin-api'
import { ConfigError, loadConfig, type ConfigWith, type Part } from '@dnstap-bgp/config'
import { foreignLines } from '@dnstap-bgp/foreign-text'
import { runService, systemClock, type Clock, type Closeable, type Log, type Use } from '@dnstap-bgp/runtime'
import { createLogger, Health, leadsToJournal, Metrics, STANDARD_ERROR, withPriority } from '@dnstap-bgp/telemetry'
import { readArguments } from './arguments.ts'
import { explainError } from './explain-error.ts'
import { notifySystemd } from './notify-systemd.ts'
import { openAdmin } from './open-admin.ts'
import { Reloader } from './reloader.ts'

export interface ProgramOptions<Needed extends Part> {
  readonly name: string
  /** Tables that the configuration must have. */
  readonly needs: readonly Needed[]
  /** Flags besides `--config FILE`. */
  readonly flags?: readonly string[]
}

export interface Program<Needed extends Part> {
  readonly name: string
  readonly version: string
  readonly config: ConfigWith<Needed>
  readonly log: Log
  readonly clock: Clock
  readonly metrics: Metrics
  readonly health: Health
  /** Endpoints of the admin API that this process answers. */
  readonly handlers: AdminHandlers
  hasFlag(flag: string): boolean
  /** The configuration as it is in the file now, to look at. @throws AdminError when it has mistakes: it is asked for by the admin API */
  readConfig(): ConfigWith<Needed>
  /** Called with the configuration as it is in the file now, after SIGHUP. */
  onReload(listener: (config: ConfigWith<Needed>) => void | Promise<void>): void
  /** Counts for the log (SIGUSR1) and for `GET /api/status`. */
  onReport(report: () => object | Promise<object>): void
}

/** Of the sentence about a failed start: it may quote a file. */
const MAX_LINE = 4000

/** Runs until it is told to stop; leaves the exit code in `process.exitCode`. */
export async function runProgram<const Needed extends Part>(
  options: ProgramOptions<Needed>,
  start: (program: Program<Needed>, use: Use) => Promise<void>,
): Promise<void> {
  let log: Log = createLogger({ level: 'info', format: 'text' })
  let opened: Started<Needed>
  try {
    opened = open(options)
    log = opened.program.log
  } catch (error) {
    const { sentence, exitCode } = explainError(error)
    const lines = `${foreignLines(sentence, MAX_LINE)}\n`
    process.stderr.write(leadsToJournal(STANDARD_ERROR) ? withPriority('error', lines) : lines)
    process.exitCode = exitCode
    return
  }
  const { program, signals } = opened
  // The store, copies of lists and backups hold names that people looked up. Sockets are given their modes one by one.
  process.umask(process.umask() | 0o027)
  await runService(
    log,
    async (use) => {
      use(signals)
      for (const warning of program.config.warnings) log.warn({}, warning)
      // Open before the services: a probe must be able to ask why a start takes long.
      use(await openAdmin(program.config.admin, program))
      await start(program, use)
      program.health.started()
      log.info({ version: program.version, config: program.config.fileName }, `${program.name} runs.`)
      notifySystemd(log)
      void opened.started()
    },
    { explain: explainError },
  )
}

interface Started<Needed extends Part> {
  readonly program: Program<Needed>
  readonly signals: Closeable
  /** From now on SIGHUP is answered; one that came before is answered now. */
  started(): Promise<void>
}

function open<const Needed extends Part>(options: ProgramOptions<Needed>): Started<Needed> {
  const { configFile, flags } = readArguments(process.argv.slice(2), options.name, options.flags ?? [])
  const read = () => loadConfig(configFile, process.env, { needs: options.needs })
  const config = read()
  const log = createLogger(config.log)
  const hasLists = (options.needs as readonly Part[]).includes('lists')
  const reloader = new Reloader(config, { read, log, what: hasLists ? 'Configuration and lists were' : 'The configuration was' })
  const reports: (() => object | Promise<object>)[] = []
  const program: Program<Needed> = {
    name: options.name,
    version: process.env['DNSTAP_BGP_VERSION'] ?? 'development',
    config,
    log,
    clock: systemClock,
    metrics: new Metrics(),
    health: new Health({ clock: systemClock, log }),
    handlers: new AdminHandlers(),
    hasFlag: (flag) => flags.has(flag),
    readConfig() {
      try {
        return read()
      } catch (error) {
        if (error instanceof ConfigError) throw new AdminError(409, error.message, { cause: error })
        throw error
      }
    },
    onReload: (listener) => reloader.onReload(listener),
    onReport: (report) => reports.push(report),
  }
  const reload = () => void reloader.request()
  const counts = async () => {
    const parts = await Promise.allSettled(reports.map(async (one) => one()))
    return Object.assign({}, ...parts.map((part) => (part.status === 'fulfilled' ? part.value : {}))) as Record<string, unknown>
  }
  const report = () => {
    void counts().then((all) => log.info(all, 'Counts.'))
  }
  program.handlers.add(ADMIN_API.status, async () => {
    const { state, ready, components } = program.health.report()
    return {
      program: program.name,
      version: program.version,
      state,
      ready,
      uptimeSeconds: Math.round(process.uptime()),
      parts: components.map(({ sinceMs, ...rest }) => ({ ...rest, since: new Date(sinceMs).toISOString() })),
      counts: await counts(),
    }
  })
  process.on('SIGHUP', reload)
  process.on('SIGUSR1', report)
  const signals: Closeable = {
    close() {
      process.off('SIGHUP', reload)
      process.off('SIGUSR1', report)
    },
  }
  return {
    program,
    signals,
    started: () => reloader.started(),
  }
}
