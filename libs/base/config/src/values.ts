/**
 * Readers of single values: each turns a TOML value into a typed one, or says which value it expected.
 *
 * A value from the environment is text: a reader converts it to the type that it wants, and splits lists at commas.
 */
import { formatAddress, formatPrefix, parseAddress, parsePrefix, withoutHostBits } from '@dnstap-bgp/ip'
import { isAbsolute, resolve } from 'node:path'
import type { ListenAddress, TcpListenAddress } from '@dnstap-bgp/net'
import type { Endpoint } from './config.ts'
import { nearest } from './mistakes.ts'
import type { Place, Value } from './toml-tree.ts'

/** A value that was not expected. `seen` is given when the value must not be shown, or when other words say more. */
export class Wrong {
  readonly expected: string
  readonly suggestion: string | undefined
  readonly seen: string | undefined
  readonly at: Place | undefined
  /** Of a list: its further elements that are wrong. */
  readonly others: readonly Wrong[]

  constructor(
    expected: string,
    more: {
      suggestion?: string | undefined
      seen?: string | undefined
      at?: Place | undefined
      others?: readonly Wrong[] | undefined
    } = {},
  ) {
    this.others = more.others ?? []
    this.expected = expected
    this.suggestion = more.suggestion
    this.seen = more.seen
    this.at = more.at
  }
}

export type Read<T> = (value: Value) => T | Wrong

/** A value in the words of a message. */
export function describeValue(value: Value): string {
  if (value.type === 'table') return 'a table'
  if (value.type === 'array') return `a list of ${value.elements.length}`
  return value.text.length > 100 ? `${value.text.slice(0, 100)}…` : value.text
}

export const string: Read<string> = (value) => textOf(value) ?? new Wrong('a string')

export const boolean: Read<boolean> = (value) => {
  if (value.type === 'scalar' && value.kind === 'boolean') return value.value as boolean
  if (value.type === 'scalar' && value.kind === 'environment') {
    if (/^(true|yes|on|1)$/i.test(value.text)) return true
    if (/^(false|no|off|0)$/i.test(value.text)) return false
  }
  const wouldBe = textOf(value)?.toLowerCase()
  return new Wrong('true or false', {
    suggestion: wouldBe === 'true' || wouldBe === 'false' ? `${wouldBe} without quotes` : undefined,
  })
}

export function integer(minimum: number, maximum: number, what = 'a whole number'): Read<number> {
  const expected = `${what} from ${minimum} to ${maximum}`
  return (value) => {
    const number = integerOf(value)
    if (number !== undefined) return number >= minimum && number <= maximum ? number : new Wrong(expected)
    const quoted = textOf(value)
    return new Wrong(expected, {
      suggestion: quoted !== undefined && /^\d+$/.test(quoted) ? `${quoted} without quotes` : undefined,
    })
  }
}

/** A share of one, such as 0.5. */
export const share: Read<number> = (value) => {
  const number = value.type !== 'scalar' ? undefined : value.kind === 'environment' ? Number(value.text) : value.value
  return typeof number === 'number' && number >= 0 && number <= 1 ? number : new Wrong('a number from 0 to 1')
}

export function oneOf<const Name extends string>(names: readonly Name[]): Read<Name> {
  const expected = `one of ${names.map((name) => JSON.stringify(name)).join(', ')}`
  return (value) => {
    const wanted = textOf(value)
    if (wanted === undefined) return new Wrong(expected)
    const found = names.find((name) => name.toLowerCase() === wanted.toLowerCase())
    if (found !== undefined) return found
    const near = nearest(wanted, names)
    return new Wrong(expected, { suggestion: near === undefined ? undefined : JSON.stringify(near) })
  }
}

