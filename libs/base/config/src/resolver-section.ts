/** The tables [[resolver]]: resolvers that we ask questions ourselves, so that their dnstap comes sooner and names stay warm. */
import { parseAddress } from '@dnstap-bgp/ip'
import { duration } from './duration.ts'
import { eachRepeated } from './each-repeated.ts'
import { parseEndpoint } from './network-values.ts'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'
import type { Section } from './section.ts'
import { defineSection, required, setting } from './setting.ts'
import type { ValuesOf } from './setting.ts'
import { integer, oneOf, string } from './values.ts'

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

export type ResolverKind = (typeof RESOLVER_KINDS)[number]
const RESOLVER_KINDS = ['unbound', 'bind', 'knot-resolver', 'pdns-recursor', 'dnsdist'] as const

interface ResolverAddress {
  /** Address and port, as logs and pages show it. */
  readonly name: string
  readonly address: string
  readonly port: number
}

const DNS_PORT = 53

const WARM_NAMES = ['exact', 'learnt'] as const

const resolverAddress: Read<ResolverAddress> = (value, folder) => {
  const expected = new Wrong('an address, with a port unless it is 53: "127.0.0.1", "192.0.2.53:5353" or "[2001:db8::53]:53"')
  const written = string(value, folder)
  if (written instanceof Wrong) return expected
  const endpoint = parseEndpoint(written, DNS_PORT)
  if (endpoint === undefined || endpoint.port === 0 || parseAddress(endpoint.host) === undefined) return expected
  const { host, port } = endpoint
  return { name: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, address: host, port }
}

export const RESOLVER = defineSection({
  title: 'resolver',
  isRepeated: true,
  takesEffect: 'reload',
  settings: {
    where: required<ResolverAddress | undefined>(resolverAddress, {
      key: 'address',
      expected: 'the address where the resolver answers, such as "127.0.0.1:53"',
      standIn: undefined,
      meaning: 'Where the resolver answers: an address, with a port unless it is 53. It must answer questions from this host.',
    }),
    kind: required<ResolverKind | undefined>(oneOf(RESOLVER_KINDS), {
      expected: `one of ${RESOLVER_KINDS.join(', ')}`,
      standIn: undefined,
      meaning: '`unbound`, `bind`, `knot-resolver`, `pdns-recursor` or `dnsdist`.',
    }),
    flushTargetMs: setting(duration(FLUSH_TARGET), {
      key: 'flushTarget',
      meaning:
        '`"10ms"` to `"500ms"`, such as `"25ms"`: questions keep an answer from waiting longer than this in the resolver. Only for `unbound` and `bind`; the others have a better way, which the error names. Absent: no questions.',
    }),
    warm: setting(oneOf(WARM_NAMES), {
      meaning:
        '`learnt`: listed names that clients look up at this resolver are asked again before their TTL is over, so that a new address is routed before a client meets it. `exact`: the names that lists have exactly are, whether clients ask or not. [Never cold](resolvers.md#names-that-are-never-cold). Not for `pdns-recursor`. Absent: none.',
    }),
    warmQueriesPerSecond: setting(integer(1, 10_000), {
      default: 100,
      meaning: 'The budget for these questions. The names used last come first; up to 20,000 names.',
    }),
    warmForMs: setting(duration({ minimumMs: 60_000 }), {
      key: 'warmFor',
      default: '24h',
      meaning: "How long a `learnt` name stays warm after a client's last lookup.",
    }),
  },
})

export interface ResolverConfig extends ResolverAddress {
  readonly kind: ResolverKind
  /** A metronome keeps the resolver's frames from waiting longer than this; undefined: there is none. */
  readonly flushTargetMs: ValuesOf<typeof RESOLVER.settings>['flushTargetMs']
  /** Undefined: no names are kept warm. */
  readonly warm: WarmConfig | undefined
}

interface WarmConfig {
  /** Those that the lists have exactly, or those that clients use. */
  readonly names: (typeof WARM_NAMES)[number]
  readonly queriesPerSecond: number
  /** A name that clients used stays warm for this long after its last use. */
  readonly keepMs: number
}

export function parseResolvers(root: Section): readonly ResolverConfig[] {
  const tables = root.tables(RESOLVER.title)
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
  const { where, kind, flushTargetMs, warm, warmQueriesPerSecond, warmForMs } = section.read(RESOLVER)
  const advice = kind === undefined ? undefined : NO_METRONOME[kind]
  if (flushTargetMs !== undefined && advice !== undefined) section.mistaken('flushTarget', advice, '')
  if (warm !== undefined && kind === 'pdns-recursor')
    section.mistaken(
      'warm',
      'PowerDNS Recursor does not report who asked, so our own questions would keep each name for ever: remove it',
      '',
    )
  for (const key of ['warmQueriesPerSecond', 'warmFor'])
    if (warm === undefined && section.has(key)) section.mistaken(key, 'applies only with `warm`: set `warm`, or remove it', '')
  if (where === undefined || kind === undefined) return undefined
  const names = warm && { names: warm, queriesPerSecond: warmQueriesPerSecond, keepMs: warmForMs }
  return { ...where, kind, flushTargetMs, warm: names }
}
