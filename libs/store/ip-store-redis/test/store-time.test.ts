import type { Clock } from '@dnstap-bgp/runtime'
import { StoreError } from '@dnstap-bgp/ip-store'
import { NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { isInstalled, waitFor } from '@dnstap-bgp/testkit'
import type { Server } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { cli, redisUnderTest } from './redis-under-test.ts'

const HOUR_MS = 3_600_000
/** Far more than a test takes, far less than what is looked for. */
const A_WHILE_MS = 120_000

describe.skipIf(!isInstalled('redis-server'))('store time in a real redis-server', () => {
  const { redis, open } = redisUnderTest()

  /** To a store the same as if Redis's own clock had been set: only the difference to the last look counts. */
  function stepClockOf(server: Server, ms: number): void {
    const last = Number(cli(server, 'hget', 'dnstap-bgp:meta', 'last'))
    cli(server, 'hset', 'dnstap-bgp:meta', 'last', String(last - ms))
  }

  const aheadBy = (ms: number): Clock => ({ ...systemClock, now: () => systemClock.now() + ms })

  test('a replica whose own clock is three hours ahead ends nobody’s bindings', async () => {
    const server = await redis()
    const store = await open({ servers: [server] })
    const hasty = await open({ servers: [server] }, silentLog, aheadBy(3 * HOUR_MS))
    await store.observe([sighting({ seenAtMs: store.now(), expiresAtMs: store.now() + HOUR_MS })], NO_LIMITS)
    expect((await hasty.expire(hasty.now(), 10)).bindings).toBe(0)
    expect(Math.abs(hasty.now() - store.now())).toBeLessThan(A_WHILE_MS)
  })

  test('a replica that is told the run_id but not the time, as while Redis loads, waits for the time', async () => {
    const server = await redis({ users: { dnstap: '>secret ~* &* +@all', late: '>secret ~* &* +@all -@scripting' } })
    const operator = (...args: string[]) => cli(server, '--user', 'dnstap', '--pass', 'secret', '--no-auth-warning', ...args)
    const store = await open({ servers: [server], user: 'dnstap', password: 'secret' })
    const late = await open({ servers: [server], user: 'late', password: 'secret' }, silentLog, aheadBy(3 * HOUR_MS))
    await store.observe([sighting({ seenAtMs: store.now(), expiresAtMs: store.now() + HOUR_MS })], NO_LIMITS)
    operator('acl', 'setuser', 'late', '+@scripting')
    await expect(late.expire(late.now(), 10)).rejects.toBeInstanceOf(StoreError)
    await waitFor(() => late.state.kind === 'ready', { what: 'the store to be ready' })
    expect((await late.expire(late.now(), 10)).bindings).toBe(0)
  })

  test.each([
    ['ahead', HOUR_MS],
    ['back', -HOUR_MS],
  ])('Redis’s clock set an hour %s is no passing of time', async (_where, ms) => {
    const server = await redis()
    const store = await open({ servers: [server] })
    const other = await open({ servers: [server] })
    const before = store.now()
    await store.observe([sighting({ seenAtMs: before, expiresAtMs: before + HOUR_MS / 2 })], NO_LIMITS)
    stepClockOf(server, ms)
    expect((await store.expire(store.now(), 10)).bindings).toBe(0)
    await Promise.all([store.head(), other.head()])
    for (const one of [store, other]) {
      expect(one.now()).toBeGreaterThanOrEqual(before)
      expect(one.now() - before).toBeLessThan(A_WHILE_MS)
    }
    const after = store.now()
    await waitFor(() => store.now() > after, { what: 'time to pass' })
  })

  test('time that passed while no replica was there counts', async () => {
    const server = await redis()
    const store = await open({ servers: [server] })
    const before = store.now()
    await store.observe([sighting({ seenAtMs: before, expiresAtMs: before + HOUR_MS / 2 })], NO_LIMITS)
    await store.close()
    stepClockOf(server, HOUR_MS)
    const later = await open({ servers: [server] })
    expect(later.now() - before).toBeGreaterThanOrEqual(HOUR_MS)
    expect((await later.expire(later.now(), 10)).bindings).toBe(1)
  })

  test('store time may be any distance from the wall clock, and stays there after a restart and after a loss', async () => {
    const server = await redis({ persistent: true, extra: 'appendfsync always' })
    const first = await open({ servers: [server] })
    await first.close()
    cli(server, 'hincrby', 'dnstap-bgp:meta', 'clock', String(200 * HOUR_MS))
    const store = await open({ servers: [server] })
    const before = store.now()
    expect(before - Date.now()).toBeGreaterThan(199 * HOUR_MS)
    for (const loseData of [false, true]) {
      await server.kill()
      await waitFor(() => store.state.kind === 'unavailable', { what: 'the loss' })
      await server.restart({ loseData })
      await waitFor(() => store.state.kind === 'ready', { what: 'the store to be back' })
      const other = await open({ servers: [server] })
      for (const one of [store, other]) {
        expect(one.now()).toBeGreaterThanOrEqual(before)
        expect(one.now() - before).toBeLessThan(A_WHILE_MS)
      }
    }
  })

  test('a trigger’s TTL is the remaining store time, not wall-clock time', async () => {
    const server = await redis()
    await (await open({ servers: [server] })).close()
    cli(server, 'hincrby', 'dnstap-bgp:meta', 'clock', String(200 * HOUR_MS))
    const store = await open({ servers: [server] })
    await store.observe([sighting({ seenAtMs: store.now(), expiresAtMs: store.now() + HOUR_MS })], NO_LIMITS)
    const left = Number(cli(server, 'pttl', 'dnstap-bgp:next'))
    expect(left).toBeGreaterThan(HOUR_MS - A_WHILE_MS)
    expect(left).toBeLessThanOrEqual(HOUR_MS)
  })
})
