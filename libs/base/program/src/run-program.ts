/**
 * What every program does around its services: arguments, configuration, log, health, metrics, the admin server, and signals.
 *
 *   SIGTERM, SIGINT   stop in order         SIGHUP   read configuration and lists again        SIGUSR1   log counts
 *
 * A program that cannot start says why in one sentence per mistake and exits: 2 for its arguments or its configuration, 1 for the rest.
 */
import { ConfigError, loadConfig, Secret, type Config, type ConfigWith, type Part } from '@dnstap-bgp/config'
import { runService, steadyClock, systemClock, type Clock, type Closeable, type Log, type Use } from '@dnstap-bgp/runtime'
import { createLogger, Health, Metrics, startAdminServer, type AdminRoutes } from '@dnstap-bgp/telemetry'
import { parseArgs } from 'node:util'

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
  /** Does not step with the wall clock. */
  readonly clock: Clock
  readonly metrics: Metrics
  readonly health: Health
  readonly routes: AdminRoutes
  hasFlag(flag: string): boolean
  /** Called with the configuration as it is in the file now, after SIGHUP. */
  onReload(listener: (config: ConfigWith<Needed>) => void | Promise<void>): void
  /** SIGUSR1: what it returns goes to the log; `GET /api/status` answers with it too. */
  onReport(report: () => object | Promise<object>): void
}

/** The arguments are not what the program takes. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

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
    const { sentence, exitCode } = explain(error)
    process.stderr.write(`${sentence}\n`)
    process.exitCode = exitCode
    return
  }
  const { program, signals } = opened
  await runService(
    log,
    async (use) => {
      use(signals)
      for (const warning of program.config.warnings) log.warn({}, warning)
      // Open before the services: a probe must be able to ask why a start takes long.
      use(await startAdminServer(program.config.admin, program))
      await start(program, use)
      opened.running()
      log.info({ version: program.version, config: program.config.fileName }, `${program.name} runs.`)
    },
    { explain },
  )
}

interface Started<Needed extends Part> {
  readonly program: Program<Needed>
  readonly signals: Closeable
  /** From now on SIGHUP is answered; one that came before is answered now. */
  running(): void
}

function open<const Needed extends Part>(options: ProgramOptions<Needed>): Started<Needed> {
  const { configFile, flags } = readArguments(options)
  const read = () => loadConfig(configFile, process.env, { needs: options.needs })
  const config = read()
  const log = createLogger(config.log)
  const clock = steadyClock(systemClock, (stepMs) =>
    log.warn({ stepMs: Math.round(stepMs) }, 'The clock of this machine was set; deadlines follow it slowly.'),
  )
  const reloads: ((config: ConfigWith<Needed>) => void | Promise<void>)[] = []
  const reports: (() => object | Promise<object>)[] = []
  const program: Program<Needed> = {
    name: options.name,
    version: process.env['DNSTAP_BGP_VERSION'] ?? 'development',
    config,
    log,
    clock,
    metrics: new Metrics(),
    health: new Health({ clock, log }),
    routes: new Map(),
    hasFlag: (flag) => flags.has(flag),
    onReload: (listener) => reloads.push(listener),
    onReport: (report) => reports.push(report),
  }
  const reloadOnce = async () => {
    let fresh: ConfigWith<Needed>
    try {
      fresh = read()
    } catch (error) {
      log.error({}, `Nothing was reloaded. ${explain(error).sentence}`)
      return
    }
    const changed = tablesThatNeedRestart(config, fresh)
    if (changed.length > 0) log.warn({ tables: changed }, 'These tables changed; they take effect at the next start.')
    try {
      for (const listener of reloads) await listener(fresh)
      log.info({ config: fresh.fileName }, 'Configuration and lists were read again.')
    } catch (error) {
      log.error({}, `Not everything was reloaded. ${explain(error).sentence}`)
    }
  }
  let isRunning = false
  let reloadWanted = false
  let reloading = Promise.resolve()
  /** One after the other: the last one to read the file is the last one to be applied. */
  const reload = () => {
    if (isRunning) reloading = reloading.then(reloadOnce)
    else reloadWanted = true
  }
  const counts = async () => {
    const parts = await Promise.allSettled(reports.map(async (one) => one()))
    return Object.assign({}, ...parts.map((part) => (part.status === 'fulfilled' ? part.value : {}))) as object
  }
  const report = () => {
    void counts().then((all) => log.info(all, 'Counts.'))
  }
  program.routes.set('GET /api/status', async () => {
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
    running() {
      isRunning = true
      if (reloadWanted) reload()
    },
  }
}

function readArguments(options: ProgramOptions<Part>): { configFile: string; flags: Set<string> } {
  const flagNames = options.flags ?? []
  const usage = `Usage: ${options.name} --config FILE${flagNames.map((flag) => ` [--${flag}]`).join('')}`
  try {
    const { values } = parseArgs({
      args: process.argv.slice(2),
      options: {
        config: { type: 'string' },
        ...Object.fromEntries(flagNames.map((flag) => [flag, { type: 'boolean' as const }])),
      },
      strict: true,
    })
    if (typeof values.config !== 'string' || values.config === '')
      throw new UsageError(`No configuration file was named. ${usage}`)
    return {
      configFile: values.config,
      flags: new Set(flagNames.filter((flag) => (values as Record<string, unknown>)[flag] === true)),
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${error instanceof Error ? error.message : String(error)} ${usage}`)
  }
}

/** Lists, limits and the never list are taken over while running; the rest is read at start only. */
function tablesThatNeedRestart(before: Config, after: Config): string[] {
  const tables = ['dnstap', 'bgp', 'syncer', 'bus', 'store', 'admin', 'log'] as const
  return tables.filter((table) => comparable(before[table]) !== comparable(after[table]))
}

/** With secrets in clear, which JSON would hide: a new password is a change. It is compared and forgotten. */
function comparable(table: unknown): string | undefined {
  return JSON.stringify(table, function (this: Record<string, unknown>, key, value: unknown) {
    const original = this[key]
    if (original instanceof Secret) return `secret ${original.reveal()}`
    return typeof value === 'number' ? String(value) : value
  })
}

/** A typed error's message is the sentence for the operator; anything else is a fault of ours and comes with its stack. */
function explain(error: unknown): { sentence: string; exitCode: number } {
  if (error instanceof ConfigError || error instanceof UsageError) return { sentence: error.message, exitCode: 2 }
  if (!(error instanceof Error)) return { sentence: String(error), exitCode: 1 }
  const isTyped = error.constructor !== Error && !BUILT_IN.has(error.name)
  return { sentence: isTyped ? error.message : (error.stack ?? error.message), exitCode: 1 }
}

const BUILT_IN = new Set(['Error', 'TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'AssertionError'])
