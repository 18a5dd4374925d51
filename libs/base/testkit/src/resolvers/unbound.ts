/** A real Unbound that reports to us by dnstap and asks an authority of the test's own. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, loopbackAddress } from '../loopback.ts'
import { DS_OF_NOBODY, startResolver, type Resolver, type ResolverOptions } from './resolver.ts'

export type { Resolver } from './resolver.ts'

export interface UnboundOptions extends Omit<ResolverOptions, 'lines'> {
  /** Further lines of the `server:` clause. */
  readonly serverLines?: readonly string[]
  /** Further clauses, whole: stub zones of another kind, for instance. */
  readonly clauses?: string
  readonly bidirectional?: boolean
  /** A python module that sees each answer, and what its environment says. */
  readonly pythonModule?: { readonly script: string; readonly env: NodeJS.ProcessEnv }
}

export async function startUnbound(options: UnboundOptions): Promise<Resolver> {
  const address = loopbackAddress()
  const port = await freePort(address)
  const { dnstap, pythonModule } = options
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
  module-config: "${pythonModule === undefined ? '' : 'python validator '}iterator"
  use-syslog: no
  verbosity: 1
${options.zones.map((zone) => `  local-zone: "${zone}." transparent\n  ${zone === options.bogusZone ? `trust-anchor: "${zone}. DS ${DS_OF_NOBODY}"` : `domain-insecure: "${zone}."`}`).join('\n')}
${(options.serverLines ?? []).map((line) => `  ${line}`).join('\n')}
remote-control:
  control-enable: no
${pythonModule === undefined ? '' : `python:\n  python-script: "${pythonModule.script}"\n`}${tap}${stubs.join('')}${options.clauses ?? ''}`,
      )
      const env = pythonModule === undefined ? {} : { ...DEBIAN_PYTHON, ...pythonModule.env }
      return { command: 'unbound', args: ['-d', '-p', '-c', join(folder, 'unbound.conf')], env }
    },
  })
}

/** Unbound finds its module in Debian's python alone: another one first in PATH, or no PYTHONPATH, and the import fails. */
const DEBIAN_PYTHON = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', PYTHONPATH: '/usr/lib/python3/dist-packages' }

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
