/**
 * Runs scripts on one connection: sends what every script needs to know, and reads epoch, store time and step off every answer.
 *
 * A script that fails in Redis, or a write that Redis refuses, is reported as the reason why Redis cannot be used.
 */
import { randomUUID } from 'node:crypto'
import { StoreError } from '@dnstap-bgp/ip-store'
import type { Log } from '@dnstap-bgp/runtime'
import type { Redis } from 'ioredis'
import type { FailingScripts } from './failing-scripts.ts'
import { isRefusedWrite, RefusedWrite, sentenceFor } from './redis-errors.ts'
import { BEAT, BEGIN, EXPIRE, FORGET_BINDINGS, READ_HEAD, OBSERVE, READ, RESCHEDULE, SINCE } from './scripts.ts'
import type { StoreTime } from './store-time.ts'
import type { Witness } from './witness.ts'

const SCRIPTS = {
  dnstapBgpBeat: BEAT,
  dnstapBgpBegin: BEGIN,
  dnstapBgpHead: READ_HEAD,
  dnstapBgpObserve: OBSERVE,
  dnstapBgpExpire: EXPIRE,
  dnstapBgpForget: FORGET_BINDINGS,
  dnstapBgpReschedule: RESCHEDULE,
  dnstapBgpSince: SINCE,
  dnstapBgpRead: READ,
} as const

/** The names under which the client library has the scripts. */
export type ScriptName = keyof typeof SCRIPTS
type Scripts = Readonly<Record<ScriptName, (...args: string[]) => Promise<string[]>>>

export interface ScriptRunnerDeps {
  readonly redis: Redis
  readonly keyPrefix: string
  readonly logLength: number
  readonly log: Log
  readonly time: StoreTime
  readonly witness: Witness
  readonly failing: FailingScripts
  /** Redis answered. */
  readonly onAnswer: () => void
  /** Redis is there and cannot be used. */
  readonly onTrouble: (why: string) => void
}

export class ScriptRunner {
  readonly #deps: ScriptRunnerDeps
  readonly #scripts: Scripts
  /** Part of the name of each epoch that this process begins. */
  readonly #author = randomUUID().slice(0, 8)

  constructor(deps: ScriptRunnerDeps) {
    this.#deps = deps
    // The library sends EVALSHA, and EVAL when Redis does not know the script (any more).
    for (const [name, lua] of Object.entries(SCRIPTS)) deps.redis.defineCommand(name, { numberOfKeys: 1, lua })
    this.#scripts = deps.redis as unknown as Scripts
  }

  /** `life`: the server's run_id, empty when it does not tell. @throws StoreError */
  run(life: string, script: ScriptName, ...args: string[]): Promise<string[]> {
    const { keyPrefix, logLength, time, witness, failing, onAnswer, onTrouble } = this.#deps
    return this.guard(async () => {
      const known = `${time.isKnown ? time.now() : ''} ${witness.text}`
      let answer: string[]
      try {
        const common = [`${keyPrefix}meta`, keyPrefix, life, known, this.#author, String(logLength)]
        answer = await this.#scripts[script](...common, ...args)
      } catch (error) {
        if (!isRefusedWrite(error) && failing.failed(script, error)) onTrouble(failing.why ?? '')
        throw error
      }
      failing.worked(script)
      onAnswer()
      if (script !== 'dnstapBgpRead') this.#hear(answer)
      return answer
    })
  }

  /** The library's errors carry the whole command, which may be a password or a megabyte of sightings: only their sentence goes on. */
  async guard<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (cause) {
      const why = sentenceFor(cause)
      if (!isRefusedWrite(cause)) throw new StoreError(why)
      this.#deps.onTrouble(why)
      throw new RefusedWrite(why)
    }
  }

  /** Every answer begins with the epoch, and with store time and step. */
  #hear([epoch = '', stamp = '']: readonly string[]): void {
    const { time, witness, log } = this.#deps
    const [timeMs, step] = stamp.split(' ').map(Number)
    time.hear(timeMs)
    const before = witness.hear(epoch, step)
    if (before !== undefined) log.warn({ epoch, before }, 'Redis has lost data: a new epoch begins.')
  }
}
