/**
 * How long cache and announcer hold the one event loop of the all-in-one, with a million addresses of a hundred thousand listed names:
 * at the start, at an edit of the lists, at an edit of attributes, when 100,000 expire together, when a snapshot must be taken again.
 *
 *   npx tsx --conditions=dnstap-bgp-source apps/all-in-one/test/event-loop.bench.ts [--count 1000000] [--store memory|file] [--json]
 *
 * Held: the longest between two turns, in processor time of this thread (waiting for a busy processor is not our doing). No BGP peer. From
 * sources, lists are built in this thread (in the bundle, a worker does it): that is what holds the loop when names leave the lists.
 */
import { Announcer } from '@dnstap-bgp/bgp-announcer-service'
import { LocalBus } from '@dnstap-bgp/bus'
import { CacheService } from '@dnstap-bgp/cache-service'
import { neverListOptions, parseConfig } from '@dnstap-bgp/config'
import { MemoryIpStore, type Binding, type IpStore, type Sighting } from '@dnstap-bgp/ip-store'
import { openFileStore } from '@dnstap-bgp/ip-store-file'
import { startLists } from '@dnstap-bgp/lists-service'
import { NeverList } from '@dnstap-bgp/policy'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog, systemClock as clock } from '@dnstap-bgp/runtime'
import { HEAD } from '@dnstap-bgp/steering'
import { existsSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const argument = (name: string, otherwise: string) => {
  const at = process.argv.indexOf(name)
  return at < 0 ? otherwise : process.argv[at + 1]
}
const COUNT = Number(argument('--count', '1000000'))
const STORE = argument('--store', 'memory')
const DUE = COUNT / 10
const LIMITS = { namesPerPrefix: 64, prefixesPerName: 1000, routesPerList: new Map<string, number>(), routes: Infinity }

const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-bench-'))
const listFile = join(folder, 'list.txt')
const names = Array.from({ length: COUNT / 10 }, (_, i) => `host-${i}.cdn.example.org`)
writeFileSync(listFile, names.join('\n'))
const configOf = (community: number) =>
  parseConfig(
    `[[list]]\nname = "vpn"\nsource = "${listFile}"\nminimumShare = 0.0\nttl = "24h"\ncommunities = ["64496:${community}"]\n[limits]\nroutes = 2000000\n`,
    'bench.toml',
    {},
  )
const config = configOf(1)

function sighting(at: number): Sighting {
  const name = names[Math.floor(at / 10)]
  const prefix = `${20 + (at >> 24)}.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}/32`
  const seenAtMs = store.now()
  return { list: 'vpn', name, rule: name, prefix, seenAtMs, expiresAtMs: seenAtMs + 86_400_000, source: 'unbound', chain: [name] }
}

const schedule = existsSync(`/proc/self/task/${process.pid}/schedstat`)
  ? openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  : -1
const scheduleBytes = Buffer.alloc(100)
/** Processor time of this thread in ms; the clock where that cannot be had. The file: nanoseconds run, waited, slices. */
function threadMs(): number {
  if (schedule < 0) return performance.now()
  const length = readSync(schedule, scheduleBytes, 0, 100, 0)
  return Number(scheduleBytes.toString('latin1', 0, length).split(' ')[0]) / 1e6
}

interface Row {
  readonly what: string
  readonly seconds: number
  readonly heldMs: number
  /** The 99th of a hundred turns that took longer than a millisecond. */
  readonly p99Ms: number
}
const rows: Row[] = []

async function measured(what: string, work: () => Promise<void> | void): Promise<void> {
  const turns: number[] = []
  let last = threadMs()
  let on = true
  const look = () => {
    const now = threadMs()
    if (now - last > 1) turns.push(now - last)
    last = now
    if (on) setImmediate(look)
  }
  setImmediate(look)
  const began = performance.now()
  await work()
  on = false
  turns.push(threadMs() - last)
  turns.sort((a, b) => a - b)
  const round = (ms: number) => Math.round(ms * 10) / 10
  rows.push({
    what,
    seconds: round((performance.now() - began) / 1000),
    heldMs: round(turns.at(-1) ?? 0),
    p99Ms: round(turns[Math.floor(turns.length * 0.99)] ?? 0),
  })
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20))
}

const bus = new LocalBus({
  pause: (ms) => new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms))),
})
const deps = { clock, log: silentLog }
const store: IpStore =
  STORE === 'file'
    ? await openFileStore({ path: join(folder, 'cache') }, deps)
    : new MemoryIpStore({ epoch: 'bench', hashSeed: 1, now: () => clock.now() })
for (let from = 0; from < COUNT; from += 1000) {
  const batch: Sighting[] = []
  for (let at = from; at < Math.min(COUNT, from + 1000); at++) batch.push(sighting(at))
  await store.observe(batch, LIMITS)
  if (from % 20_000 === 0) await new Promise((resolve) => setImmediate(resolve))
}
await store.flush()
const lists = await startLists(config, { clock, log: silentLog })
const cache = new CacheService(config, { bus, store, policies: lists.policies, ...deps })
await measured('cache starts: everything is held against the lists', () => cache.start())

const table = new RouteTable({ seed: 1 })
let loaded = false
const announcerConfig = (community: number) => {
  const { lists } = configOf(community)
  return { lists, never: new NeverList(neverListOptions(config)), ipv6: true, relearnMs: 60_000 }
}
const people = { name: 'bench', receiversWith: () => [] }
const announcer = new Announcer(announcerConfig(1), { bus, table, ...deps, ...people, onReady: () => (loaded = true) })
await measured('announcer starts: a snapshot of everything', async () => {
  announcer.start()
  await until(() => loaded)
})
await measured('other communities for every route', async () => {
  announcer.reconfigure(announcerConfig(2))
  await until(() => table.get(sighting(COUNT - 1).prefix)?.communities[0] === 64496 * 65536 + 2)
})
await measured('another snapshot of everything, compared', async () => {
  const before = announcer.counters.snapshots
  bus.publish(HEAD, { epoch: 'another', revision: 0 })
  await until(() => announcer.counters.snapshots > before)
  await new Promise((resolve) => setTimeout(resolve, 3000))
})
const first = Number(
  sighting(COUNT - DUE)
    .name.slice('host-'.length)
    .split('.')[0],
)
const lastTenth: Binding[] = []
for await (const part of store.bindings())
  lastTenth.push(...part.filter(({ name }) => Number(name.slice('host-'.length).split('.')[0]) >= first))
const dueMs = store.now() + 2000
for (let from = 0; from < lastTenth.length; from += 1000) {
  await store.reschedule(lastTenth.slice(from, from + 1000).map((one) => ({ ...one, expiresAtMs: dueMs })))
  await new Promise((resolve) => setImmediate(resolve))
}
let lastGoneMs = 0
await measured(`${DUE} expire together`, async () => {
  await until(() => table.size === COUNT - DUE)
  lastGoneMs = store.now() - dueMs
})
// Last, for the audit that it makes would give back their deadlines to those above.
writeFileSync(listFile, names.slice(names.length / 10).join('\n'))
await measured(`${DUE} leave the lists together`, async () => {
  await lists.reconfigure(config)
  await until(() => table.size === COUNT - 2 * DUE)
})

if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ count: COUNT, store: STORE, lastGoneMs, rows })}\n`)
else {
  console.log(`${COUNT} addresses, store: ${STORE}`)
  console.table(rows)
  console.log(`the last of those that expired was withdrawn ${lastGoneMs} ms after its deadline`)
}
await cache.close()
await announcer.close()
await store.close()
await lists.close()
await bus.close()
rmSync(folder, { recursive: true, force: true })
