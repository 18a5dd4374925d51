/**
 * A real Knot Resolver that forwards the test's zones to an authority of the test's own. dnstap goes to a UNIX socket only, which must be
 * listened on before kresd starts: it tries once.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, loopbackAddress } from '../loopback.ts'
import { DS_OF_NOBODY, startResolver, unixPath, type Resolver, type ResolverOptions } from './resolver.ts'

export async function startKnotResolver(options: ResolverOptions): Promise<Resolver> {
  const address = loopbackAddress()
  const port = await freePort(address)
  const { authority, zones } = options
  const tap = unixPath('Knot Resolver', options.dnstap)
  const names = zones.map((zone) => `'${zone}.'`).join(', ')
  return startResolver({
    name: 'kresd',
    address,
    port,
    readyName: zones[0],
    prepare(folder) {
      mkdirSync(join(folder, 'cache'), { recursive: true })
      writeFileSync(
        join(folder, 'kresd.conf'),
        `net.listen('${address}', ${port}, { kind = 'dns' })
net.ipv6 = false
option('ALLOW_LOCAL', true)
cache.open(20 * MB, 'lmdb://${folder}/cache')
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('priming')
${options.bogusZone === undefined ? '' : `trust_anchors.add('${options.bogusZone}. DS ${DS_OF_NOBODY}')\n`}policy.add(policy.suffix(policy.FORWARD('${authority.address}@${authority.port}'), policy.todnames({ ${names} })))
${tap === undefined ? '' : `modules = { dnstap = { socket_path = '${tap}', identity = '${options.identity ?? 'test-kresd'}', client = { log_responses = true } } }\n`}${options.lines ?? ''}`,
      )
      return { command: 'kresd', args: ['-n', '-c', join(folder, 'kresd.conf'), folder] }
    },
  })
}
