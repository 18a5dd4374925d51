/** Replicas at work while Redis is killed, and connections are cut, at random moments. */
import { StoreError } from '@dnstap-bgp/ip-store'
import type { RouteChanges } from '@dnstap-bgp/steering'
import { allBindings, NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { dice, isInstalled, waitFor } from '@dnstap-bgp/testkit'
import type { Server } from '@dnstap-bgp/testkit'
import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import type { RedisIpStore } from '../src/index.ts'
import { address, cli, redisUnderTest } from './redis-under-test.ts'

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 6)
const PREFIX = 'dnstap-bgp:'

/** What each revision of each epoch said; whoever says otherwise is a fault. */
class Chronicle {
  readonly faults: string[] = []
  readonly #said = new Map<string, string>()

  hear(told: RouteChanges | undefined): void {
    for (const [at, change] of (told?.changes ?? []).entries()) {
      const key = `${told?.epoch} ${(told?.firstRevision ?? 0) + at}`
      const text = `${change.prefix} ${change.lists.join()}`
      const before = this.#said.get(key)
      if (before !== undefined && before !== text) this.faults.push(`${key} was "${before}" and is "${text}"`)
      this.#said.set(key, text)
    }
  }
}

/** Does what a cache does with its store, in random order, until it is ended. */
class Worker {
  /** Prefixes of bindings that were answered and do not expire. */
  readonly kept: string[] = []
  readonly #store: RedisIpStore
  readonly #own: number
  readonly #chronicle: Chronicle
  readonly #random: () => number
  readonly #finished: Promise<void>
  #isEnding = false

  constructor(store: RedisIpStore, own: number, chronicle: Chronicle) {
    this.#store = store
    this.#own = own
    this.#chronicle = chronicle
    this.#random = dice(own + 1)
    this.#finished = this.#work()
  }

  async end(): Promise<void> {
    this.#isEnding = true
    await this.#finished
  }

  async #work(): Promise<void> {
    for (let turn = 0; !this.#isEnding; turn++)
      try {
        await this.#act(turn)
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        await new Promise((resolve) => setTimeout(resolve, 5)) // it is away
      }
  }

