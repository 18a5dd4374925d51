/** A real Unbound that reports to us by dnstap and asks an authority of the test's own. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, loopbackAddress } from '../loopback.ts'
import { startResolver, type Resolver, type ResolverOptions } from './resolver.ts'

export type { Resolver } from './resolver.ts'

export interface UnboundOptions extends Omit<ResolverOptions, 'dnstap'> {
  /** A UNIX socket's path, or `address:port`; absent: it reports nothing. */
  readonly dnstap?: string
  /** Further lines of the `server:` clause. */
  readonly serverLines?: readonly string[]
  readonly bidirectional?: boolean
}

export async function startUnbound(options: UnboundOptions): Promise<Resolver> {
  const address = loopbackAddress()
  const port = await freePort(address)
  const { dnstap } = options
  const tap = dnstap === undefined ? '' : dnstapClause(dnstap, options.identity ?? 'test-unbound', options.bidirectional ?? true)
  const stubs = options.zones.map(
    (zone) => `stub-zone:\n  name: "${zone}."\n  stub-addr: ${options.authority.address}@${options.authority.port}\n`,
  )
  return startResolver({
    name: 'unbound',
    address,
    port,
    readyName: 'localhost',
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
${tap}${stubs.join('')}`,
      )
      return { command: 'unbound', args: ['-d', '-p', '-c', join(folder, 'unbound.conf')] }
    },
  })
}

function dnstapClause(to: string, identity: string, bidirectional: boolean): string {
  const where = to.startsWith('/')
    ? `dnstap-socket-path: "${to}"`
    : `dnstap-ip: "${to.replace(/:(\d+)$/, '@$1')}"\n  dnstap-tls: no`
  return `dnstap:
  dnstap-enable: yes
  dnstap-bidirectional: ${bidirectional ? 'yes' : 'no'}
  ${where}
  dnstap-send-identity: yes
  dnstap-identity: "${identity}"
  dnstap-send-version: yes
  dnstap-log-client-query-messages: yes
  dnstap-log-client-response-messages: yes
  dnstap-log-resolver-response-messages: yes
`
}
