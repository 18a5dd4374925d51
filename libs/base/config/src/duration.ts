/** Durations as Go writes them: "24h", "1h30m", "500ms". */
import { Wrong, integerOf, writtenText } from './read.ts'
import type { Read } from './read.ts'

/** Milliseconds of a Go duration. */
export function duration({ minimumMs = 0, maximumMs = MAX_DURATION_MS, zero = false }: DurationLimits = {}): Read<number> {
  return (value) => {
    const expected = `a duration such as "24h", "1h30m" or "500ms"`
    const number = integerOf(value)
    if (number === 0) return zero ? 0 : new Wrong(`${expected}, more than 0`)
    if (number !== undefined && value.type === 'scalar' && value.kind !== 'environment')
      return new Wrong(expected, { suggestion: JSON.stringify(`${number}s`) })
    const written = writtenText(value)
    if (written === undefined) return new Wrong(expected)
    const ms = parseDuration(written)
    if (ms === undefined) {
      const days = /^(\d+)d$/.exec(written.trim())
      return new Wrong(expected, { suggestion: days === null ? undefined : JSON.stringify(`${Number(days[1]) * 24}h`) })
    }
    if (ms === 0) return zero ? 0 : new Wrong(`${expected}, more than 0`)
    if (ms < minimumMs) return new Wrong(`a duration of ${formatDuration(minimumMs)} or more${zero ? ', or 0' : ''}`)
    if (ms > maximumMs) return new Wrong(`a duration of ${formatDuration(maximumMs)} or less`)
    return ms
  }
}

/** Whole seconds of a Go duration. */
export function seconds(limits: DurationLimits): Read<number> {
  const read = duration(limits)
  return (value, folder) => {
    const ms = read(value, folder)
    if (ms instanceof Wrong) return ms
    return ms % 1000 === 0 ? ms / 1000 : new Wrong('a duration of whole seconds')
  }
}

export interface DurationLimits {
  readonly minimumMs?: number
  readonly maximumMs?: number
  /** 0 is allowed, whatever the minimum: it switches something off. */
  readonly zero?: boolean
}

/** Ten years: longer ones are slips, and timers and TTL arithmetic stay exact. */
const MAX_DURATION_MS = 10 * 366 * 24 * 3600 * 1000

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5
  μs: 1e-3, // U+03BC
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** Go's time.ParseDuration, in milliseconds; undefined when it is none, negative ones included. */
export function parseDuration(written: string): number | undefined {
  let rest = written.startsWith('+') ? written.slice(1) : written
  if (rest === '0') return 0
  if (rest === '') return undefined
  let ms = 0
  while (rest !== '') {
    const part = /^(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/.exec(rest)
    if (part === null) return undefined
    ms += Number(part[1]) * UNIT_MS[part[2]]
    rest = rest.slice(part[0].length)
  }
  return Number.isFinite(ms) ? Math.round(ms * 1e6) / 1e6 : undefined
}

/** The shortest way to write it: 90000 is "1m30s". */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0'
  if (ms < 1000) return `${ms}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const rest = (ms % 60_000) / 1000
  return `${hours > 0 ? `${hours}h` : ''}${minutes > 0 ? `${minutes}m` : ''}${rest > 0 ? `${rest}s` : ''}`
}
