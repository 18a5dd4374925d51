/** Puts ingest together: sockets, decoders, matcher, outbox, metrics and health. */
import { ADMIN_API, type AdminHandlers } from '@dnstap-bgp/admin-api'
import type { Bus } from '@dnstap-bgp/bus'
import { sameRouting, type ConfigWith } from '@dnstap-bgp/config'
import { CLOSE_REASONS, DnstapServer, inheritedSockets, startDnstapServer } from '@dnstap-bgp/dnstap-server'
import { parsePrefix, PrefixSet } from '@dnstap-bgp/ip'
import type { ListenAddress } from '@dnstap-bgp/net'
import type { ListsVersion, Policies } from '@dnstap-bgp/policy'
import { ResolverProbes } from '@dnstap-bgp/resolver-probe'
import type { Clock, Closeable, Log } from '@dnstap-bgp/runtime'
import { samplesOf, type Health, type Metrics } from '@dnstap-bgp/telemetry'
import { randomInt } from 'node:crypto'
import { CatchUpAnswerer } from './catch-up-answerer.ts'
import { describeHolds, describeIngestMetrics } from './describe-metrics.ts'
import { HoldDesk } from './hold-desk.ts'
import { Ingest, type IngestConfig, type NameMatcher } from './ingest.ts'
import { KeepWarm, type ExactNames } from './keep-warm.ts'
import { readTlsFiles, TlsFileError } from './tls-files.ts'
import { watchOutbox } from './watch-outbox.ts'
import { describeResolverMetrics, probedResolvers, resolverRows, watchResolvers } from './watch-resolvers.ts'

export type DnstapIngestConfig = ConfigWith<'dnstap'>

/** The configuration, and the lists as a matcher: another object, of another version, when they changed. */
export type IngestPolicies = Policies<
  DnstapIngestConfig,
  { readonly matcher: NameMatcher & ExactNames; readonly version: ListsVersion }
>

export interface StartIngestDeps {
  readonly bus: Bus
  readonly policies: IngestPolicies
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly health: Health
  readonly handlers: AdminHandlers
}

export interface RunningIngest extends Closeable {
  readonly service: Ingest
  /** Where it listens, with the ports that the system chose. */
  readonly addresses: readonly ListenAddress[]
}

const HEALTH_PERIOD_MS = 1000
/** No sender may be connected for this long: resolvers and we are restarted now and then. */
const NO_SENDER_MS = 60_000

