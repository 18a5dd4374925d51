/** A real dnsdist in front of a resolver: `authority` is that resolver, and zones do not matter to it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, loopbackAddress } from '../loopback.ts'
import { startResolver, type Resolver, type ResolverOptions } from './resolver.ts'

export async function startDnsdist(options: ResolverOptions): Promise<Resolver> {
  const address = loopbackAddress()
  const port = await freePort(address)
  const identity = options.identity ?? 'test-dnsdist'
  const { dnstap } = options
  const logger = dnstap?.startsWith('/') === true ? 'newFrameStreamUnixLogger' : 'newFrameStreamTcpLogger'
  return startResolver({
    name: 'dnsdist',
    address,
    port,
    readyName: options.zones[0],
    prepare(folder) {
      writeFileSync(
        join(folder, 'dnsdist.conf'),
        `setLocal('${address}:${port}')
setSecurityPollSuffix('')
newServer({ address = '${options.authority.address}:${options.authority.port}', useClientSubnet = false }):setUp()
${dnstap === undefined ? '' : reporting(`${logger}('${dnstap}')`, identity)}${options.lines ?? ''}`,
      )
      return { command: 'dnsdist', args: ['--supervised', '--disable-syslog', '-C', join(folder, 'dnsdist.conf')] }
    },
  })
}

function reporting(logger: string, identity: string): string {
  return `tap = ${logger}
addResponseAction(AllRule(), DnstapLogResponseAction('${identity}', tap))
addCacheHitResponseAction(AllRule(), DnstapLogResponseAction('${identity}', tap))
`
}
