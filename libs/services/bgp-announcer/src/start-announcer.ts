/** Puts the announcer together: the announcer over its route table, BGP as the output, metrics, health, and the admin API. */
import type { AdminHandlers } from '@dnstap-bgp/admin-api'
import { BgpSpeaker, type SpeakerConfig } from '@dnstap-bgp/bgp-speaker'
import type { Bus } from '@dnstap-bgp/bus'
import { neverListOptions, protectHosts, type ConfigWith } from '@dnstap-bgp/config'
import { NeverList } from '@dnstap-bgp/policy'
import { RouteTable } from '@dnstap-bgp/route-table'
import type { Clock, Closeable, Log } from '@dnstap-bgp/runtime'
import type { Health, Metrics } from '@dnstap-bgp/telemetry'
import { randomInt } from 'node:crypto'
import { dirname, join } from 'node:path'
import { Announcer, type AnnouncerConfig } from './announcer.ts'
import { announcerHealth } from './announcer-health.ts'
import { describeAnnouncerMetrics, describeConfirmations } from './announcer-metrics.ts'
import { addBgpHandlers } from './bgp-admin.ts'
import { RouteConfirmer } from './route-confirmer.ts'
import { RouteMemory } from './route-memory.ts'

export type BgpAnnouncerConfig = ConfigWith<'bgp'>

export interface StartAnnouncerDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly health: Health
  readonly handlers: AdminHandlers
}

export interface RunningAnnouncer extends Closeable {
  readonly service: Announcer
  readonly speaker: BgpSpeaker
  readonly table: RouteTable
  reconfigure(config: BgpAnnouncerConfig): void
}

const HEALTH_PERIOD_MS = 1000
/**
 * How long the cache may take to answer before the routes from before a restart are announced without it; a quarter of the time for which
 * routers keep them, if that is less.
 */
const RECALL_PATIENCE_MS = 10_000

export async function startBgpAnnouncer(config: BgpAnnouncerConfig, deps: StartAnnouncerDeps): Promise<RunningAnnouncer> {
  const { bus, clock, log } = deps
  const table = new RouteTable({ seed: randomInt(2 ** 32) })
  const speaker = new BgpSpeaker(speakerConfig(config), {
    clock,
    log,
    table,
    onAddress: (address, what) => announcer.protect(address, what),
    onConfirming: () => confirmer?.look(),
  })
  const confirmer = speaker.confirms ? new RouteConfirmer({ bus, clock, peers: () => speaker.confirmingPeers() }) : undefined
  const announcer: Announcer = new Announcer(announcerConfig(config, config), {
    bus,
    table,
    clock,
    log,
    name: config.bgp.bgpIdentifier,
    receiversWith: (prefix) => speaker.receiversWith(prefix),
    onReady: () => void speaker.start(),
  })
  const path = stateFileOf(config)
  const memory = path === undefined ? undefined : new RouteMemory({ path, clock, log })
  const last = await memory?.load(config.bgp.relearnMs)
  if (last !== undefined) {
    const patienceMs = Math.min(RECALL_PATIENCE_MS, config.bgp.gracefulRestartSeconds * 250)
    await announcer.recall(last.remembered, last.ageMs, patienceMs)
  }
  if (memory !== undefined) announcer.remember(memory)
  const reportHealth = announcerHealth({ ...deps, announcer, speaker, memory, hasPeers: config.bgp.peers.length > 0 })
  announcer.start()
  const hosts = protectHosts(config, { ...deps, protect: (address, what) => announcer.protect(address, what) })
  reportHealth()
  const timer = clock.every(HEALTH_PERIOD_MS, reportHealth)
  describeAnnouncerMetrics(deps.metrics, announcer, speaker, table)
  if (confirmer !== undefined) describeConfirmations(deps.metrics, confirmer)
  addBgpHandlers(deps.handlers, announcer, speaker, table)
  return {
    service: announcer,
    speaker,
    table,
    reconfigure(fresh) {
      announcer.reconfigure(announcerConfig(fresh, config))
      hosts.reconfigure(fresh)
    },
    async close() {
      timer.cancel()
      hosts.close()
      await confirmer?.close()
      await announcer.close()
      const withdraw = config.bgp.onStop === 'withdraw'
      await Promise.all([withdraw ? memory?.forget() : memory?.close(), speaker.close({ withdraw })])
    },
  }
}

/** The file of announced routes: where the operator says, beside the store, or in systemd's STATE_DIRECTORY. */
function stateFileOf({ bgp, store }: BgpAnnouncerConfig): string | undefined {
  if (bgp.relearnMs === 0) return undefined
  if (bgp.stateFile !== undefined) return bgp.stateFile
  if (store.kind === 'file') return join(dirname(store.path), 'announced')
  const folder = process.env['STATE_DIRECTORY']?.split(':')[0]
  return folder === undefined || folder === '' ? undefined : join(folder, 'announced')
}

/** `running`: the configuration that we were started with; changes of [bgp] take effect at the next start. */
function announcerConfig(config: BgpAnnouncerConfig, running: BgpAnnouncerConfig): AnnouncerConfig {
  return {
    lists: config.lists,
    never: new NeverList(neverListOptions(config, running)),
    ipv6: config.ipv6,
    relearnMs: running.bgp.relearnMs,
  }
}

function speakerConfig({ bgp }: BgpAnnouncerConfig): SpeakerConfig {
  return { ...bgp, peers: bgp.peers.map((peer) => ({ ...peer, password: peer.password?.reveal() })) }
}
