/**
 * The connection for commands, and whether Redis can be used over it.
 *
 *   connected ──▶ run_id ──▶ first script ──▶ recent writes told again ──▶ scripts may run ──▶ beat every second
 *
 * A server whose run_id is another was started again, or is another one after a failover, and may lack the last writes. So no script runs
 * before the run_id is known: new changes must not get numbers that the old server gave out. The first script must be answered before others
 * run: a server that is still loading tells its run_id, but not the store's time. What this process stored in the last seconds before, it then
 * stores again (recent-writes.ts).
 */
import { StoreError } from '@dnstap-bgp/ip-store'
import type { StoreState } from '@dnstap-bgp/ip-store'
import type { Clock, Log } from '@dnstap-bgp/runtime'
import { Redis } from 'ioredis'
import { FailingScripts } from './failing-scripts.ts'
import type { ClientOptions } from './options.ts'
import { RecentWrites } from './recent-writes.ts'
import { RefusedWrite, sentenceFor } from './redis-errors.ts'
import { RedisState } from './redis-state.ts'
import { forget, observe, type Run } from './script-calls.ts'
import { ScriptRunner } from './script-runner.ts'
import { StoreTime } from './store-time.ts'
import { Witness } from './witness.ts'

export interface RedisConnectionOptions {
  readonly client: ClientOptions
  readonly keyPrefix: string
  readonly logLength: number
  readonly clock: Clock
  readonly log: Log
}

export class RedisConnection {
  readonly time: StoreTime
  readonly recent: RecentWrites
  readonly #log: Log
  readonly #redis: Redis
  readonly #scripts: ScriptRunner
  readonly #state: RedisState
  readonly #witness = new Witness()
  readonly #failing: FailingScripts
  /** Counts connections: an answer over one does not count for the next. */
  #connection = 0
  /** The run_id of the server (empty: it does not tell); undefined while it is not known: no script runs then. */
  #life: string | undefined
  #lifeBefore: string | undefined
  #saidNoInfo = false
  #checking: Promise<void> | undefined
  #closed = false

  constructor({ client, keyPrefix, logLength, clock, log }: RedisConnectionOptions) {
    this.#log = log
    this.time = new StoreTime(clock)
    this.recent = new RecentWrites(clock)
    this.#failing = new FailingScripts(clock)
    this.#state = new RedisState(clock, log)
    this.#redis = new Redis(client)
    this.#scripts = new ScriptRunner({
      ...{ redis: this.#redis, keyPrefix, logLength, log },
      ...{ time: this.time, witness: this.#witness, failing: this.#failing },
      onAnswer: () => this.recent.answered(),
      onTrouble: (why) => this.#state.set(why),
    })
    this.#watch()
  }

  /** Resolves after the first attempt, whether it succeeded or not. */
  async connect(): Promise<void> {
    await this.#redis.connect().catch(() => {})
    await this.check()
  }

  get state(): StoreState {
    return this.#state.current
  }

  onState(listener: (state: StoreState) => void): void {
    this.#state.onChange(listener)
  }

  /** @throws StoreError */
  readonly run: Run = async (script, ...args) => {
    if (this.#life === undefined) throw new StoreError(this.#whyNot())
    return this.#scripts.run(this.#life, script, ...args)
  }

  /** Sends a command that is no script. @throws StoreError */
  command<T>(send: (redis: Redis) => Promise<T>): Promise<T> {
    return this.#scripts.guard(() => send(this.#redis))
  }

  /** Finds out whether Redis can be used: it can when a script has just written something. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => (this.#checking = undefined))
    return this.#checking
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#state.close()
    // QUIT lets commands that are under way be answered; a server that does not answer is left.
    await this.#redis.quit().catch(() => {})
    this.#redis.disconnect()
  }

  #whyNot(): string {
    const state = this.#state.current
    return this.#redis.status === 'ready' && state.kind === 'unavailable' ? state.why : 'Redis cannot be reached'
  }

  #watch(): void {
    let lastError = 'the connection was closed'
    this.#redis.on('error', (error: Error) => {
      lastError = sentenceFor(error)
      if (this.#state.current.kind === 'unavailable') this.#state.set(lastError)
    })
    this.#redis.on('close', () => {
      this.#connection++
      this.recent.trim()
      this.#life = undefined
      this.#state.set(lastError)
    })
    this.#redis.on('ready', () => {
      lastError = 'the connection was closed'
      void this.check()
    })
  }

  async #check(): Promise<void> {
    if (this.#closed || this.#redis.status !== 'ready') return
    const connection = this.#connection
    try {
      if (this.#life === undefined) await this.#arrive(connection)
      await this.run('dnstapBgpBeat')
      await this.#replay(this.run)
      if (connection === this.#connection) this.#state.set(this.#failing.why)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      if (connection === this.#connection) this.#state.set(error.message)
    }
  }

  /** On a new connection, before any other script may run. */
  async #arrive(connection: number): Promise<void> {
    const runId = await this.#runId()
    const life = runId ?? ''
    const isAnother = this.#lifeBefore !== undefined && (runId === undefined || this.#lifeBefore !== life)
    const epochBefore = this.#witness.epoch
    if (isAnother) this.recent.lost()
    await this.#scripts.run(life, runId === undefined ? 'dnstapBgpBegin' : 'dnstapBgpHead')
    try {
      await this.#replay((script, ...args) => this.#scripts.run(life, script, ...args))
    } catch (error) {
      if (!(error instanceof RefusedWrite)) throw error
      // Redis's memory is full, say. Deadlines must pass all the same, so scripts may run.
      this.#log.warn({ why: error.message }, 'Redis rejected the replay of recent writes; retrying.')
    }
    if (connection !== this.#connection) throw new StoreError('Redis cannot be reached')
    if (isAnother && epochBefore === this.#witness.epoch)
      this.#log.info({ epoch: epochBefore }, 'Redis was restarted, or is another server, and has lost nothing.')
    this.#life = this.#lifeBefore = life
  }

  /** Repeats writes that this life of the server may lack, except sightings that have expired. Refused writes are tried again with the next beat. */
  async #replay(run: Run): Promise<void> {
    for (const owed of this.recent.owed()) {
      const { write } = owed
      if ('keys' in write) await forget(run, write.keys)
      else {
        const nowMs = this.time.now()
        const living = write.sightings.filter(({ expiresAtMs }) => expiresAtMs > nowMs)
        await observe(run, living, write.limits)
      }
      this.recent.told(owed)
    }
  }

  /** Undefined: this user may not ask for it. */
  async #runId(): Promise<string | undefined> {
    const info = await this.command((redis) => redis.info('server')).catch((error: unknown) => {
      if (error instanceof StoreError && error.message.includes('NOPERM')) return ''
      throw error
    })
    const runId = /^run_id:(\w+)/m.exec(info)?.[1]
    if (runId === undefined && !this.#saidNoInfo) {
      this.#saidNoInfo = true
      this.#log.warn(
        {},
        'Redis does not tell its run_id (INFO server is not allowed). Each lost connection counts as a restart of Redis and costs one snapshot.',
      )
    }
    return runId
  }
}
