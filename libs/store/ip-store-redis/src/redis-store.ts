/**
 * The IP store in Redis, shared by all replicas of the cache. Every change is a Lua script (scripts.ts), so replicas need not know of each
 * other.
 *
 *   RedisIpStore ─▶ script-calls.ts ─▶ RedisConnection ─▶ ScriptRunner ─▶ Redis      commands, pipelined, no offline queue
 *                   slices              run_id, health,                     │
 *        ▲                              replay                              │
 *        └────────── ExpiryTrigger ◀────────────────────────── events ──────┘        a hint only
 *
 * When Redis comes back without data that it had confirmed to this process, the next script begins a new epoch. The new epoch tells everybody
 * of the loss. When Redis lacks nothing, the epoch goes on.
 */
import { StoreError } from '@dnstap-bgp/ip-store'
import type {
  Binding,
  BindingKey,
  Expired,
  IpStore,
  NewDeadline,
  Observed,
  Outcome,
  Sighting,
  StoreCounts,
  StoreLimits,
  StoreState,
} from '@dnstap-bgp/ip-store'
import type { Clock, Log, Timer } from '@dnstap-bgp/runtime'
import type { RouteChange, RouteChanges, RoutesChunk, StoreHead } from '@dnstap-bgp/steering'
import { ExpiryTrigger } from './expiry-trigger.ts'
import { clientOptions, type RedisStoreOptions } from './options.ts'
import { bindingOf, listsOf, SEPARATOR } from './record.ts'
import { RedisConnection } from './redis-connection.ts'
import { changesIn, expire, forget, observe, read, reschedule, routeChangesOf, SLICES_AT_ONCE } from './script-calls.ts'
import { EXPIRE_SLICE } from './scripts.ts'

export interface RedisStoreDeps {
  readonly clock: Clock
  readonly log: Log
}

const DEFAULT_PREFIX = 'dnstap-bgp:'
const DEFAULT_LOG_LENGTH = 200_000
const BEAT_INTERVAL_MS = 1000
/** How many routes or bindings are handed out at once. */
const CHUNK = 2000

/** By the digit that OBSERVE answers. */
const OUTCOMES: readonly Outcome[] = [
  'new',
  'refreshed',
  'stale',
  'full-names-per-prefix',
  'full-prefixes-per-name',
  'full-routes-per-list',
  'full-routes',
  'no-new-route',
]

/** Resolves after the first attempt to connect, whether it succeeded or not. @throws when the options are wrong or a file is missing */
export async function openRedisStore(options: RedisStoreOptions, deps: RedisStoreDeps): Promise<RedisIpStore> {
  const store = new RedisIpStore(options, deps)
  await store.opened
  return store
}

export class RedisIpStore implements IpStore {
  readonly opened: Promise<void>
  readonly expireBatch = EXPIRE_SLICE
  readonly #prefix: string
  readonly #redis: RedisConnection
  readonly #trigger: ExpiryTrigger
  readonly #beat: Timer
  #closed = false

