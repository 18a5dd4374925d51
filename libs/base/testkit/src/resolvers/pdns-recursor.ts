/** A real PowerDNS Recursor over an authority of the test's own. It reports RESOLVER_RESPONSE only, and nothing for what it has cached. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, loopbackAddress } from '../loopback.ts'
import { DS_OF_NOBODY, startResolver, type Resolver, type ResolverOptions } from './resolver.ts'

export async function startPdnsRecursor(options: ResolverOptions): Promise<Resolver> {
  const address = loopbackAddress()
  const port = await freePort(address)
  const { authority, zones } = options
  return startResolver({
    name: 'pdns-recursor',
    address,
    port,
    readyName: zones[0],
    prepare(folder) {
      writeFileSync(
        join(folder, 'tap.lua'),
        [
          options.dnstap === undefined
            ? ''
            : `dnstapFrameStreamServer({"${options.dnstap}"}, { logQueries = false, logResponses = true })`,
          // The root's own anchor would make every other zone of the test bogus too.
          options.bogusZone === undefined ? '' : `clearTA()\naddTA("${options.bogusZone}", "${DS_OF_NOBODY}")`,
        ].join('\n'),
      )
      writeFileSync(join(folder, 'script.lua'), options.lines ?? '')
      writeFileSync(
        join(folder, 'recursor.conf'),
        `local-address=${address}
local-port=${port}
dont-query=
dnssec=${options.bogusZone === undefined ? 'off' : 'validate'}
forward-zones=${zones.map((zone) => `${zone}=${authority.address}:${authority.port}`).join(', ')}
lua-config-file=${join(folder, 'tap.lua')}
${options.lines === undefined ? '' : `lua-dns-script=${join(folder, 'script.lua')}\n`}server-id=${options.identity ?? 'test-pdns-recursor'}
socket-dir=${folder}
threads=1
daemon=no
write-pid=no
disable-syslog=yes
security-poll-suffix=
`,
      )
      return { command: 'pdns_recursor', args: [`--config-dir=${folder}`] }
    },
  })
}
