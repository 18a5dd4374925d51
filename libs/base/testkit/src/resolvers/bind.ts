/** A real BIND 9 that forwards the test's zones to an authority of the test's own. dnstap goes to a UNIX socket only. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../loopback.ts'
import { startResolver, unixPath, type Resolver, type ResolverOptions } from './resolver.ts'

export interface BindOptions extends ResolverOptions {
  /** Further lines of the `options` clause. */
  readonly optionLines?: readonly string[]
  /** Default 1. */
  readonly threads?: number
}

export async function startBind(options: BindOptions): Promise<Resolver> {
  const address = '127.0.0.1' // named listens on addresses that an interface has, and on no others of 127/8
  const port = await freePort(address)
  const { authority, zones } = options
  const tap = unixPath('BIND', options.dnstap)
  const forwards = zones.map(
    (zone) =>
      `zone "${zone}" { type forward; forward only; forwarders port ${authority.port} { ${authority.address} port ${authority.port}; }; };`,
  )
  return startResolver({
    name: 'named',
    address,
    port,
    readyName: zones[0],
    prepare(folder) {
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
  dnssec-validation ${options.bogusZone === undefined ? 'no' : 'yes'};
${tap === undefined ? '' : `  dnstap { client response; };\n  dnstap-output unix "${tap}";\n  dnstap-identity "${options.identity ?? 'test-named'}";\n`}${(options.optionLines ?? []).map((line) => `  ${line}\n`).join('')}};
${options.bogusZone === undefined ? '' : `trust-anchors { "${options.bogusZone}" static-ds 12345 13 2 "${'00'.repeat(32)}"; };\n`}${options.lines ?? ''}
controls { };
${forwards.join('\n')}
`,
      )
      return { command: 'named', args: ['-g', '-n', String(options.threads ?? 1), '-c', join(folder, 'named.conf')] }
    },
  })
}
