/** Starts the shapes: the all-in-one, the four services over one NATS and one Redis, and over a cluster and Sentinels. */
import { freePort, loopbackAddress, OwnClock, startNats, startProgram, startRedis, startSentinel } from '@dnstap-bgp/testkit'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SmallDisk } from './disk.ts'
import type { Shape } from './faults.ts'
import { type Fleet, listFile, writeList } from './fleet.ts'
import { Part } from './part.ts'
import { SoakResolver } from './resolver.ts'
import { SyncPeer } from './sync-peer.ts'
import type { Universe } from './universe.ts'
import { WatchedBird } from './watched-bird.ts'

export interface ShapeOptions {
  readonly shape: Shape
  readonly universe: Universe
  readonly relearnMs: number
}

interface Server {
  readonly host: string
  readonly port: number
}

interface Servers {
  readonly nats: readonly Server[]
  readonly redis: readonly Server[]
  readonly sentinels: readonly Server[]
}

/** What the configuration of one program needs to know. */
interface Placed {
  readonly options: ShapeOptions
  readonly work: string
  readonly servers: Servers
  readonly gateway: string
  readonly peer: SyncPeer
  readonly disk: SmallDisk | undefined
}

const START_TIMEOUT_MS = 120_000

export async function startFleet(options: ShapeOptions): Promise<Fleet> {
  const work = mkdtempSync(join(tmpdir(), 'dnstap-bgp-soak-'))
  for (const list of ['brief', 'steady', 'dns', 'day', 'peer', 'probe']) writeList(work, list, [`${list}.example`], true)
  const edited = options.universe.names.filter((name) => name.list === 'edited').map((name) => name.name)
  writeList(work, 'edited', edited, true)
  const parts: Part[] = []
  const alone = options.shape === 'all-in-one'
  const disk = alone ? new SmallDisk(24) : undefined
  const servers = alone ? { nats: [], redis: [], sentinels: [] } : await startServers(options.shape, parts)
  const announcers = alone ? [loopbackAddress()] : [loopbackAddress(), loopbackAddress()]
  const birds = await startBirds(announcers)
  birds.forEach((bird, i) => parts.push(new Part(`bird-${i + 1}`, 'bird', bird.daemon)))
  const gatewayHost = loopbackAddress()
  const gateway = `${gatewayHost}:${await freePort(gatewayHost)}`
  const peerHost = loopbackAddress()
  const peer = new SyncPeer(peerHost, await freePort(peerHost))
  await peer.come()
  const placed = { options, work, servers, gateway, peer, disk }
  const programs = alone
    ? [await startOne(placed, 'all-in-one', 'all-in-one', announcers[0], birds)]
    : await startServices(placed, announcers, birds)
  parts.push(...programs.map((one) => one.part))
  const taps = programs.filter((one) => one.part.name.startsWith('ingest') || alone)
  const resolvers = taps.map((one, i) => new SoakResolver(`resolver-${i + 1}`, join(one.folder, 'tap.sock')))
  return {
    shape: options.shape,
    parts,
    birds,
    resolvers,
    peer,
    gateway,
    work,
    disk,
    redis: servers.redis,
    nats: servers.nats,
    async close() {
      for (const resolver of resolvers) resolver.close()
      for (const part of [...parts].reverse()) {
        part.thaw()
        await part.remove()
      }
      await peer.go()
      disk?.remove()
      rmSync(work, { recursive: true, force: true })
    },
  }
}

/** The first announcer talks to both BIRDs, the second one to the second BIRD. */
async function startBirds(announcers: readonly string[]): Promise<WatchedBird[]> {
  const second = announcers.map((address, i) => ({ seat: `two_${'ab'[i]}`, address }))
  return Promise.all([
    WatchedBird.start('bird-1', [{ seat: 'one_a', address: announcers[0] }]),
    WatchedBird.start('bird-2', second),
  ])
}

async function startServers(shape: Shape, parts: Part[]): Promise<Servers> {
  const nats = shape === 'services-ha' ? await startCluster() : [await startNats({ name: 'nats-1' })]
  nats.forEach((server, i) => parts.push(new Part(`nats-${i + 1}`, 'server', server)))
  const primary = await startRedis({ persistent: true })
  parts.push(new Part('redis-1', 'server', primary))
  if (shape === 'services') return { nats, redis: [primary], sentinels: [] }
  const replica = await startRedis({ persistent: true, replicaOf: primary })
  parts.push(new Part('redis-2', 'server', replica))
  const sentinels = []
  for (let i = 1; i <= 3; i++) {
    const sentinel = await startSentinel({ master: primary, quorum: 2 })
    sentinels.push(sentinel)
    parts.push(new Part(`sentinel-${i}`, 'server', sentinel))
  }
  return { nats, redis: [primary, replica], sentinels }
}

