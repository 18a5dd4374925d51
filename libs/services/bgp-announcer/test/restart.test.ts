/** An announcer that restarts while the cache is away for longer than a real BIRD keeps its routes. */
import { AdminHandlers } from '@dnstap-bgp/admin-api'
import { LocalBus } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { HEAD, SNAPSHOT, TAIL } from '@dnstap-bgp/steering'
import { Health, Metrics } from '@dnstap-bgp/telemetry'
import { freePort, isInstalled, loopbackAddress, startBird, waitFor, type Router } from '@dnstap-bgp/testkit'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { startBgpAnnouncer, type BgpAnnouncerConfig, type RunningAnnouncer } from '../src/index.ts'

const ROUTES = 300
const RESTART_SECONDS = 12

let bird: Router | undefined
let announcer: RunningAnnouncer | undefined
let folder: string | undefined
afterEach(async () => {
  await announcer?.close()
  await bird?.remove()
  if (folder !== undefined) rmSync(folder, { recursive: true })
})

/** A bus with a cache, or without one. */
function busWith(routes: number | undefined, epoch = 'e1'): LocalBus {
  const bus = new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  if (routes === undefined) return bus
  const head = { epoch, revision: routes }
  const all = Array.from({ length: routes }, (_, n) => ({ prefix: `20.1.${n >> 8}.${n & 255}/32`, lists: ['video'] }))
  bus.serveStream(SNAPSHOT, async function* () {
    yield await Promise.resolve({ ...head, routes: all })
  })
  bus.serve(TAIL, async () => 'up-to-date' as const)
  const beat = setInterval(() => bus.publish(HEAD, head), 100)
  beat.unref()
  return bus
}

function configOf(us: string, peer: string, folder: string): BgpAnnouncerConfig {
  const text = `
[[list]]
name = "video"
source = "/nowhere/video.txt"
[dnstap]
listen = "/nowhere/tap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
peers = ["${peer}"]
connectRetry = "1s"
gracefulRestartTime = "${RESTART_SECONDS}s"
stateFile = "announced"
`
  return parseConfig(text, join(folder, 'test.toml'), {}) as BgpAnnouncerConfig
}

function start(config: BgpAnnouncerConfig, bus: LocalBus): Promise<RunningAnnouncer> {
  return startBgpAnnouncer(config, {
    bus,
    clock: systemClock,
    log: silentLog,
    metrics: new Metrics({ process: false }),
    health: new Health({ clock: systemClock, log: silentLog }),
    handlers: new AdminHandlers(),
  })
}

describe.skipIf(!isInstalled('bird'))('opposite BIRD (skipped where bird2 is not installed)', () => {
  test('no route is withdrawn, neither while the cache is away nor when its store has lost most of them', async () => {
    folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-restart-'))
    const [us, them] = [loopbackAddress(), loopbackAddress()]
    const port = await freePort(them)
    const router = (bird = await startBird({
      address: them,
      port,
      asn: 64512,
      peerAddress: us,
      peerAsn: 64512,
      families: ['ipv4'],
    }))
    const config = configOf(us, `${them}:${port}`, folder)
    announcer = await start(config, busWith(ROUTES))
    await router.waitForCount(ROUTES)
    let lowest = Infinity
    const look = async () => (lowest = Math.min(lowest, await router.count()))

    await announcer.close()
    await router.waitFor(async (it) => (await it.session()) !== 'Established', { what: 'BIRD to notice' })
    announcer = await start(config, busWith(undefined))
    await waitFor(async () => (await look(), announcer?.speaker.peers()[0]?.tableSent), { what: 'the table without a cache' })
    expect(announcer.service.loaded).toBe(false)

    await announcer.close()
    announcer = await start(config, busWith(ROUTES / 10, 'e2'))
    await waitFor(async () => (await look(), announcer?.speaker.peers()[0]?.tableSent), {
      what: 'the table of the emptied store',
    })
    expect(announcer.service.staleRoutes).toBe(ROUTES - ROUTES / 10)
    for (let looks = 0; looks < 10; looks++) await look()
    expect(lowest).toBe(ROUTES)
  })
})
