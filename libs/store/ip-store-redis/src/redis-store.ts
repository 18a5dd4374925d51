/**
 * The IP store in Redis, shared by all replicas of the cache. What changes, changes in Lua (scripts.ts), so replicas need not know of
 * each other; what this class adds is slices, the wire, and the word about whether Redis is there.
 *
 * Two connections: one for commands, pipelined and without an offline queue; one that listens for expired keys, a trigger only:
 * under load Redis tells of them minutes late or not at all, so nothing depends on them.
 *
 * When Redis comes back without something that this process was told, the next script makes a new epoch; that is how everybody learns of
 * it. When it comes back with all of it, the epoch goes on. Whoever connects asks for the server's run_id first, and no script runs
 * without it: so what a server lost as it went down cannot be overtaken by new changes with the old numbers. What this replica stored in
 * the last seconds before that, it stores again.
 */
import { randomUUID } from 'node:crypto'
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
import { Redis } from 'ioredis'
import { EvictionWatch } from './eviction-watch.ts'
import { FailingScripts } from './failing-scripts.ts'
import { clientOptions } from './options.ts'
import type { RedisStoreOptions } from './options.ts'
import { bindingOf, infoText, listsOf, scoreText, SEPARATOR, timeText } from './record.ts'
import { RecentWrites } from './recent-writes.ts'
import { Witness } from './witness.ts'
import { BEAT, BEGIN, EXPIRE, EXPIRE_SLICE, FORGET, HEAD, OBSERVE, READ, RESCHEDULE, SINCE, SLICE } from './scripts.ts'

export interface RedisStoreDeps {
  readonly clock: Clock
  readonly log: Log
}

