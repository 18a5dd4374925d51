/** An announcer on a bus in memory, opposite a cache that answers as a test says. */
import { BusError, LocalBus, type Bus, type BusState } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { NeverList } from '@dnstap-bgp/policy'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog } from '@dnstap-bgp/runtime'
import { HEAD, SNAPSHOT, TAIL, type RouteChange, type StoreHead, type TailPart } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { Announcer } from '../src/announcer.ts'

export const lists = parseConfig(
  `
[[list]]
name = "video"
source = "/nowhere/video.txt"
communities = ["64496:100"]
localPref = 50
nextHop = "192.0.2.9"
[[list]]
name = "work"
source = "/nowhere/work.txt"
addresses = true
communities = ["64496:200", "no-export"]
largeCommunities = ["64496:1:2"]
med = 7
localPref = 60
`,
  'test.toml',
  {},
).lists

export const never = new NeverList({ allowPrivate: false, allow: [], also: [] })
export const A = '93.184.215.1/32'
export const B = '93.184.215.2/32'

/** A cache as a test sets it up; `down`: nobody serves. */
export class FakeCache {
  head: StoreHead = { epoch: 'e1', revision: 0 }
  routes: RouteChange[] = []
  tailPart: TailPart | ((after: StoreHead) => TailPart) = 'up-to-date'
  snapshotsAsked = 0
  /** If set, a snapshot waits for this after its first hundred routes. */
  halfway: Promise<void> | undefined
  down = false
  serve(bus: Bus): void {
    const refuse = () => {
      if (this.down) throw new BusError('nobody serves')
    }
    bus.serveStream(
      SNAPSHOT,
      async function* (this: FakeCache) {
        this.snapshotsAsked++
        refuse()
        const { head, routes } = this
        yield { ...head, routes: routes.slice(0, 100) }
        await this.halfway
        yield { ...head, routes: routes.slice(100) }
      }.bind(this),
    )
    bus.serve(TAIL, async (after) => {
      refuse()
      return typeof this.tailPart === 'function' ? this.tailPart(after) : this.tailPart
    })
  }
}

/** Each look at the clock takes a millisecond, so a slice of work is over after a few. */
export class BusyClock extends FakeClock {
  #looks = 0
  override monotonic(): number {
    return super.monotonic() + this.#looks++
  }
  override after(delayMs: number, callback: () => void) {
    return super.after(Math.max(1, delayMs), callback)
  }
}

/** A machine that sleeps for a while. */
export class SleepyClock extends FakeClock {
  sleptMs = 0
  override monotonic(): number {
    return super.monotonic() + this.sleptMs
  }
}

/** A bus that goes away and comes back when told. */
class FlappingBus extends LocalBus {
  #listener: ((state: BusState) => void) | undefined
  override onState(listener: (state: BusState) => void): void {
    this.#listener = listener
  }
  flap(): void {
    this.#listener?.('disconnected')
    this.#listener?.('connected')
  }
}

export async function startAnnouncer(cache = new FakeCache(), relearnMs = 60_000, clock = new FakeClock()) {
  const bus = new FlappingBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  cache.serve(bus)
  const table = new RouteTable()
  let loaded = 0
  const announcer = new Announcer(
    { lists, never, ipv6: true, relearnMs },
    {
      bus,
      table,
      clock,
      log: silentLog,
      onReady: () => loaded++,
      name: '192.0.2.1',
      receiversWith: (prefix) => (table.has(prefix) ? ['edge'] : []),
    },
  )
  announcer.start()
  const settle = (ms = 20) => clock.advanceAsync(ms)
  await settle()
  /** The cache sends its heartbeat for so long. */
  const beat = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1000) {
      bus.publish(HEAD, cache.head)
      await settle(1000)
    }
  }
  /** The store comes back without its memory, with these routes at most. */
  const loseMemory = async (epoch: string, routes: RouteChange[] = [], revision = routes.length) => {
    cache.head = { epoch, revision }
    cache.routes = routes
    await beat(1000)
  }
  return {
    beat,
    loseMemory,
    announcer,
    bus,
    cache,
    clock,
    table,
    settle,
    loaded: () => loaded,
    prefixes: () => [...table.entries()].map(([prefix]) => prefix).sort(),
  }
}
