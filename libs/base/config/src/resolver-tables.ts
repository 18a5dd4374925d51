/** The tables [[resolver]]: resolvers that we ask questions ourselves, for shorter delays of their dnstap. */
import type { ResolverConfig, ResolverKind } from './config.ts'
import { RESOLVER_KINDS } from './config.ts'
import { DEFAULTS } from './defaults.ts'
import { eachRepeated } from './each-repeated.ts'
import type { Section } from './section.ts'
import { parseAddress } from '@dnstap-bgp/ip'
import { Wrong, duration, oneOf, parseEndpoint, string } from './values.ts'
import type { Read } from './values.ts'

const MAX_RESOLVERS = 64
/** Below, timers and the resolver's own work are the larger part of the delay; above, nobody gains. */
const FLUSH_TARGET = { minimumMs: 10, maximumMs: 500 }

/** Why no question makes such a resolver send its frames sooner, and what does. */
const NO_METRONOME: Partial<Record<ResolverKind, string>> = {
  'knot-resolver':
    'questions do not make Knot Resolver send sooner. Take its hook in place of flushTarget: deploy/resolvers/README.md, section Knot Resolver',
  'pdns-recursor':
    'questions do not make PowerDNS Recursor send sooner. Take its hook in place of flushTarget: deploy/resolvers/README.md, section PowerDNS Recursor',
  dnsdist:
    'dnsdist needs no questions. Let it report each answer three times in place of flushTarget: docs/resolvers.md, section dnsdist',
}

export function parseResolvers(root: Section): readonly ResolverConfig[] {
  const tables = root.tables('resolver')
  const resolvers = tables.map((table) => parseResolver(table)).filter((one) => one !== undefined)
  eachRepeated(
    resolvers.map(({ name }) => name),
    (again) => root.mistaken('resolver', `${again} stands in two tables: remove one`, ''),
  )
  if (tables.length > MAX_RESOLVERS)
    root.mistaken('resolver', `seen ${tables.length} tables`, `${MAX_RESOLVERS} tables [[resolver]] at most`)
  return resolvers
}

function parseResolver(section: Section): ResolverConfig | undefined {
  const where = section.required('address', resolverAddress, 'the address where the resolver answers, such as "127.0.0.1:53"')
  const kind = section.required('kind', oneOf(RESOLVER_KINDS), `one of ${RESOLVER_KINDS.join(', ')}`)
  const flushTargetMs = section.optional('flushTarget', duration(FLUSH_TARGET))
  const advice = kind === undefined ? undefined : NO_METRONOME[kind]
  if (flushTargetMs !== undefined && advice !== undefined) section.mistaken('flushTarget', advice, '')
  section.done()
  if (where === undefined || kind === undefined) return undefined
  return { ...where, kind, flushTargetMs }
}

const resolverAddress: Read<Pick<ResolverConfig, 'name' | 'address' | 'port'>> = (value) => {
  const expected = new Wrong('an address, with a port unless it is 53: "127.0.0.1", "192.0.2.53:5353" or "[2001:db8::53]:53"')
  const written = string(value)
  if (written instanceof Wrong) return expected
  const endpoint = parseEndpoint(written, DEFAULTS.resolver.port)
  if (endpoint === undefined || endpoint.port === 0 || parseAddress(endpoint.host) === undefined) return expected
  const { host, port } = endpoint
  return { name: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, address: host, port }
}
