/** Real resolvers that hold a response policy zone. Every name that no policy rewrites has the address OPEN. */
import { Daemon, freePort, loopbackAddress } from '@dnstap-bgp/testkit'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { askAll, type DnsServerAddress, type EngineAnswer } from './ask.ts'
import { nameBelow, type Dice } from './generate.ts'

export interface PolicyEngine extends DnsServerAddress {
  readonly daemon: Daemon
}

const ZONE = 'rpz.test'
/** In every zone, to see that it is loaded. */
const DENIED = 'denied'
const OPEN = '192.0.2.1'
const ROOT = `$TTL 60\n. SOA localhost. root.localhost. 1 3600 600 86400 60\n. NS localhost.\n*. A ${OPEN}\n`

/** Is the name denied or sent elsewhere? Not when it only has to be asked by TCP. */
export const isRewritten = ({ address, truncated }: EngineAnswer): boolean => address !== OPEN && !truncated

/** A few policies that meet. A trigger has one policy, as the zone files of both resolvers want it. */
export function policiesOf(dice: Dice, top: string): string[] {
  const policies = new Map<string, string>()
  for (let lines = 2 + dice.number(9); lines > 0; lines--) {
    const name = nameBelow(dice, top, 4)
    policies.set(dice.isOneOf(2) ? `*.${name}` : name, dice.pick(POLICIES))
  }
  return [...policies].map(([trigger, policy]) => `${trigger} ${policy}`)
}

const POLICIES = [
  'CNAME .',
  'CNAME .',
  'CNAME *.',
  'A 192.0.2.9',
  'CNAME rpz-passthru.',
  'CNAME rpz-passthru.',
  'CNAME rpz-tcp-only.',
] as const

export function zoneOf(policies: readonly string[]): string {
  return `$TTL 60\n$ORIGIN ${ZONE}.\n@ SOA localhost. root.localhost. 1 3600 600 86400 60\n@ NS localhost.\n${DENIED} CNAME .\n${policies.join('\n')}\n`
}

export function startBindWithPolicies(zone: string): Promise<PolicyEngine> {
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

export function startUnboundWithPolicies(zone: string): Promise<PolicyEngine> {
  return start('unbound', loopbackAddress(), (folder, { address, port }) => {
    writeFileSync(join(folder, 'rpz.zone'), zone)
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
remote-control:
  control-enable: no
auth-zone:
  name: "."
  zonefile: "${folder}/root.zone"
  for-downstream: no
  fallback-enabled: no
rpz:
  name: "${ZONE}"
  zonefile: "${folder}/rpz.zone"
`,
    )
    return { command: 'unbound', args: ['-d', '-p', '-c', join(folder, 'unbound.conf')] }
  })
}

/** Waits until it rewrites the name that every zone here denies: only then is the policy zone loaded. */
async function start(
  name: string,
  address: string,
  prepare: (folder: string, server: DnsServerAddress) => { readonly command: string; readonly args: readonly string[] },
): Promise<PolicyEngine> {
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
/**
 * Is the name an empty non-terminal, or below one? It exists, for a name below it has a policy, and has none itself. RFC 4592 and BIND end
 * the reach of a wildcard there; Unbound does not, unless the name's neighbour in the zone happens to stand below it too.
 */
export function isUnderEmptyNonTerminal(name: string, policies: readonly string[]): boolean {
  const triggers = policies.map((policy) => policy.split(' ', 1)[0] ?? '')
  const labels = name.split('.')
  return labels.some((_, i) => {
    const above = labels.slice(i).join('.')
    return !triggers.includes(above) && triggers.some((trigger) => trigger.endsWith(`.${above}`))
  })
}