  constructor(options: RedisStoreOptions, { clock, log }: RedisStoreDeps) {
    const client = clientOptions(options)
    const keyPrefix = (this.#prefix = options.keyPrefix ?? DEFAULT_PREFIX)
    const logLength = options.logLength ?? DEFAULT_LOG_LENGTH
    this.#redis = new RedisConnection({ client, keyPrefix, logLength, clock, log })
    this.#trigger = new ExpiryTrigger({ client, keyPrefix, database: options.database ?? 0, clock, log })
    this.#beat = clock.every(BEAT_INTERVAL_MS, () => {
      void this.#redis.check()
      this.#trigger.tick()
    })
    this.opened = this.#redis.connect()
  }

  get state(): StoreState {
    const { state } = this.#redis
    const { concern } = this.#trigger
    return state.kind === 'ready' && concern !== undefined ? { kind: 'ready', concern } : state
  }

  onState(listener: (state: StoreState) => void): void {
    this.#redis.onState(listener)
  }

  onDeadline(listener: () => void): void {
    this.#trigger.onDeadline(listener)
  }

  now(): number {
    return this.#redis.time.now()
  }

  async head(): Promise<StoreHead> {
    const [epoch = '', , revision] = await this.#redis.run('dnstapBgpHead')
    return { epoch, revision: Number(revision) }
  }

  async counts(): Promise<StoreCounts> {
    const [, , , bindings, routes, ...perList] = await this.#redis.run('dnstapBgpHead')
    const routesPerList = new Map<string, number>()
    for (let at = 0; at < perList.length; at += 2) routesPerList.set(perList[at] ?? '', Number(perList[at + 1]))
    return { bindings: Number(bindings), routes: Number(routes), routesPerList }
  }

  async observe(sightings: readonly Sighting[], limits: StoreLimits): Promise<Observed> {
    const answers = await observe(this.#redis.run, sightings, limits)
    const outcomes: Outcome[] = []
    for (const answer of answers) for (const digit of answer[4] ?? '') outcomes.push(OUTCOMES[Number(digit)] ?? 'stale')
    this.#redis.recent.observed(sightings, outcomes, limits)
    return { outcomes, changes: await this.#joined(answers.map(changesIn)) }
  }

  /** First one slice. When it comes back full there is much to do, and several are asked for at once. */
  async expire(nowMs: number, limit: number): Promise<Expired> {
    const answers: string[][] = []
    let bindings = 0
    for (let atOnce = 1; ; atOnce = SLICES_AT_ONCE) {
      const counts: number[] = []
      for (let left = limit - bindings; counts.length < atOnce && left > 0; left -= EXPIRE_SLICE)
        counts.push(Math.min(EXPIRE_SLICE, left))
      if (answers.length === 0 && counts.length === 0) counts.push(0) // a limit of 0 still asks for the next deadline
      answers.push(...(await expire(this.#redis.run, nowMs, counts)))
      bindings = answers.reduce((sum, answer) => sum + Number(answer[4]), 0)
      if (bindings >= limit || Number(answers.at(-1)?.[4]) < EXPIRE_SLICE) break
    }
    const nextDeadline = answers.at(-1)?.[5]
    const nextDeadlineMs = nextDeadline === undefined || nextDeadline === 'inf' ? undefined : Number(nextDeadline)
    return { changes: await this.#joined(answers.map(changesIn)), bindings, nextDeadlineMs }
  }

  async forget(keys: readonly BindingKey[]): Promise<RouteChanges | undefined> {
    const answers = await forget(this.#redis.run, keys)
    this.#redis.recent.forgot(keys)
    return this.#joined(answers.map(changesIn))
  }

  forgottenElsewhere(subject: string): void {
    this.#redis.recent.forgottenElsewhere(subject)
  }

  reschedule(deadlines: readonly NewDeadline[]): Promise<void> {
    return reschedule(this.#redis.run, deadlines)
  }

  async *bindings(): AsyncIterable<readonly Binding[]> {
    for await (const flat of this.#scan('zscan', 'deadlines')) {
      const keys: BindingKey[] = []
      for (let at = 0; at < flat.length; at += 2) {
        const [list, name, prefix] = (flat[at] ?? '').split(SEPARATOR)
        if (list !== undefined && name !== undefined && prefix !== undefined) keys.push({ list, name, prefix })
      }
      for (let start = 0; start < keys.length; start += CHUNK) {
        const chunk = await this.#read(keys.slice(start, start + CHUNK))
        if (chunk.length > 0) yield chunk
      }
    }
  }

  async bindingsOf(prefix: string): Promise<readonly Binding[]> {
    const fields = await this.#redis.command((redis) => redis.hgetall(`${this.#prefix}b:${prefix}`))
    const bindings: Binding[] = []
    for (const [field, record] of Object.entries(fields)) {
      const [list, name] = field.split(SEPARATOR)
      if (list === undefined || name === undefined) continue // the summary
      const binding = bindingOf({ list, name, prefix }, record)
      if (binding !== undefined) bindings.push(binding)
    }
    return bindings
  }

  async bindingsNamed(name: string): Promise<readonly Binding[]> {
    const fields = await this.#redis.command((redis) => redis.hkeys(`${this.#prefix}n:${name}`))
    const keys = fields.map((field) => {
      const [prefix = '', list = ''] = field.split(SEPARATOR)
      return { list, name, prefix }
    })
    return this.#read(keys)
  }

  async *snapshot(): AsyncIterable<RoutesChunk> {
    const head = await this.head()
    let chunks = 0
    for await (const flat of this.#scan('hscan', 'routes')) {
      for (let start = 0; start < flat.length; start += 2 * CHUNK) {
        const routes: RouteChange[] = []
        for (let at = start; at < Math.min(flat.length, start + 2 * CHUNK); at += 2)
          routes.push({ prefix: flat[at] ?? '', lists: listsOf(flat[at + 1] ?? '') })
        chunks++
        yield { ...head, routes }
      }
    }
    if ((await this.head()).epoch !== head.epoch) throw new StoreError('Redis lost its contents in the middle of a snapshot')
    if (chunks === 0) yield { ...head, routes: [] }
  }

  async changesSince(head: StoreHead, limit: number): Promise<RouteChanges | 'up-to-date' | 'gap'> {
    const count = Math.max(1, Math.floor(limit))
    const [epoch = '', , answer, ...texts] = await this.#redis.run(
      'dnstapBgpSince',
      head.epoch,
      String(head.revision),
      String(count),
    )
    if (answer !== 'changes') return answer === 'up-to-date' ? 'up-to-date' : 'gap'
    const from = head.revision + 1 - Number(texts.pop()) // the first entry may begin before what is asked for
    const changes = texts.flatMap(routeChangesOf).slice(from, from + count)
    return { epoch, firstRevision: head.revision + 1, changes }
  }

  /** Redis has answered; when it writes to its disk is its own configuration. */
  async flush(): Promise<void> {}

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#beat.cancel()
    this.#trigger.close()
    await this.#redis.close()
  }

  /** Another replica's changes may lie between two slices of ours: then all of them are told, which does no harm. */
  async #joined(slices: readonly (RouteChanges | undefined)[]): Promise<RouteChanges | undefined> {
    const told = slices.filter((slice) => slice !== undefined)
    const [first] = told
    const last = told.at(-1)
    if (first === undefined || last === undefined || first === last) return first
    const end = last.firstRevision + last.changes.length
    const own = told.flatMap((slice) => slice.changes)
    if (end - first.firstRevision === own.length && first.epoch === last.epoch) return { ...first, changes: own }
    const all = await this.changesSince({ epoch: first.epoch, revision: first.firstRevision - 1 }, end - first.firstRevision)
    return typeof all === 'string' ? last : all
  }

  async #read(keys: readonly BindingKey[]): Promise<Binding[]> {
    const records = await read(this.#redis.run, keys)
    const bindings: Binding[] = []
    for (const [at, key] of keys.entries()) {
      const binding = bindingOf(key, records[at] ?? '')
      if (binding !== undefined) bindings.push(binding)
    }
    return bindings
  }

  /** The next page is asked for before the caller works on this one. */
  async *#scan(command: 'hscan' | 'zscan', key: string): AsyncIterable<readonly string[]> {
    const page = (cursor: string): Promise<[string, string[]]> =>
      this.#redis.command((redis) => redis[command](`${this.#prefix}${key}`, cursor, 'COUNT', CHUNK))
    let next: Promise<[string, string[]]> | undefined = page('0')
    while (next !== undefined) {
      const [cursor, flat]: [string, string[]] = await next
      next = cursor === '0' ? undefined : page(cursor)
      next?.catch(() => {}) // a failure is thrown where the page is awaited, unless the caller has left
      if (flat.length > 0) yield flat
    }
  }
}
