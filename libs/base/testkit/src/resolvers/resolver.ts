/** What the launchers of real resolvers have in common: a loopback address, a port, a daemon, and questions to it. */
import { Daemon } from '../daemon.ts'
import { dig, type DnsServer } from './dig.ts'

export interface ResolverOptions {
  /** A UNIX socket's path, or `address:port` for senders that speak TCP; absent: it reports nothing by itself. */
  readonly dnstap?: string
  /** Zones and who serves them. */
  readonly zones: readonly string[]
  readonly authority: DnsServer
  /** A zone that is not signed and that the resolver believes to be: each of its answers is bogus. */
  readonly bogusZone?: string
  /** Further lines of its configuration; for PowerDNS Recursor, of its Lua script. */
  readonly lines?: string
  /** How the sender names itself; default `test-` and the program's name. */
  readonly identity?: string
}

export interface Resolver extends DnsServer {
  readonly daemon: Daemon
  lookup(name: string, type?: string, ...options: string[]): Promise<string[]>
  remove(): Promise<void>
}

export interface ResolverProgram extends DnsServer {
  readonly name: string
  /** Called at each start; writes configuration into the folder and says what to run. */
  readonly prepare: (folder: string) => { readonly command: string; readonly args: readonly string[] }
  /** It serves when it gives any answer to this. */
  readonly readyName: string
}

/** A DS record's data that no key fits. */
export const DS_OF_NOBODY = `12345 13 2 ${'00'.repeat(32)}`

/** Starts it and waits until it answers. */
export async function startResolver({ name, address, port, prepare, readyName }: ResolverProgram): Promise<Resolver> {
  const server = { address, port }
  const daemon = await Daemon.start({
    name,
    prepare,
    ready: async () => (await dig(server, readyName, 'SOA')).length >= 0,
  })
  return {
    ...server,
    daemon,
    lookup: (question, type, ...more) => dig(server, question, type, ...more),
    remove: () => daemon.remove(),
  }
}

/** Throws for a sender that has no TCP. */
export function unixPath(sender: string, dnstap: string | undefined): string | undefined {
  if (dnstap !== undefined && !dnstap.startsWith('/'))
    throw new Error(`${sender} sends dnstap to UNIX sockets only, not to ${dnstap}`)
  return dnstap
}