const DEFAULT_PREFIX = 'dnstap-bgp:'
const DEFAULT_LOG_LENGTH = 200_000
const BEAT_INTERVAL_MS = 1000
/** An operator may change the eviction policy while Redis runs. */
const POLICY_PERIOD_MS = 5000
/** Of one call; the rest waits, so that a large call does not run into the time-out of its own commands. */
const SLICES_AT_ONCE = 8
/** How many routes or bindings are handed out at once. */
const PART = 2000

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
  readonly #deps: RedisStoreDeps
  readonly #prefix: string
  readonly #logLength: string
  readonly #database: number
  readonly #commands: Redis
  readonly #listener: Redis
  readonly #scripts: Scripts
  readonly #stateListeners: ((state: StoreState) => void)[] = []
  readonly #deadlineListeners: (() => void)[] = []
  readonly #beat: Timer
  readonly #author = randomUUID().slice(0, 8)
  #state: StoreState = { kind: 'unavailable', why: 'Redis has not been reached yet' }
  #unavailableSinceMs: number
  readonly #witness = new Witness()
  readonly #failing: FailingScripts
  readonly #eviction: EvictionWatch
  #lookedAtPolicyMs = -Infinity
  /** Store time when our monotonic clock was at 0, by the last answer. */
  #clockOffsetMs: number | undefined
  #latestMs = -Infinity
  /** Counts connections: what was asked over one is not for the next. */
  #connection = 0
  /** The run_id of the server we are connected to (empty: it does not tell); undefined while it is not known: no script runs then. */
  #life: string | undefined
  #lifeBefore: string | undefined
  readonly #recent: RecentWrites
  #saidNoInfo = false
  #hinted = false
  #checking: Promise<void> | undefined
  #closed = false

  constructor(options: RedisStoreOptions, deps: RedisStoreDeps) {
    this.#deps = deps
    this.#prefix = options.keyPrefix ?? DEFAULT_PREFIX
    this.#logLength = String(options.logLength ?? DEFAULT_LOG_LENGTH)
    this.#database = options.database ?? 0
    this.#unavailableSinceMs = deps.clock.monotonic()
    const client = clientOptions(options)
    this.#commands = new Redis(client)
    this.#listener = new Redis({ ...client, connectionName: 'dnstap-bgp-expired', autoResubscribe: false })
    this.#scripts = defineScripts(this.#commands)
    this.#watch(this.#commands)
    this.#listener.on('error', () => {}) // the other connection has the same trouble, and says so
    this.#listener.on('ready', () => void this.#listen())
    this.#listener.on('message', (_channel: string, key: string) => this.#onExpired(key))
    this.#recent = new RecentWrites(deps.clock)
    this.#failing = new FailingScripts(deps.clock)
    this.#eviction = new EvictionWatch(deps.log)
    this.#beat = deps.clock.every(BEAT_INTERVAL_MS, () => {
      void this.#checkHealth()
      // Hears nothing for hours, which is right; what it does not answer is told by the time-out of its socket.
      if (this.#listener.status === 'ready') this.#listener.ping().catch(() => {})
      void this.#lookAtPolicy()
    })
    this.#listener.connect().catch(() => {})
    this.opened = this.#commands
      .connect()
      .catch(() => {})
      .then(() => this.#checkHealth())
  }

  get state(): StoreState {
    const { concern } = this.#eviction
    return this.#state.kind === 'ready' && concern !== undefined ? { kind: 'ready', concern } : this.#state
  }

  onState(listener: (state: StoreState) => void): void {
    this.#stateListeners.push(listener)
  }

  onDeadline(listener: () => void): void {
    this.#deadlineListeners.push(listener)
  }

  /** Before Redis has first answered: the wall clock's time, good for nothing that is stored. */
  now(): number {
    if (this.#clockOffsetMs === undefined) return this.#deps.clock.now()
    this.#latestMs = Math.max(this.#latestMs, Math.floor(this.#clockOffsetMs + this.#deps.clock.monotonic()))
    return this.#latestMs
  }

  async head(): Promise<StoreHead> {
    const [epoch = '', , revision] = await this.#run('dnstapBgpHead')
    return { epoch, revision: Number(revision) }
  }

  async counts(): Promise<StoreCounts> {
    const [, , , bindings, routes, ...perList] = await this.#run('dnstapBgpHead')
    const routesPerList = new Map<string, number>()
    for (let at = 0; at < perList.length; at += 2) routesPerList.set(perList[at] ?? '', Number(perList[at + 1]))
    return { bindings: Number(bindings), routes: Number(routes), routesPerList }
  }

  async observe(sightings: readonly Sighting[], limits: StoreLimits): Promise<Observed> {
    const answers = await this.#observe(sightings, limits, (...args) => this.#run(...args))
    const outcomes: Outcome[] = []
    for (const answer of answers) for (const digit of answer[4] ?? '') outcomes.push(OUTCOMES[Number(digit)] ?? 'stale')
    this.#recent.observed(sightings, outcomes, limits)
    return { outcomes, changes: await this.#joined(answers.map(changesIn)) }
  }

  #observe(sightings: readonly Sighting[], limits: StoreLimits, run: Run): Promise<string[][]> {
    const limitsText = JSON.stringify([
      finiteOrNone(limits.namesPerPrefix),
      finiteOrNone(limits.prefixesPerName),
      finiteOrNone(limits.routes),
      Object.fromEntries([...limits.routesPerList].filter(([, count]) => Number.isFinite(count))),
    ])
    const slices = slicesOf(sightings, (one) => [
      one.list,
      one.name,
      one.prefix,
      timeText(one.seenAtMs),
      timeText(one.expiresAtMs),
      scoreText(one.expiresAtMs),
      one.noNewRoute === true ? '1' : '',
      infoText(one),
    ])
    return this.#runAll(slices.map((slice) => () => run('dnstapBgpObserve', limitsText, slice)))
  }

  /** One slice, or, of a larger limit: when it comes back full there is much to do, and several are asked for at once. */
  async expire(nowMs: number, limit: number): Promise<Expired> {
    const answers: string[][] = []
    let bindings = 0
    for (let atOnce = 1; ; atOnce = SLICES_AT_ONCE) {
      const counts: number[] = []
      for (let left = limit - bindings; counts.length < atOnce && left > 0; left -= EXPIRE_SLICE)
        counts.push(Math.min(EXPIRE_SLICE, left))
      if (answers.length === 0 && counts.length === 0) counts.push(0) // a limit of 0 still asks for the next deadline
      answers.push(
        ...(await this.#runAll(
          counts.map((count) => () => this.#run('dnstapBgpExpire', String(Math.floor(nowMs)), String(count))),
        )),
      )
      bindings = answers.reduce((sum, answer) => sum + Number(answer[4]), 0)
      if (bindings >= limit || Number(answers.at(-1)?.[4]) < EXPIRE_SLICE) break
    }
    const nextDeadline = answers.at(-1)?.[5]
    const nextDeadlineMs = nextDeadline === undefined || nextDeadline === 'inf' ? undefined : Number(nextDeadline)
    return { changes: await this.#joined(answers.map(changesIn)), bindings, nextDeadlineMs }
  }

  async forget(keys: readonly BindingKey[]): Promise<RouteChanges | undefined> {
    const answers = await this.#forget(keys, (...args) => this.#run(...args))
    this.#recent.forgot(keys)
    return this.#joined(answers.map(changesIn))
  }

  forgottenElsewhere(subject: string): void {
    this.#recent.forgottenElsewhere(subject)
  }

  #forget(keys: readonly BindingKey[], run: Run): Promise<string[][]> {
    const slices = slicesOf(keys, ({ list, name, prefix }) => [list, name, prefix])
    return this.#runAll(slices.map((slice) => () => run('dnstapBgpForget', slice)))
  }

  async reschedule(deadlines: readonly NewDeadline[]): Promise<void> {
    const slices = slicesOf(deadlines, ({ list, name, prefix, seenAtMs, expiresAtMs }) => [
      list,
      name,
      prefix,
      timeText(seenAtMs),
      timeText(expiresAtMs),
      scoreText(expiresAtMs),
    ])
    await this.#runAll(slices.map((slice) => () => this.#run('dnstapBgpReschedule', slice)))
  }

  async *bindings(): AsyncIterable<readonly Binding[]> {
    for await (const flat of this.#scan('zscan', 'deadlines')) {
      const keys: BindingKey[] = []
      for (let at = 0; at < flat.length; at += 2) {
        const [list, name, prefix] = (flat[at] ?? '').split(SEPARATOR)
        if (list !== undefined && name !== undefined && prefix !== undefined) keys.push({ list, name, prefix })
      }
      for (let start = 0; start < keys.length; start += PART) {
        const part = await this.#read(keys.slice(start, start + PART))
        if (part.length > 0) yield part
      }
    }
  }

  async bindingsOf(prefix: string): Promise<readonly Binding[]> {
    const fields = await this.#guard(() => this.#commands.hgetall(`${this.#prefix}b:${prefix}`))
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
    const fields = await this.#guard(() => this.#commands.hkeys(`${this.#prefix}n:${name}`))
    const keys = fields.map((field) => {
      const [prefix = '', list = ''] = field.split(SEPARATOR)
      return { list, name, prefix }
    })
    return this.#read(keys)
  }

  async *snapshot(): AsyncIterable<RoutesChunk> {
    const head = await this.head()
    let parts = 0
    for await (const flat of this.#scan('hscan', 'routes')) {
      for (let start = 0; start < flat.length; start += 2 * PART) {
        const routes: RouteChange[] = []
        for (let at = start; at < Math.min(flat.length, start + 2 * PART); at += 2)
          routes.push({ prefix: flat[at] ?? '', lists: listsOf(flat[at + 1] ?? '') })
        parts++
        yield { ...head, routes }
      }
    }
    if ((await this.head()).epoch !== head.epoch) throw new StoreError('Redis lost its contents in the middle of a snapshot')
    if (parts === 0) yield { ...head, routes: [] }
  }

  async changesSince(head: StoreHead, limit: number): Promise<RouteChanges | 'up-to-date' | 'gap'> {
    const [epoch = '', , verdict, ...texts] = await this.#run(
      'dnstapBgpSince',
      head.epoch,
      String(head.revision),
      String(Math.max(1, Math.floor(limit))),
    )
    if (verdict !== 'changes') return verdict === 'up-to-date' ? 'up-to-date' : 'gap'
    const from = head.revision + 1 - Number(texts.pop()) // the first entry may begin before what is asked for
    const changes = texts.flatMap(routeChangesOf).slice(from, from + Math.max(1, Math.floor(limit)))
    return { epoch, firstRevision: head.revision + 1, changes }
  }

  /** Redis has answered; how soon it writes to its disk is its own configuration. */
  async flush(): Promise<void> {}

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#beat.cancel()
    this.#listener.disconnect()
    // QUIT lets what is under way be answered; a server that does not answer is left.
    await this.#commands.quit().catch(() => {})
    this.#commands.disconnect()
  }

  // Scripts and their answers

  async #run(script: keyof Scripts, ...args: string[]): Promise<string[]> {
    if (this.#life === undefined) throw new StoreError(this.#whyNot())
    return this.#runFor(this.#life, script, ...args)
  }

  #runFor(life: string, script: keyof Scripts, ...args: string[]): Promise<string[]> {
    return this.#guard(async () => {
      const known = `${this.#clockOffsetMs === undefined ? '' : this.now()} ${this.#witness.text}`
      const prefix = this.#prefix
      let answer: string[]
      try {
        answer = await this.#scripts[script](...[`${prefix}meta`, prefix, life, known, this.#author, this.#logLength, ...args])
      } catch (error) {
        if (!isRefusedWrite(error) && this.#failing.failed(script, error))
          this.#setState({ kind: 'unavailable', why: this.#failing.why ?? '' })
        throw error
      }
      this.#failing.worked(script)
      this.#recent.answered()
      if (script !== 'dnstapBgpRead') this.#hear(answer)
      return answer
    })
  }

  /** Every answer begins with the epoch, and with store time and step. */
  #hear([epoch = '', stamp = '']: readonly string[]): void {
    const [timeMs, step] = stamp.split(' ').map(Number)
    this.#clockOffsetMs = timeMs - this.#deps.clock.monotonic()
    const before = this.#witness.hear(epoch, step)
    if (before !== undefined) this.#deps.log.warn({ epoch, before }, 'Redis does not have what it had: a new epoch begins')
  }

  #whyNot(): string {
    return this.#commands.status === 'ready' && this.#state.kind === 'unavailable' ? this.#state.why : 'Redis cannot be reached'
  }

  /** Some at once: one connection keeps them in order. Waits for those under way before it throws, so that nothing runs on unseen. */
  async #runAll<T>(calls: readonly (() => Promise<T>)[]): Promise<T[]> {
    const answers: T[] = []
    for (let start = 0; start < calls.length; start += SLICES_AT_ONCE) {
      const settled = await Promise.allSettled(calls.slice(start, start + SLICES_AT_ONCE).map((call) => call()))
      for (const one of settled) {
        if (one.status === 'rejected') throw one.reason
        answers.push(one.value)
      }
    }
    return answers
  }

  /** Another replica's changes may lie between two slices of ours: then all of them are told, which harms nobody. */
  async #joined(parts: readonly (RouteChanges | undefined)[]): Promise<RouteChanges | undefined> {
    const told = parts.filter((part) => part !== undefined)
    const [first] = told
    const last = told.at(-1)
    if (first === undefined || last === undefined || first === last) return first
    const end = last.firstRevision + last.changes.length
    const own = told.flatMap((part) => part.changes)
    if (end - first.firstRevision === own.length && first.epoch === last.epoch) return { ...first, changes: own }
    const all = await this.changesSince({ epoch: first.epoch, revision: first.firstRevision - 1 }, end - first.firstRevision)
    return typeof all === 'string' ? last : all
  }

  async #read(keys: readonly BindingKey[]): Promise<Binding[]> {
    const slices = slicesOf(keys, ({ list, name, prefix }) => [list, name, prefix])
    const records = (await this.#runAll(slices.map((slice) => () => this.#run('dnstapBgpRead', slice)))).flat()
    const bindings: Binding[] = []
    for (const [at, key] of keys.entries()) {
      const binding = bindingOf(key, records[at] ?? '')
      if (binding !== undefined) bindings.push(binding)
    }
    return bindings
  }

  /** The next page is under way while one is worked on. */
  async *#scan(command: 'hscan' | 'zscan', key: string): AsyncIterable<readonly string[]> {
    const page = (cursor: string): Promise<[string, string[]]> =>
      this.#guard(() => this.#commands[command](`${this.#prefix}${key}`, cursor, 'COUNT', PART))
    let next: Promise<[string, string[]]> | undefined = page('0')
    while (next !== undefined) {
      const [cursor, flat]: [string, string[]] = await next
      next = cursor === '0' ? undefined : page(cursor)
      next?.catch(() => {}) // it is awaited above, or nobody wants it any more
      if (flat.length > 0) yield flat
    }
  }

  /** The library's errors carry the whole command, which may be a password or a megabyte of sightings: only their sentence goes on. */
  async #guard<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (cause) {
      const why = sentenceFor(cause)
      if (!isRefusedWrite(cause)) throw new StoreError(why)
      this.#setState({ kind: 'unavailable', why })
      throw new RefusedWrite(why)
    }
  }

  // Is it there?

  #watch(redis: Redis): void {
    let lastError = 'the connection was closed'
    redis.on('error', (error: Error) => {
      lastError = sentenceFor(error)
      if (this.#state.kind === 'unavailable') this.#setState({ kind: 'unavailable', why: lastError })
    })
    redis.on('close', () => {
      this.#connection++
      this.#recent.trim()
      this.#life = undefined
      this.#setState({ kind: 'unavailable', why: lastError })
    })
    redis.on('ready', () => {
      lastError = 'the connection was closed'
      void this.#checkHealth()
    })
  }

  #checkHealth(): Promise<void> {
    this.#checking ??= this.#lookAtHealth().finally(() => (this.#checking = undefined))
    return this.#checking
  }

  /** `ready` means that a script has just written something. */
  async #lookAtHealth(): Promise<void> {
    if (this.#closed || this.#commands.status !== 'ready') return
    const connection = this.#connection
    try {
      if (this.#life === undefined) await this.#arrive(connection)
      await this.#run('dnstapBgpBeat')
      await this.#tellAgain((...args) => this.#run(...args))
      const { why } = this.#failing
      if (connection === this.#connection) this.#setState(why === undefined ? { kind: 'ready' } : { kind: 'unavailable', why })
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      if (connection === this.#connection) this.#setState({ kind: 'unavailable', why: error.message })
    }
  }

  /**
   * On a new connection, before anything else may run: which life of the server is this, and does it lack what we told the last?
   * Nothing runs before a script was answered, either: a server that loads tells its run_id, but not what time it is in the store.
   */
  async #arrive(connection: number): Promise<void> {
    const runId = await this.#runId()
    const life = runId ?? ''
    const isAnother = this.#lifeBefore !== undefined && (runId === undefined || this.#lifeBefore !== life)
    const epochBefore = this.#witness.epoch
    if (isAnother) this.#recent.lost()
    await this.#runFor(life, runId === undefined ? 'dnstapBgpBegin' : 'dnstapBgpHead')
    try {
      await this.#tellAgain((...args) => this.#runFor(life, ...args))
    } catch (error) {
      if (!(error instanceof RefusedWrite)) throw error
      // Its memory is full: what is due must be able to go.
      this.#deps.log.warn({ why: error.message }, 'Redis may lack what it was told last, and does not take it; it is told later')
    }
    if (connection !== this.#connection) throw new StoreError('Redis cannot be reached')
    if (isAnother && epochBefore === this.#witness.epoch)
      this.#deps.log.info({ epoch: epochBefore }, 'Redis was started again, or is another server, and has what it had')
    this.#life = this.#lifeBefore = life
  }

  /** What this life of the server may lack; what it refuses is tried again with the next beat. What has expired since stays away. */
  async #tellAgain(run: Run): Promise<void> {
    for (const owed of this.#recent.owed()) {
      const { write } = owed
      if ('keys' in write) await this.#forget(write.keys, run)
      else {
        const nowMs = this.now()
        const living = write.sightings.filter(({ expiresAtMs }) => expiresAtMs > nowMs)
        await this.#observe(living, write.limits, run)
      }
      this.#recent.told(owed)
    }
  }

  /** Undefined: we may not know. */
  async #runId(): Promise<string | undefined> {
    const info = await this.#guard(() => this.#commands.info('server')).catch((error: unknown) => {
      if (error instanceof StoreError && error.message.includes('NOPERM')) return ''
      throw error
    })
    const runId = /^run_id:(\w+)/m.exec(info)?.[1]
    if (runId === undefined && !this.#saidNoInfo) {
      this.#saidNoInfo = true
      this.#deps.log.warn(
        {},
        'Redis does not tell its run_id (INFO server); each lost connection counts as a restart of it and costs one snapshot',
      )
    }
    return runId
  }

  #setState(state: StoreState): void {
    if (this.#closed) return
    const before = this.#state
    this.#state = state
    if (state.kind === before.kind) return
    const { clock, log } = this.#deps
    if (state.kind === 'ready') {
      log.info({ awayMs: Math.round(clock.monotonic() - this.#unavailableSinceMs) }, 'Redis can be used')
    } else {
      this.#unavailableSinceMs = clock.monotonic()
      log.warn({ why: 'why' in state ? state.why : undefined }, 'Redis cannot be used; trying on')
    }
    for (const listener of this.#stateListeners) listener(state)
  }

  // The trigger

  async #listen(): Promise<void> {
    try {
      await this.#wantNotifications()
      await this.#listener.subscribe(`__keyevent@${this.#database}__:expired`)
    } catch (error) {
      if (this.#closed || this.#listener.status !== 'ready') return
      this.#deps.log.warn(
        { why: sentenceFor(error) },
        'Redis does not let us listen for expired keys; expiry goes by our own clock alone',
      )
    }
  }

  async #wantNotifications(): Promise<void> {
    const { log } = this.#deps
    try {
      const [, flags = ''] = (await this.#listener.config('GET', 'notify-keyspace-events')) as string[]
      const has = flags.includes('E') && (flags.includes('x') || flags.includes('A'))
      if (!has) await this.#listener.config('SET', 'notify-keyspace-events', `${flags}Ex`)
      await this.#askPolicy()
    } catch (error) {
      if (this.#closed || this.#listener.status !== 'ready') return
      log.info(
        { why: sentenceFor(error) },
        'may not look at the configuration of Redis; for prompt expiry notify-keyspace-events should contain Ex, and maxmemory-policy be noeviction',
      )
    }
  }

  async #askPolicy(): Promise<void> {
    this.#lookedAtPolicyMs = this.#deps.clock.monotonic()
    const [, policy = 'noeviction'] = (await this.#listener.config('GET', 'maxmemory-policy')) as string[]
    this.#eviction.heard(policy)
  }

  /** Whoever may not ask was told when we connected. */
  async #lookAtPolicy(): Promise<void> {
    if (this.#listener.status !== 'ready' || this.#deps.clock.monotonic() - this.#lookedAtPolicyMs < POLICY_PERIOD_MS) return
    await this.#askPolicy().catch(() => {})
  }

  #onExpired(key: string): void {
    if (this.#hinted || key !== `${this.#prefix}next`) return
    this.#hinted = true
    setImmediate(() => {
      this.#hinted = false
      if (!this.#closed) for (const listener of this.#deadlineListeners) listener()
    })
  }
}

type Script = (...args: string[]) => Promise<string[]>
type Run = (script: keyof Scripts, ...args: string[]) => Promise<string[]>
interface Scripts {
  readonly dnstapBgpBeat: Script
  readonly dnstapBgpBegin: Script
  readonly dnstapBgpHead: Script
  readonly dnstapBgpObserve: Script
  readonly dnstapBgpExpire: Script
  readonly dnstapBgpForget: Script
  readonly dnstapBgpReschedule: Script
  readonly dnstapBgpSince: Script
  readonly dnstapBgpRead: Script
}

/** The library sends EVALSHA, and EVAL when Redis does not know the script (any more). */
function defineScripts(redis: Redis): Scripts {
  const scripts = {
    dnstapBgpBeat: BEAT,
    dnstapBgpBegin: BEGIN,
    dnstapBgpHead: HEAD,
    dnstapBgpObserve: OBSERVE,
    dnstapBgpExpire: EXPIRE,
    dnstapBgpForget: FORGET,
    dnstapBgpReschedule: RESCHEDULE,
    dnstapBgpSince: SINCE,
    dnstapBgpRead: READ,
  } satisfies Record<keyof Scripts, string>
  for (const [name, lua] of Object.entries(scripts)) redis.defineCommand(name, { numberOfKeys: 1, lua })
  return redis as unknown as Scripts
}

/** At most SLICE rows each, flat, as JSON. */
function slicesOf<T>(all: readonly T[], row: (one: T) => readonly string[]): string[] {
  const slices: string[] = []
  for (let start = 0; start < all.length; start += SLICE)
    slices.push(JSON.stringify(all.slice(start, start + SLICE).flatMap(row)))
  return slices
}

/** Lua gets -1 for "no ceiling": JSON has no Infinity. */
function finiteOrNone(limit: number): number {
  return Number.isFinite(limit) ? Math.max(0, limit) : -1
}

/** An answer is epoch, store time, first revision, the changes, then what the script says itself. */
function changesIn(answer: readonly string[]): RouteChanges | undefined {
  const text = answer[3] ?? ''
  if (text === '') return undefined
  return { epoch: answer[0] ?? '', firstRevision: Number(answer[2]), changes: routeChangesOf(text) }
}

/** `prefix LF lists LF prefix LF lists …` */
function routeChangesOf(text: string): RouteChange[] {
  const flat = text.split('\n')
  const changes: RouteChange[] = []
  for (let at = 0; at + 1 < flat.length; at += 2) changes.push({ prefix: flat[at] ?? '', lists: listsOf(flat[at + 1] ?? '') })
  return changes
}

/** Redis said so itself. */
class RefusedWrite extends StoreError {}

/** Redis is there and does not write: memory, disk or replicas are not as they must be. */
function isRefusedWrite(error: unknown): boolean {
  return error instanceof Error && /^(MISCONF|NOREPLICAS|OOM|READONLY)\b/.test(error.message)
}

function sentenceFor(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  if (/^(MOVED|ASK|CROSSSLOT|CLUSTERDOWN)\b/.test(message) || message.includes('cluster'))
    return `this is a Redis Cluster (${message}); the store needs all its keys on one server: use a single server or Sentinel`
  if (/^Stream isn't writeable|^Connection is closed\.|^Reached the max retries per request/.test(message))
    return 'Redis cannot be reached'
  if (message === 'Command timed out' || message.startsWith('Socket timeout')) return 'Redis did not answer in time'
  if (message.startsWith('NOAUTH') || message.startsWith('WRONGPASS')) return `Redis does not accept our credentials: ${message}`
  return `Redis: ${message}`
}