/** Milliseconds of a Go duration. */
export function duration({ minimumMs = 0, maximumMs = MAX_DURATION_MS, zero = false }: DurationLimits = {}): Read<number> {
  return (value) => {
    const expected = `a duration such as "24h", "1h30m" or "500ms"`
    const number = integerOf(value)
    if (number === 0) return zero ? 0 : new Wrong(`${expected}, more than 0`)
    if (number !== undefined && value.type === 'scalar' && value.kind !== 'environment')
      return new Wrong(expected, { suggestion: JSON.stringify(`${number}s`) })
    const written = textOf(value)
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
  return (value) => {
    const ms = read(value)
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

/** Permission bits: "0660", "660", "0o660", or 0o660 as a number. */
export const fileMode: Read<number> = (value) => {
  const expected = 'permissions in octal such as "0660"'
  if (value.type !== 'scalar') return new Wrong(expected)
  const digits =
    value.kind === 'integer' ? /^0o([0-7]+)$/.exec(value.text)?.[1] : /^(?:0o)?([0-7]+)$/.exec(textOf(value) ?? '')?.[1]
  if (digits === undefined)
    return new Wrong(expected, {
      suggestion: value.kind === 'integer' && /^[0-7]{3}$/.test(value.text) ? `"0${value.text}"` : undefined,
    })
  const mode = Number.parseInt(digits, 8)
  return mode <= 0o777 ? mode : new Wrong(expected)
}

/** Canonical text of an address, perhaps of one family only. */
export function address(family?: 'ipv4' | 'ipv6'): Read<string> {
  const expected = family === undefined ? 'an IP address' : family === 'ipv4' ? 'an IPv4 address' : 'an IPv6 address'
  return (value) => {
    const written = textOf(value)
    const octets = written === undefined ? undefined : parseAddress(written)
    if (octets === undefined || (family !== undefined && octets.length !== (family === 'ipv4' ? 4 : 16)))
      return new Wrong(expected)
    return formatAddress(octets)
  }
}

/** Canonical text with length of a prefix or an address. */
export const prefix: Read<string> = (value) => {
  const expected = 'a prefix such as "192.0.2.0/24", or an address'
  const written = textOf(value)
  if (written === undefined) return new Wrong(expected)
  const parsed = parsePrefix(written)
  if (parsed !== undefined) return formatPrefix(parsed)
  const masked = withoutHostBits(written)
  if (masked === undefined) return new Wrong(expected)
  return new Wrong('a prefix whose host bits are zero', { suggestion: JSON.stringify(masked) })
}

/** `host`, `host:port`, `[v6]:port` or a bare IPv6 address. */
export function endpoint(defaultPort: number): Read<Endpoint> {
  return (value) => {
    const written = textOf(value)
    return (written === undefined ? undefined : parseEndpoint(written, defaultPort)) ?? new Wrong(ENDPOINT)
  }
}

/** `host:port` or `[v6]:port`; nothing is assumed. */
export const endpointWithPort: Read<Endpoint> = (value) => {
  const written = textOf(value)
  const parsed = written === undefined ? undefined : parseEndpoint(written, 0)
  return parsed === undefined || parsed.port === 0 ? new Wrong('"host:port" or "[IPv6 address]:port"') : parsed
}

const ENDPOINT = '"host", "host:port", "[IPv6 address]:port" or an IPv6 address'

export function parseEndpoint(written: string, defaultPort: number): Endpoint | undefined {
  const bare = parseAddress(written)
  if (bare !== undefined) return { host: formatAddress(bare), port: defaultPort }
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(written)
  if (parts === null) return undefined
  const port = parts[3] === undefined ? defaultPort : Number(parts[3])
  if (port > 65535 || (parts[3] !== undefined && port === 0)) return undefined
  if (parts[1] !== undefined) {
    const octets = parseAddress(parts[1])
    return octets?.length === 16 ? { host: formatAddress(octets), port } : undefined
  }
  const host = parts[2]
  return parseAddress(host) !== undefined || isHostName(host) ? { host: host.toLowerCase(), port } : undefined
}

/** Letters, digits, hyphens and underscores in labels; not something that wants to be an IPv4 address. */
function isHostName(name: string): boolean {
  return (
    name.length <= 253 &&
    /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i.test(name) &&
    !/^[\d.]+$/.test(name)
  )
}

/** A UNIX socket's path (anything with a slash), or `host:port`, `[v6]:port`, `:port`. Port 0 is any free one. */
export function listenAddress(folder: string): Read<ListenAddress> {
  return (value) => {
    const expected = 'the path of a UNIX socket, or "host:port"'
    const written = textOf(value)
    if (written === undefined) return new Wrong(expected)
    const path = written.startsWith('unix:') ? written.slice('unix:'.length) : written
    if (path.includes('/')) {
      const absolute = resolve(folder, path)
      // sockaddr_un.sun_path: 108 octets, the last one zero. A longer path is cut off silently by the kernel's callers.
      if (Buffer.byteLength(absolute) > 107) return new Wrong('the path of a UNIX socket, at most 107 octets long')
      return { kind: 'unix', path: absolute }
    }
    const tcp = parseTcpListen(written)
    if (tcp !== undefined) return tcp
    return new Wrong(expected, { suggestion: written.endsWith('.sock') ? JSON.stringify(`./${written}`) : undefined })
  }
}

export const tcpListenAddress: Read<TcpListenAddress> = (value) => {
  const written = textOf(value)
  return (
    (written === undefined ? undefined : parseTcpListen(written)) ?? new Wrong('"host:port", "[IPv6 address]:port" or ":port"')
  )
}

function parseTcpListen(written: string): TcpListenAddress | undefined {
  const anyHost = /^\*?:(\d{1,5})$/.exec(written)
  if (anyHost !== null)
    return Number(anyHost[1]) <= 65535 ? { kind: 'tcp', host: undefined, port: Number(anyHost[1]) } : undefined
  if (/:0$/.test(written)) {
    const parsed = parseEndpoint(`${written.slice(0, -1)}1`, 1)
    return parsed === undefined || parseAddress(written) !== undefined ? undefined : { kind: 'tcp', host: parsed.host, port: 0 }
  }
  if (parseAddress(written) !== undefined) return undefined // no port
  const parsed = parseEndpoint(written, 0)
  return parsed === undefined || parsed.port === 0 ? undefined : { kind: 'tcp', host: parsed.host, port: parsed.port }
}

/** Absolute; a relative path starts at the configuration file's folder. */
export function path(folder: string): Read<string> {
  return (value) => {
    const written = textOf(value)
    if (written === undefined || written.includes('\0')) return new Wrong('a path')
    return isAbsolute(written) ? written : resolve(folder, written)
  }
}

/** A URL of these schemes, without a password in it: that has settings of its own (`login`), and they may name a file. */
export function url(schemes: readonly string[], login: string): Read<string> {
  const expected = `a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`
  return (value) => {
    const written = textOf(value)
    if (written === undefined || !URL.canParse(written)) return new Wrong(expected)
    const parsed = new URL(written)
    if (parsed.username !== '' || parsed.password !== '')
      return new Wrong(`a URL without them: they belong in ${login}`, { seen: 'a URL with credentials in it' })
    if (!schemes.includes(parsed.protocol.slice(0, -1)) || parsed.hostname === '') return new Wrong(expected)
    return written
  }
}

const WELL_KNOWN_COMMUNITIES: ReadonlyMap<string, number> = new Map([
  ['graceful-shutdown', 0xffff0000],
  ['accept-own', 0xffff0001],
  ['llgr-stale', 0xffff0006],
  ['no-llgr', 0xffff0007],
  ['blackhole', 0xffff029a],
  ['no-export', 0xffffff01],
  ['no-advertise', 0xffffff02],
  ['no-export-subconfed', 0xffffff03],
  ['no-peer', 0xffffff04],
])

/** RFC 1997, as a 32-bit number: "65000:100", or a well-known one by its name (IANA's registry). */
export const community: Read<number> = (value) => {
  const written = textOf(value)?.toLowerCase()
  const expected = `"AS:value" (each from 0 to 65535) or one of ${[...WELL_KNOWN_COMMUNITIES.keys()].join(', ')}`
  if (written === undefined) return new Wrong(expected)
  const named = WELL_KNOWN_COMMUNITIES.get(written.replaceAll('_', '-').replace(/^nopeer$/, 'no-peer'))
  if (named !== undefined) return named
  const parts = numbersOf(written, 2, 0xffff)
  if (parts !== undefined) return parts[0] * 0x10000 + parts[1]
  const near = nearest(written, WELL_KNOWN_COMMUNITIES.keys())
  return new Wrong(expected, { suggestion: near === undefined ? undefined : JSON.stringify(near) })
}

/** RFC 8092: "4200000000:1:2". */
export const largeCommunity: Read<readonly [number, number, number]> = (value) => {
  const parts = numbersOf(textOf(value) ?? '', 3, 0xffffffff)
  return parts === undefined ? new Wrong('"AS:value:value" (each from 0 to 4294967295)') : [parts[0], parts[1], parts[2]]
}

function numbersOf(written: string, count: number, maximum: number): number[] | undefined {
  const parts = written.split(':')
  if (parts.length !== count || !parts.every((part) => /^\d{1,10}$/.test(part) && Number(part) <= maximum)) return undefined
  return parts.map(Number)
}

/** A list; each element is judged alone and the first wrong one of it is told by its own place. */
export function arrayOf<T>(read: Read<T>): Read<readonly T[]> {
  return (value) => {
    const elements = elementsOf(value)
    if (elements === undefined) return new Wrong('a list in brackets')
    const found: T[] = []
    const wrongs: Wrong[] = []
    for (const element of elements) {
      const one = read(element)
      if (!(one instanceof Wrong)) found.push(one)
      else
        wrongs.push(
          new Wrong(one.expected, {
            suggestion: one.suggestion,
            seen: one.seen ?? `seen ${describeValue(element)}`,
            at: element.type === 'scalar' ? element.at : undefined,
          }),
        )
    }
    const [first, ...others] = wrongs
    return first === undefined ? found : new Wrong(first.expected, { ...first, others })
  }
}

/** One, or a list of them. */
export function oneOrMany<T>(read: Read<T>): Read<readonly T[]> {
  const many = arrayOf(read)
  return (value) => {
    if (value.type === 'array' || (value.type === 'scalar' && value.kind === 'environment')) return many(value)
    const one = read(value)
    return one instanceof Wrong ? one : [one]
  }
}

function elementsOf(value: Value): readonly Value[] | undefined {
  if (value.type === 'array') return value.elements
  if (value.type !== 'scalar' || value.kind !== 'environment') return undefined
  const parts = value.text.split(',').map((part) => part.trim())
  return parts.filter((part) => part !== '').map((part) => ({ ...value, value: part, text: part }))
}

function textOf(value: Value): string | undefined {
  if (value.type !== 'scalar') return undefined
  return value.kind === 'string' || value.kind === 'environment' ? String(value.value) : undefined
}

function integerOf(value: Value): number | undefined {
  if (value.type !== 'scalar') return undefined
  if (value.kind === 'environment') return /^[+-]?\d+$/.test(value.text) ? Number(value.text) : undefined
  return value.kind === 'integer' && Number.isSafeInteger(value.value) ? (value.value as number) : undefined
}
