/** A cache service on a memory store, a local bus and a fake clock, for the tests beside it. */
import { LocalBus } from '@dnstap-bgp/bus'
import { parseConfig, type Config } from '@dnstap-bgp/config'
import { MemoryIpStore, StoreError, type Binding, type IpStore, type StoreState } from '@dnstap-bgp/ip-store'
import { PolicySource } from '@dnstap-bgp/policy'
import { silentLog, type Clock, type Log } from '@dnstap-bgp/runtime'
import { LEARNT, RESOLUTIONS, ROUTE_CHANGES, type Resolution, type RouteChange } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { CacheService } from '../src/cache.ts'
import type { Explainer, Explanation } from '../src/explain.ts'
import { REPLIES_WAIT_MS } from '../src/explain-replies.ts'
import type { LoadedCoverage } from '../src/loaded-coverage.ts'
import { PAUSE } from './cuttable-bus.ts'

export const HOUR_MS = 3_600_000
/** The address of RESOLUTION, and its route. */
export const ADDRESS = '93.184.215.14'
export const ROUTE = `${ADDRESS}/32`

export type TestCache = Awaited<ReturnType<typeof startTestCache>>

/** Rules are names; a list covers them and their subdomains. */
export class FakeLists {
  /** Of the rules. */
  version = Symbol('lists')
  /** How often a name was matched. */
  matched = 0
  #rules: Record<string, readonly string[]>
  #addresses: Record<string, readonly string[]> = {}
  #current: LoadedCoverage | undefined
  #policies: PolicySource<Config, { readonly coverage: LoadedCoverage }> | undefined
  #unloaded: readonly string[] = []
  #isWaiting = false
  constructor(rules: Record<string, readonly string[]>) {
    this.#rules = rules
  }
  /** The same object until something about the lists is set. */
  get current(): LoadedCoverage {
    return (this.#current ??= this.#coverage())
  }
  set unloaded(lists: readonly string[]) {
    this.#unloaded = lists
    this.#current = undefined
  }
  set isWaiting(isWaiting: boolean) {
    this.#isWaiting = isWaiting
    this.#current = undefined
  }
  policies(config: Config) {
    return (this.#policies = new PolicySource(config, { coverage: this.current }))
  }
  /** Tells nobody: reload() does. */
  replace(rules: Record<string, readonly string[]>, addresses: Record<string, readonly string[]> = {}): void {
    this.#rules = rules
    this.version = Symbol('lists')
    this.#addresses = addresses
    this.#current = undefined
  }
  change(rules: Record<string, readonly string[]>, addresses: Record<string, readonly string[]> = {}): void {
    this.replace(rules, addresses)
    const policies = this.#policies
    policies?.next(policies.current.config, { coverage: this.current })
  }
  /** A configuration that was read again, with the lists as they are. */
  reload(config: Config): void {
    this.#policies?.next(config, { coverage: this.current })
  }
  #coverage(): LoadedCoverage {
    const rules = this.#rules
    return {
      version: this.version,
      ruleFor: (list, name) => {
        this.matched++
        return (rules[list] ?? []).find((rule) => name === rule || name.endsWith(`.${rule}`))
      },
      addresses: new Map(Object.entries(this.#addresses)),
      unloaded: new Set(this.#unloaded),
      isWaiting: this.#isWaiting,
      why: () => [],
    }
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

function memoryStore(epoch: string, clock: FakeClock): MemoryIpStore {
  const startMs = clock.now() - clock.monotonic()
  return new MemoryIpStore({ epoch, now: () => startMs + clock.monotonic() })
}

/** What this cache knows by itself: neither announcers nor other replicas are asked. */
export async function explainAlone(explainer: Explainer, subject: string): Promise<Explanation> {
  return explainer.explain(subject, await explainer.find(subject))
}

/** A memory store that can be away, and lose what it has. */
export class Switchable implements IpStore {
  away = false
  onHead = () => {}
  /** Called, and waited for, before bindings are read by prefix or name. */
  beforeReading = async () => {}
  /** Called, and waited for, before all bindings are handed out. */
  beforeBindings = async () => {}
  afterObserving = () => {}
  afterExpiring = () => {}
  /** Subjects that another replica reported as forgotten. */
  readonly forgotten: string[] = []
  readonly expireBatch = 500
  readonly clock = new FakeClock()
  #store = memoryStore('e1', this.clock)

  forgetEverything(epoch: string): void {
    this.#store = memoryStore(epoch, this.clock)
  }
  /** Another epoch, the same bindings. */
  async forgetNothing(epoch: string): Promise<void> {
    const kept: Binding[] = []
    for await (const part of this.#store.bindings()) kept.push(...part)
    this.forgetEverything(epoch)
    await this.#store.observe(kept, {
      namesPerPrefix: Infinity,
      prefixesPerName: Infinity,
      routes: Infinity,
      routesPerList: new Map(),
    })
  }
  get state(): StoreState {
    return this.away ? { kind: 'unavailable', why: 'it is away' } : { kind: 'ready' }
  }
  #there(): MemoryIpStore {
    if (this.away) throw new StoreError('it is away')
    return this.#store
  }
  now() {
    return this.#store.now()
  }
  async head() {
    this.onHead()
    return this.#there().head()
  }
  async counts() {
    return this.#there().counts()
  }
  async observe(...args: Parameters<IpStore['observe']>) {
    const observed = await this.#there().observe(...args)
    this.afterObserving()
    return observed
  }
  async expire(...args: Parameters<IpStore['expire']>) {
    const expired = await this.#there().expire(...args)
    if (expired.bindings > 0) this.afterExpiring()
    return expired
  }
  async forget(...args: Parameters<IpStore['forget']>) {
    return this.#there().forget(...args)
  }
  forgottenElsewhere(subject: string) {
    this.forgotten.push(subject)
  }
  async reschedule(...args: Parameters<IpStore['reschedule']>) {
    return this.#there().reschedule(...args)
  }
  async *bindings() {
    await this.beforeBindings()
    yield* this.#there().bindings()
  }
  async bindingsOf(prefix: string) {
    await this.beforeReading()
    return this.#there().bindingsOf(prefix)
  }
  async bindingsNamed(name: string) {
    await this.beforeReading()
    return this.#there().bindingsNamed(name)
  }
  async *snapshot() {
    yield* this.#there().snapshot()
  }
  async changesSince(...args: Parameters<IpStore['changesSince']>) {
    return this.#there().changesSince(...args)
  }
  onState(): void {}
  onDeadline(): void {}
  async flush() {}
  async close() {}
}

export const RESOLUTION: Resolution = {
  list: 'default',
  name: 'www.example.org',
  rule: 'example.org',
  address: ADDRESS,
  ttlSeconds: 300,
  seenAtMs: 0,
  source: { kind: 'resolver', identity: 'unbound' },
  chain: ['www.example.org'],
}

export async function startTestCache(
  options: {
    config?: string
    rules?: Record<string, readonly string[]>
    store?: IpStore
    clock?: FakeClock
    /** What the service itself sees, when that is not `clock`. */
    serviceClock?: Clock
    bus?: LocalBus
    prepare?: (lists: FakeLists) => void
  } = {},
) {
  const clock = options.clock ?? (options.store instanceof Switchable ? options.store.clock : new FakeClock())
  const bus = options.bus ?? new LocalBus(PAUSE)
  const store = options.store ?? memoryStore('e1', clock)
  const lists = new FakeLists(options.rules ?? { default: ['example.org'] })
  options.prepare?.(lists)
  const changes: RouteChange[] = []
  const learnt: Resolution[] = []
  bus.subscribe(ROUTE_CHANGES, (message) => changes.push(...message.changes))
  bus.subscribe(LEARNT, (message) => learnt.push(...message))
  const told: string[] = []
  const informed: (readonly [string, Readonly<Record<string, unknown>>])[] = []
  const log: Log = {
    ...silentLog,
    warn: (_fields, sentence) => told.push(sentence),
    info: (fields, sentence) => informed.push([sentence, { ...fields }]),
  }
  const config = configOf(options.config ?? BASE_CONFIG)
  const cache = new CacheService(config, {
    bus,
    store,
    policies: lists.policies(config),
    clock: options.serviceClock ?? clock,
    log,
  })
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
    /** Warnings in the log. */
    told,
    /** What else the log says, with its fields. */
    informed,
    settle,
    /** The answer that a person gets: announcers and other replicas have had time to reply. */
    async explain(subject: string) {
      const answer = cache.explain(subject)
      await clock.advanceAsync(2 * REPLIES_WAIT_MS)
      return answer
    },
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
          ...RESOLUTION,
          seenAtMs: clock.now(),
          ...one,
        })),
      )
      await settle()
    },
  }
}
