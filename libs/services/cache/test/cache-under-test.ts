/** A cache service on a memory store, a local bus and a fake clock, for the tests beside it. */
import { LocalBus } from '@dnstap-bgp/bus'
import { parseConfig, type Config } from '@dnstap-bgp/config'
import { MemoryIpStore } from '@dnstap-bgp/ip-store'
import { silentLog } from '@dnstap-bgp/runtime'
import { LEARNT, RESOLUTIONS, ROUTE_CHANGES, type Resolution, type RouteChange } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { CacheService, type ListsView } from '../src/cache.ts'

export const HOUR_MS = 3_600_000

/** Rules are names; a list covers them and their subdomains. */
export class FakeLists implements ListsView {
  #rules: Record<string, readonly string[]>
  #addresses: Record<string, readonly string[]> = {}
  #listener = () => {}
  constructor(rules: Record<string, readonly string[]>) {
    this.#rules = rules
  }
  get current() {
    return {
      ruleFor: (list: string, name: string) =>
        (this.#rules[list] ?? []).find((rule) => name === rule || name.endsWith(`.${rule}`)),
      addresses: new Map(Object.entries(this.#addresses)),
    }
  }
  onChange(listener: () => void): void {
    this.#listener = listener
  }
  change(rules: Record<string, readonly string[]>, addresses: Record<string, readonly string[]> = {}): void {
    this.#rules = rules
    this.#addresses = addresses
    this.#listener()
  }
}

export function configOf(text: string): Config {
  return parseConfig(text, 'test.toml', {})
}

export const BASE_CONFIG = `
domains = "/nowhere/domains.txt"
ttl = "1h"
ipv6 = true
`

export async function startTestCache(
  options: { config?: string; rules?: Record<string, readonly string[]>; store?: MemoryIpStore; clock?: FakeClock } = {},
) {
  const clock = options.clock ?? new FakeClock()
  const bus = new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  const store = options.store ?? new MemoryIpStore({ epoch: 'e1' })
  const lists = new FakeLists(options.rules ?? { default: ['example.org'] })
  const changes: RouteChange[] = []
  const learnt: Resolution[] = []
  bus.subscribe(ROUTE_CHANGES, (message) => changes.push(...message.changes))
  bus.subscribe(LEARNT, (message) => learnt.push(...message))
  const cache = new CacheService(configOf(options.config ?? BASE_CONFIG), { bus, store, lists, clock, log: silentLog })
  const started = cache.start()
  await clock.advanceAsync(10)
  await started
  const settle = () => clock.advanceAsync(20)
  return {
    cache,
    clock,
    bus,
    store,
    lists,
    changes,
    learnt,
    settle,
    /** What the bus said last about each prefix. */
    routes: () =>
      Object.fromEntries(
        changes
          .filter((c, i) => changes.findLastIndex((d) => d.prefix === c.prefix) === i && c.lists.length > 0)
          .map((c) => [c.prefix, c.lists]),
      ),
    async learn(...resolutions: Partial<Resolution>[]) {
      await bus.enqueue(
        RESOLUTIONS,
        resolutions.map((one) => ({
          list: 'default',
          name: 'www.example.org',
          rule: 'example.org',
          address: '93.184.215.14',
          ttlSeconds: 300,
          seenAtMs: clock.now(),
          source: 'unbound',
          chain: ['www.example.org'],
          ...one,
        })),
      )
      await settle()
    },
  }
}
