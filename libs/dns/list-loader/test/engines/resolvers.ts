/** Real resolvers that hold a list. Every name that the list leaves alone has the address OPEN. */
import { Daemon, freePort, loopbackAddress } from '@dnstap-bgp/testkit'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { askAll, type DnsServerAddress, type EngineAnswer } from './ask.ts'

export interface Resolver extends DnsServerAddress {
  readonly daemon: Daemon
}

/** Of the response policy zone. */
export const ZONE = 'rpz.test'
/** On every list, to see that it is loaded. */
export const DENIED = 'denied'
const OPEN = '192.0.2.1'
const ROOT = `$TTL 60\n. SOA localhost. root.localhost. 1 3600 600 86400 60\n. NS localhost.\n*. A ${OPEN}\n`

/** Is the name denied or sent elsewhere? Not when it only has to be asked by TCP. */
export const isRewritten = ({ address, truncated }: EngineAnswer): boolean => address !== OPEN && !truncated

export function startBindWithPolicies(zone: string): Promise<Resolver> {
  // named listens on addresses that an interface has, and on no others of 127/8.
  return start('named', '127.0.0.1', (folder, { address, port }) => {
    writeFileSync(join(folder, 'rpz.zone'), zone)
    writeFileSync(join(folder, 'root.zone'), ROOT)
    writeFileSync(
      join(folder, 'named.conf'),
      `options {
  directory "${folder}";
  pid-file none;
  session-keyfile "${folder}/session.key";
  managed-keys-directory "${folder}";
  listen-on port ${port} { ${address}; };
  listen-on-v6 { none; };
  recursion yes;
  allow-query { 127.0.0.0/8; };
  dnssec-validation no;
  response-policy { zone "${ZONE}"; } qname-wait-recurse no;
};
controls { };
zone "." { type primary; file "root.zone"; };
zone "${ZONE}" { type primary; file "rpz.zone"; };
`,
    )
    return { command: 'named', args: ['-g', '-n', '1', '-c', join(folder, 'named.conf')] }
  })
}

export function startUnboundWithPolicies(zone: string): Promise<Resolver> {
  return start('unbound', loopbackAddress(), (folder, server) => {
    writeFileSync(join(folder, 'rpz.zone'), zone)
    const clauses = `rpz:\n  name: "${ZONE}"\n  zonefile: "${folder}/rpz.zone"\n`
    return unboundProgram(folder, server, '', clauses)
  })
}

/** `lines` of its `server:` clause, as lists for Unbound have them. */
export function startUnboundWithLines(lines: readonly string[]): Promise<Resolver> {
  return start('unbound', loopbackAddress(), (folder, server) =>
    unboundProgram(folder, server, [`local-zone: "${DENIED}" refuse`, ...lines].join('\n'), ''),
  )
}

function unboundProgram(folder: string, { address, port }: DnsServerAddress, lines: string, clauses: string) {
  writeFileSync(join(folder, 'root.zone'), ROOT)
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
  access-control: 127.0.0.0/8 allow
  module-config: "respip iterator"
  use-syslog: no
  verbosity: 1
${lines}
remote-control:
  control-enable: no
auth-zone:
  name: "."
  zonefile: "${folder}/root.zone"
  for-downstream: no
  fallback-enabled: no
${clauses}`,
  )
  return { command: 'unbound', args: ['-d', '-p', '-c', join(folder, 'unbound.conf')] }
}

/** Waits until it rewrites the name that every list here denies: only then is the list loaded. */
async function start(
  name: string,
  address: string,
  prepare: (folder: string, server: DnsServerAddress) => { readonly command: string; readonly args: readonly string[] },
): Promise<Resolver> {
  const port = await freePort(address)
  const server = { address, port }
  const daemon = await Daemon.start({
    name,
    startTimeoutMs: 60_000,
    prepare: (folder) => prepare(folder, server),
    ready: async () => (await askAll(server, [DENIED])).every(isRewritten),
  })
  return { ...server, daemon }
}