  async #act(turn: number): Promise<void> {
    const store = this.#store
    const now = store.now()
    const some = Array.from({ length: 1 + this.#below(20) }, () => this.#shortLived(now))
    const call = this.#random()
    if (call < 0.4) this.#chronicle.hear((await store.observe(some, NO_LIMITS)).changes)
    else if (call < 0.6) await this.#keep(turn, now)
    else if (call < 0.8) this.#chronicle.hear((await store.expire(store.now(), 100)).changes)
    else if (call < 0.9) this.#chronicle.hear(await store.forget(some.slice(0, 3)))
    else await store.reschedule(some.map((one) => ({ ...one, expiresAtMs: now + 50 })))
  }

  async #keep(turn: number, now: number): Promise<void> {
    const prefix = address(1000 + this.#own * 100_000 + turn)
    const stays = sighting({ name: `kept-${this.#own}-${turn}.example`, prefix, seenAtMs: now, expiresAtMs: Infinity })
    this.#chronicle.hear((await this.#store.observe([stays], NO_LIMITS)).changes)
    this.kept.push(prefix)
  }

  #shortLived(now: number) {
    return sighting({
      list: this.#random() < 0.5 ? 'vpn' : 'block',
      name: `n${this.#below(20)}.example`,
      prefix: address(this.#below(40)),
      seenAtMs: now,
      expiresAtMs: now + this.#below(100),
    })
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
}

/** Reads the keys themselves, without a script of ours, and says where they disagree. */
async function disagreements(server: Server): Promise<string[]> {
  const redis = new Redis({ host: server.host, port: server.port })
  try {
    const found: string[] = []
    const same = (what: string, actual: unknown, expected: unknown) => {
      if (JSON.stringify(actual) !== JSON.stringify(expected))
        found.push(`${what}: ${JSON.stringify(actual).slice(0, 300)} is not ${JSON.stringify(expected).slice(0, 300)}`)
    }
    const bindings: { list: string; name: string; prefix: string }[] = []
    const routes: [string, string[]][] = []
    for (const key of await redis.keys(`${PREFIX}b:*`)) {
      const prefix = key.slice(PREFIX.length + 2)
      const { '@': summary = '', ...fields } = await redis.hgetall(key)
      const own = Object.keys(fields).map((field) => field.split('\0'))
      for (const [list = '', name = ''] of own) bindings.push({ list, name, prefix })
      const counts = new Map<string, number>()
      for (const [list = ''] of own) counts.set(list, (counts.get(list) ?? 0) + 1)
      const [total, ...perList] = summary.split('\0')
      same(`${key} total`, total, String(own.length))
      const told = perList.flatMap((text, at) => (at % 2 === 0 ? [[text, Number(perList[at + 1])]] : []))
      same(`${key} owners`, told.sort(), [...counts].sort())
      routes.push([prefix, [...counts.keys()].sort()])
    }
    const listed = Object.entries(await redis.hgetall(`${PREFIX}routes`)).map(([prefix, lists]) => [
      prefix,
      lists.split('\0').sort(),
    ])
    same('routes', listed.sort(), routes.sort())
    const members = bindings.map(({ list, name, prefix }) => [list, name, prefix].join('\0')).sort()
    same('deadlines', (await redis.zrangebyscore(`${PREFIX}deadlines`, '-inf', '+inf')).sort(), members)
    const named: string[] = []
    for (const key of await redis.keys(`${PREFIX}n:*`))
      for (const field of await redis.hkeys(key))
        named.push([...field.split('\0').reverse(), key.slice(PREFIX.length + 2)].join('\0'))
    same('names', named.sort(), bindings.map(({ list, name, prefix }) => [list, prefix, name].join('\0')).sort())
    const owned = new Map<string, number>()
    for (const [, lists] of routes) for (const list of lists) owned.set(list, (owned.get(list) ?? 0) + 1)
    const perList = Object.entries(await redis.hgetall(`${PREFIX}lists`)).map(([list, count]) => [list, Number(count)])
    same('lists', perList.sort(), [...owned].sort())
    const meta = await redis.hmget(`${PREFIX}meta`, 'bindings', 'routes')
    same('counts', meta.map(Number), [bindings.length, routes.length])
    return found
  } finally {
    redis.disconnect()
  }
}

describe.skipIf(!isInstalled('redis-server'))('replicas at work', () => {
  const { redis, open } = redisUnderTest()

  test('while Redis is killed at random moments: keys agree, no number is given out twice, and what was answered is there', async () => {
    const server = await redis({ extra: 'save 3600 1000000' })
    const random = dice(7)
    const stores = [await open({ servers: [server] }), await open({ servers: [server] }), await open({ servers: [server] })]
    const chronicle = new Chronicle()
    const workers = stores.map((store, own) => new Worker(store, own, chronicle))
    const kept = () => workers.flatMap((worker) => worker.kept)
    const lost: string[] = []
    // Whoever answers has told again what he had told the server that died.
    const ready = () =>
      waitFor(async () => (await Promise.all(stores.map((store) => store.head()))).length, { what: 'all to be back' })
    try {
      for (let round = 0; round < ROUNDS; round++) {
        // What is answered after this, Redis does not have when it starts again.
        cli(server, 'save')
        const before = kept().length
        await waitFor(() => kept().length > before + 10 + random() * 60, { what: 'work to be done' })
        if (round % 3 === 2) cli(server, 'client', 'kill', 'type', 'normal')
        else {
          await server.kill()
          await server.restart()
        }
        await ready()
        const answered = kept()
        const found = await waitFor(() => allBindings(stores[0] as RedisIpStore), { what: 'a whole reading' })
        const there = new Set(found.map((binding) => binding.prefix))
        lost.push(...answered.filter((prefix) => !there.has(prefix)))
      }
    } finally {
      await Promise.all(workers.map((worker) => worker.end()))
    }
    await ready()
    for (const store of stores) {
      const { epoch } = await store.head()
      const all = await store.changesSince({ epoch, revision: 0 }, 1_000_000)
      if (typeof all !== 'string') chronicle.hear(all)
    }
    expect(lost).toEqual([])
    expect(chronicle.faults).toEqual([])
    expect(await disagreements(server)).toEqual([])
  }, 60_000)
})