/** @throws ListenError or TlsFileError, one sentence, when a socket cannot be had or a certificate cannot be used */
export async function startDnstapIngest(config: DnstapIngestConfig, deps: StartIngestDeps): Promise<RunningIngest> {
  const { bus, policies, clock, log, metrics, health, handlers } = deps
  const probes = new ResolverProbes({ clock })
  const holds = new HoldDesk(config.dnstap.hold, { bus, clock, log })
  const keepWarm = new KeepWarm({ bus, clock, probes })
  const ingest = new Ingest(ingestConfig(config), {
    bus,
    probes,
    observers: [keepWarm.observer],
    clock,
    matcher: policies.current.lists.matcher,
    version: policies.current.lists.version,
    log,
    holds,
    seed: [randomInt(2 ** 32), randomInt(2 ** 32)],
  })
  const { tls } = config.dnstap
  let allowed = allowedAddresses(config)
  let server: DnstapServer
  try {
    server = await startDnstapServer(
      {
        listen: config.dnstap.listen,
        inherited: inheritedSockets(process.env, process.pid),
        mode: config.dnstap.mode,
        owner: config.dnstap.owner,
        group: config.dnstap.group,
        handshakeTimeoutMs: config.dnstap.handshakeTimeoutMs,
        maxFrameLength: config.dnstap.maxFrameBytes,
        allows: (address) => allowed(address),
        tls: tls === undefined ? undefined : readTlsFiles(tls),
      },
      {
        clock,
        log,
        handler: {
          onRead: (connection) => ingest.onRead(connection),
          onFrame: (connection, bytes, start, end) => ingest.frame(connection, bytes, start, end),
        },
      },
    )
  } catch (error) {
    await holds.close()
    await ingest.close()
    throw error
  }

  const answerer = new CatchUpAnswerer({
    bus,
    clock,
    id: ingest.run,
    reads: () => server.counters.reads,
    isBehind: () => ingest.isBehind,
    isRefused: () => ingest.outbox.failing,
    whenSent: (reached) => ingest.outbox.whenSent(reached),
  })
  const listenHealth = health.component('dnstap')
  const lookAtOutbox = watchOutbox(ingest.outbox, health.component('ingest-outbox'), clock, log)
  const askResolvers = ({ config: fresh, lists }: IngestPolicies['current']) => {
    keepWarm.begin(probes.use(probedResolvers(fresh)))
    void keepWarm.list(lists.matcher)
  }
  askResolvers(policies.current)
  const lookAtResolvers = watchResolvers(probes, health)
  let senderSeenMs = clock.monotonic()
  const look = () => {
    if (hasSender(server)) senderSeenMs = clock.monotonic()
    if (server.trouble !== undefined) listenHealth.degraded(server.trouble)
    else if (clock.monotonic() - senderSeenMs < NO_SENDER_MS) listenHealth.ok()
    else listenHealth.degraded('No dnstap sender is connected. No routes are learnt, and existing ones will expire.')
    lookAtOutbox()
    lookAtResolvers()
  }
  look()
  const timer = clock.every(HEALTH_PERIOD_MS, look)
  describeIngestMetrics(metrics, ingest)
  describeResolverMetrics(metrics, probes)
  describeHolds(metrics, holds)
  metrics.counter({
    name: 'dnstap_connections_closed_total',
    help: 'dnstap connections that ended, by reason.',
    labels: ['reason'],
    read: () => samplesOf('reason', Object.fromEntries(CLOSE_REASONS.map((reason) => [reason, server.counters.closed[reason]]))),
  })
  metrics.counter({
    name: 'dnstap_connections_accepted_total',
    help: 'dnstap connections accepted.',
    read: () => server.counters.connectionsAccepted,
  })
  metrics.counter({ name: 'dnstap_bytes_total', help: 'Octets read from dnstap senders.', read: () => server.counters.bytes })
  metrics.counter({
    name: 'dnstap_reads_total',
    help: 'Reads from dnstap sockets; frames by reads tell how well senders pack.',
    read: () => server.counters.reads,
  })
  metrics.gauge({ name: 'dnstap_connections', help: 'dnstap connections open now.', read: () => server.counters.connectionsOpen })
  handlers.add(ADMIN_API.senders, () => ({
    connections: [...server.connections].map((connection) => ({
      peer: connection.origin,
      listener: connection.listener,
      identity: connection.identity,
      version: connection.version,
      frames: connection.frames - connection.ownFrames,
      state: connection.isStreaming ? ('streaming' as const) : ('handshake' as const),
      clockBehindSeconds: secondsOrNull(ingest.clockBehindMs(connection)),
    })),
    identities: [...ingest.senders.byIdentity].map(([identity, { version, lastSeenMs, frames }]) => ({
      identity,
      version,
      lastSeen: new Date(lastSeenMs).toISOString(),
      frames,
    })),
    messages: ingest.messagesByType(),
    resolvers: resolverRows(probes, clock),
  }))
  policies.onChange((policy, before) => {
    const {
      config: fresh,
      lists: { matcher, version },
    } = policy
    ingest.use(ingestConfig(fresh), matcher, version)
    // Otherwise the cache answers as before, and repeats stay repeats.
    if (matcher !== before.lists.matcher || !sameRouting(fresh, before.config)) ingest.forgetAll()
    askResolvers(policy)
    if (fresh === before.config) return
    allowed = allowedAddresses(fresh)
    server.cutDisallowed()
    if (tls === undefined || fresh.dnstap.tls === undefined) return
    try {
      server.renewTls(readTlsFiles(fresh.dnstap.tls))
    } catch (error) {
      if (!(error instanceof TlsFileError)) throw error
      log.error({}, `${error.message}. The certificate read before stays.`)
    }
  })
  return {
    service: ingest,
    addresses: server.addresses,
    async close() {
      timer.cancel()
      await keepWarm.close()
      probes.close()
      await holds.close()
      await server.close()
      await answerer.close()
      await ingest.close()
    },
  }
}

function ingestConfig({ ipv6, dnstap, lists }: DnstapIngestConfig): IngestConfig {
  return { ipv6, types: dnstap.types, lists, resolvers: dnstap.resolvers }
}

function secondsOrNull(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms / 100) / 10
}

function hasSender(server: DnstapServer): boolean {
  for (const connection of server.connections) if (connection.isStreaming) return true
  return false
}

/** May a sender connect to our TCP listeners from an address? If `allow` is empty, from every address. */
function allowedAddresses({ dnstap: { allow } }: DnstapIngestConfig): (address: string) => boolean {
  if (allow.length === 0) return () => true
  const prefixes = new PrefixSet<true>()
  for (const text of allow) {
    const prefix = parsePrefix(text)
    if (prefix !== undefined) prefixes.add(prefix, true)
  }
  return (address) => {
    const host = parsePrefix(address.replace(/%.*$/, '')) // a link-local one comes with its interface
    return host !== undefined && prefixes.covering(host) === true
  }
}
