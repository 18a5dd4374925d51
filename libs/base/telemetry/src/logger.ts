/**
 * The log: pino, on standard output, as JSON or as one readable line per event.
 *
 * Written without waiting: a reader of our output that stands still (a full pipe) must not stop the service, so lines wait in a bounded
 * buffer and the newest are dropped when it is full. The buffer is written when the process exits.
 * No worker transports: a bundled program has no file to start them from.
 */
import { escapeControls, escapeControlsInLines } from '@dnstap-bgp/foreign-text'
import type { Log } from '@dnstap-bgp/runtime'
import { pino } from 'pino'
import { leadsToJournal, STANDARD_OUTPUT, withPriority, type JournalLevel } from './journal.ts'

export interface LoggerConfig {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly format: 'text' | 'json'
}

/** Takes whole lines, the line end included. */
export interface LineSink {
  write(line: string): unknown
}

export function createLogger(
  config: LoggerConfig,
  sink: LineSink = standardOutput(),
  toJournal = leadsToJournal(STANDARD_OUTPUT),
): Log {
  // JSON.stringify leaves C1 controls and marks of direction as they are.
  const write = config.format === 'json' ? escapeControlsInLines : toJournal ? readableLine : readableLineWithTime
  const json: LineSink = {
    write: (line: string) => sink.write(toJournal ? withPriority(levelOf(line), write(line)) : write(line)),
  }
  return pino(
    {
      level: config.level,
      base: null,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
      redact: { paths: SECRET_PATHS, censor: '[secret]' },
    },
    json,
  )
}

/** Secrets have their own type, which hides itself; this catches what slipped through as plain text. */
const SECRET_PATHS = ['password', 'token', 'secret', 'authorization', 'bearerToken'].flatMap((key) => [
  key,
  `*.${key}`,
  `*.*.${key}`,
])

const MAX_WAITING_BYTES = 4 * 1024 * 1024

function standardOutput(): LineSink {
  const output = pino.destination({ fd: 1, sync: false, maxLength: MAX_WAITING_BYTES })
  process.once('exit', () => {
    try {
      output.flushSync()
    } catch {
      // Nobody reads our output any more; there is nowhere left to say so.
    }
  })
  output.on('error', () => {}) // likewise
  return output
}

/** The message and those of its causes: `cannot listen: EADDRINUSE <- ...`; the stack only for what nobody expected. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const messages: string[] = []
  let cause: unknown = error
  while (cause instanceof Error && messages.length < 8) {
    messages.push(cause.message)
    cause = cause.cause
  }
  const isBug =
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error.name === 'AssertionError'
  return { name: error.name, message: messages.join(' <- '), ...(isBug ? { stack: error.stack } : {}) }
}

function levelOf(line: string): JournalLevel {
  return (JSON.parse(line) as { level: JournalLevel }).level
}

/** `2026-01-02T03:04:05.678Z info  The sentence. key=value key="value with spaces" outer.inner=1 list=a,b` */
function readableLineWithTime(line: string): string {
  const { time } = JSON.parse(line) as { time: string }
  return `${time} ${readableLine(line)}`
}

/** The same without the time, which the journal notes itself. */
function readableLine(line: string): string {
  const { level, time: _, message, ...fields } = JSON.parse(line) as Record<string, unknown>
  const words = Object.entries(fields).flatMap(([key, value]) => readableFields(key, value))
  return `${String(level).padEnd(5)} ${escapeControls(String(message ?? ''))}${words.join('')}\n`
}

function readableFields(key: string, value: unknown): string[] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !isErrorText(value))
    return Object.entries(value).flatMap(([inner, its]) => readableFields(`${key}.${inner}`, its))
  const isPlainList = Array.isArray(value) && value.every((one) => typeof one !== 'object')
  return [` ${readableValue(key)}=${readableValue(isPlainList ? value.join(',') : value)}`]
}

function readableValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=\\\p{C}]+$/u.test(value) ? value : escapeControls(JSON.stringify(value))
  if (isErrorText(value))
    return (
      escapeControls(JSON.stringify(value.message)) +
      (value.stack === undefined ? '' : ` stack=${escapeControls(JSON.stringify(value.stack))}`)
    )
  return escapeControls(JSON.stringify(value) ?? 'undefined')
}

function isErrorText(value: unknown): value is { message: string; stack?: string } {
  return typeof value === 'object' && value !== null && 'name' in value && 'message' in value && typeof value.message === 'string'
}
