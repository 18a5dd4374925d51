/**
 * Sockets handed over by systemd (sd_listen_fds(3)). They are open before we start and after we stop, so senders connect into the
 * backlog while we restart and no frame is lost.
 */
import { lookup } from 'node:dns/promises'
import { fstatSync, readFileSync, statSync } from 'node:fs'
import type { ListenAddress } from '@dnstap-bgp/net'

const FIRST_FD = 3

/** The descriptors handed to this very process; none when the variables are absent or meant for another. */
export function inheritedSockets(environment: Readonly<Record<string, string | undefined>>, pid: number): number[] {
  if (environment['LISTEN_PID'] !== String(pid)) return []
  const count = Number(environment['LISTEN_FDS'] ?? 0)
  if (!Number.isInteger(count) || count < 1) return []
  return Array.from({ length: count }, (_, i) => FIRST_FD + i)
}

/** Where a listening socket is bound, as the kernel lists it; undefined when it is no stream socket we know. */
export function boundAddress(fd: number): ListenAddress | undefined {
  const stat = fstatSync(fd)
  if (!stat.isSocket()) return undefined
  const inode = String(stat.ino)
  for (const fields of table('/proc/self/net/unix'))
    if (fields[6] === inode) return { kind: 'unix', path: fields.slice(7).join(' ') }
  for (const [file, read] of [
    ['/proc/self/net/tcp', ipv4Text],
    ['/proc/self/net/tcp6', ipv6Text],
  ] as const)
    for (const fields of table(file)) {
      const [address = '', port = ''] = fields[1]?.split(':') ?? []
      if (fields[9] === inode) return { kind: 'tcp', host: read(address), port: Number.parseInt(port, 16) }
    }
  return undefined
}

/** Does the configured address mean the one that a socket is bound to, however it is written? */
export async function isSameSocket(configured: ListenAddress, bound: ListenAddress): Promise<boolean> {
  try {
    if (configured.kind === 'unix') return bound.kind === 'unix' && isSameFile(configured.path, bound.path)
    if (bound.kind === 'unix' || configured.port !== bound.port) return false
    const { host } = configured
    if (isAnyHost(host) || isAnyHost(bound.host)) return isAnyHost(host) && isAnyHost(bound.host)
    return (await lookup(host ?? '', { all: true })).some(({ address }) => address === bound.host)
  } catch {
    return false // opening the address will say what is wrong with it
  }
}

/** Links followed: /var/run is /run. */
function isSameFile(path: string, other: string): boolean {
  const [one, two] = [path, other].map((each) => statSync(each, { throwIfNoEntry: false }))
  return path === other || (one !== undefined && two !== undefined && one.dev === two.dev && one.ino === two.ino)
}

/** `[::]:53`, `0.0.0.0:53` and `:53` are one address to an operator. */
function isAnyHost(host: string | undefined): boolean {
  return host === undefined || host === '::' || host === '0.0.0.0'
}

function table(file: string): string[][] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(1)
  return lines.map((line) => line.trim().split(/\s+/))
}

/** The kernel writes addresses as 32-bit words in its own byte order, which is little-endian on the machines that we run on. */
function octets(hex: string): Buffer {
  const bytes = Buffer.from(hex, 'hex')
  return bytes.swap32()
}

function ipv4Text(hex: string): string {
  return octets(hex).join('.')
}

function ipv6Text(hex: string): string {
  const groups = octets(hex).toString('hex').match(/.{4}/g) ?? []
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