async function startCluster() {
  const host = '127.0.0.1'
  const routePorts = [await freePort(host), await freePort(host), await freePort(host)]
  const routes = routePorts.map((port) => `"nats://${host}:${port}"`).join(', ')
  return Promise.all(
    routePorts.map((port, i) =>
      startNats({ name: `nats-${i + 1}`, extra: `cluster { name: soak, listen: "${host}:${port}", routes: [${routes}] }` }),
    ),
  )
}

async function startServices(placed: Placed, announcers: readonly string[], birds: readonly WatchedBird[]) {
  const start = (name: string, app: string, us = announcers[0], routers: readonly WatchedBird[] = birds) =>
    startOne(placed, name, app, us, routers)
  const caches = await Promise.all([start('cache-1', 'cache'), start('cache-2', 'cache')])
  const others = await Promise.all([
    start('announcer-1', 'bgp-announcer'),
    start('announcer-2', 'bgp-announcer', announcers[1], [birds[1]]),
    start('gateway', 'sync-gateway'),
    start('ingest-1', 'dnstap-ingest'),
    start('ingest-2', 'dnstap-ingest'),
  ])
  return [...caches, ...others]
}

async function startOne(placed: Placed, name: string, app: string, us: string, birds: readonly WatchedBird[]) {
  const clock = new OwnClock(join(placed.work, `${name}.clock`))
  const config = () => configuration(placed, us, birds)
  const daemon = await startProgram({ app, config, env: clock.env, startTimeoutMs: START_TIMEOUT_MS })
  return { part: new Part(name, 'product', daemon, { admin: join(daemon.folder, 'admin.sock'), clock }), folder: daemon.folder }
}

function configuration(placed: Placed, us: string, birds: readonly WatchedBird[]): string {
  const { options, work, servers, disk } = placed
  const { universe } = options
  const seconds = (ms: number) => `"${ms}ms"`
  const lists = (['brief', 'steady', 'dns', 'day', 'edited', 'peer', 'probe'] as const).map((list) => {
    const dns = `ttl = "dns"\nttlMin = ${seconds(universe.dns.minMs)}\nttlGrace = ${seconds(universe.dns.graceMs)}`
    const ttl = list === 'dns' ? dns : `ttl = ${seconds(universe.lifetimeMs[list])}`
    return `[[list]]\nname = "${list}"\nsource = "${listFile(work, list)}"\n${ttl}\ncommunities = ["64512:${list.length}"]`
  })
  const replicas = servers.nats.length > 1 ? `replicas = ${servers.nats.length}\n` : ''
  const urls = servers.nats.map((one) => `"nats://${one.host}:${one.port}"`)
  const bus = `[bus]\nservers = [${urls.join(', ')}]\n${replicas}`
  const places = (servers.sentinels.length > 0 ? servers.sentinels : servers.redis).map((one) => `"${one.host}:${one.port}"`)
  const store = `[store]\nredis = ${places.length === 1 ? places[0] : `[${places.join(', ')}]`}\n${servers.sentinels.length > 0 ? 'sentinel = "dnstap"\n' : ''}`
  return `${disk === undefined ? '' : `cache = "${join(disk.folder, 'cache')}"\n`}ipv6 = true
${lists.join('\n')}
[dnstap]
listen = "./tap.sock"
[bgp]
as = 64512
routerID = "${us}"
sourceIP = "${us}"
nextHop = "192.0.2.9"
nextHopIPv6 = "2001:db8::9"
peers = [${birds.map((bird) => `"${bird.address}:${bird.port}"`).join(', ')}]
relearnTime = ${seconds(options.relearnMs)}
${disk === undefined ? 'stateFile = "./announced"\n' : ''}[syncer]
listen = "${placed.gateway}"
peers = ["${placed.peer.host}:${placed.peer.port}"]
syncInterval = "15s"
[admin]
listen = "./admin.sock"
${disk === undefined ? `${bus}${store}` : ''}`
}
