/** A real Unbound that reports to us by dnstap and asks an authority of the test's own. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Daemon } from '../daemon.ts'
import { freePort, loopbackAddress } from '../loopback.ts'
import { dig, type DnsServer } from './dig.ts'

export interface UnboundOptions {
  /** A UNIX socket's path, or `address:port`. */
  readonly dnstap: string
  /** Zones and who serves them. */
  readonly zones: readonly string[]
  readonly authority: DnsServer
  readonly identity?: string
  /** Further lines of the `server:` clause. */
  readonly serverLines?: readonly string[]
  readonly bidirectional?: boolean
}

export interface Resolver extends DnsServer {
  readonly daemon: Daemon
  lookup(name: string, type?: string, ...options: string[]): Promise<string[]>
  remove(): Promise<void>
}

export async function startUnbound(options: UnboundOptions): Promise<Resolver> {
  const address = loopbackAddress()
  const port = await freePort(address)
  const tap = options.dnstap.startsWith('/')
    ? `dnstap-socket-path: "${options.dnstap}"`
    : `dnstap-ip: "${options.dnstap.replace(/:(\d+)$/, '@$1')}"\n  dnstap-tls: no`
  const stubs = options.zones.map(
    (zone) => `stub-zone:\n  name: "${zone}."\n  stub-addr: ${options.authority.address}@${options.authority.port}\n`,
  )
  const daemon = await Daemon.start({
    name: 'unbound',
    prepare(folder) {
      writeFileSync(
        join(folder, 'unbound.conf'),
        `server:
  directory: "${folder}"
  pidfile: ""
  chroot: ""
  username: ""
  interface: ${address}
  port: ${port}
  num-threads: 1
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  module-config: "iterator"
  use-syslog: no
  verbosity: 1
${options.zones.map((zone) => `  local-zone: "${zone}." transparent\n  domain-insecure: "${zone}."`).join('\n')}
${(options.serverLines ?? []).map((line) => `  ${line}`).join('\n')}
remote-control:
  control-enable: no
dnstap:
  dnstap-enable: yes
  dnstap-bidirectional: ${options.bidirectional === false ? 'no' : 'yes'}
  ${tap}
  dnstap-send-identity: yes
  dnstap-identity: "${options.identity ?? 'test-unbound'}"
  dnstap-send-version: yes
  dnstap-log-client-query-messages: yes
  dnstap-log-client-response-messages: yes
  dnstap-log-resolver-response-messages: yes
${stubs.join('')}`,
      )
      return { command: 'unbound', args: ['-d', '-p', '-c', join(folder, 'unbound.conf')] }
    },
    ready: async () => (await dig({ address, port }, 'version.bind', 'TXT', '-c', 'CH')).length >= 0,
  })
  return {
    address,
    port,
    daemon,
    lookup: (name, type, ...more) => dig({ address, port }, name, type, ...more),
    remove: () => daemon.remove(),
  }
}
