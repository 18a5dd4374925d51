/** Addresses, prefixes, endpoints and places to listen. */
import { formatAddress, formatPrefix, parseAddress, parsePrefix, withoutHostBits } from '@dnstap-bgp/ip'
import type { ListenAddress, TcpListenAddress } from '@dnstap-bgp/net'
import { resolve } from 'node:path'
import { Wrong, writtenText } from './read.ts'
import type { Read } from './read.ts'

/** An address or a host name, and a port. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Canonical text of an address, perhaps of one family only. */
export function address(family?: 'ipv4' | 'ipv6'): Read<string> {
  const expected = family === undefined ? 'an IP address' : family === 'ipv4' ? 'an IPv4 address' : 'an IPv6 address'
  return (value) => {
    const written = writtenText(value)
    const octets = written === undefined ? undefined : parseAddress(written)
    if (octets === undefined || (family !== undefined && octets.length !== (family === 'ipv4' ? 4 : 16)))
      return new Wrong(expected)
    return formatAddress(octets)
  }
}

/** Canonical text with length of a prefix or an address. */
export const prefix: Read<string> = (value) => {
  const expected = 'a prefix such as "192.0.2.0/24", or an address'
  const written = writtenText(value)
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
    const written = writtenText(value)
    return (written === undefined ? undefined : parseEndpoint(written, defaultPort)) ?? new Wrong(ENDPOINT)
  }
}

/** `host:port` or `[v6]:port`; nothing is assumed. */
export const endpointWithPort: Read<Endpoint> = (value) => {
  const written = writtenText(value)
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
export const listenAddress: Read<ListenAddress> = (value, folder) => {
  const expected = 'the path of a UNIX socket, or "host:port"'
  const written = writtenText(value)
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

export const tcpListenAddress: Read<TcpListenAddress> = (value) => {
  const written = writtenText(value)
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

export interface ServerUrl extends Endpoint {
  readonly scheme: string
}

/** `scheme://host:port`, or without a scheme: then the first of `schemes`. A password has no place in it. */
export function serverUrl(schemes: readonly string[], defaultPort: number, expected: string): Read<ServerUrl> {
  return (value) => {
    const written = writtenText(value)
    if (written === undefined) return new Wrong(expected)
    const [scheme, rest] = /^([a-z]+):\/\/(.*)$/i.exec(written)?.slice(1) ?? [schemes[0], written]
    if (rest.includes('@'))
      return new Wrong('a URL without them: `user` and `password` are settings of their own', {
        seen: 'a URL with credentials in it',
      })
    const server = parseEndpoint(rest.replace(/\/$/, ''), defaultPort)
    if (server === undefined || !schemes.includes(scheme.toLowerCase())) return new Wrong(expected)
    return { scheme: scheme.toLowerCase(), ...server }
  }
}
