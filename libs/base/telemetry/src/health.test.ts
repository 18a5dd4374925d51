import { silentLog } from '@dnstap-bgp/runtime'
import type { Log } from '@dnstap-bgp/runtime'
import { expect, test } from 'vitest'
import { Health } from './health.ts'

function setUp() {
  const time = { ms: 1_000_000 }
  const lines: string[] = []
  const note = (level: string) => (fields: object, sentence: string) => {
    lines.push(`${level} ${sentence} ${JSON.stringify(fields)}`)
  }
  const log: Log = { ...silentLog, debug: () => {}, info: note('info'), warn: note('warn'), error: note('error') }
  const health = new Health({ clock: { now: () => time.ms, monotonic: () => time.ms }, log })
  return { time, lines, health }
}

test('ready once every part has started; degraded is ready, failed is not', () => {
  const { health } = setUp()
  health.started()
  const store = health.component('store')
  const bus = health.component('bus')
  expect(health.report()).toMatchObject({ ready: false, state: 'starting' })
  store.ok()
  expect(health.report().ready).toBe(false)
  bus.ok()
  expect(health.report()).toMatchObject({ ready: true, state: 'ok' })
  bus.degraded('Two of three servers are away.')
  expect(health.report()).toMatchObject({ ready: true, state: 'degraded' })
  store.failed('The disk is full.')
  expect(health.report()).toMatchObject({ ready: false, state: 'failed' })
  expect(health.report().components[0]).toEqual({ name: 'store', state: 'failed', why: 'The disk is full.', sinceMs: 1_000_000 })
})

test('before the start is over nothing is ready, with no part yet or with all parts well', () => {
  const { health } = setUp()
  expect(health.report()).toEqual({ ready: false, state: 'starting', components: [] })
  const store = health.component('store')
  store.ok()
  expect(health.report()).toMatchObject({ ready: false, state: 'starting' })
  store.degraded('The disk is full.')
  expect(health.report()).toMatchObject({ ready: false, state: 'starting' })
  store.failed('The disk is gone.')
  expect(health.report()).toMatchObject({ ready: false, state: 'failed' })
  store.ok()
  health.started()
  expect(health.report()).toMatchObject({ ready: true, state: 'ok' })
})

test('a process without parts is ready when its start is over', () => {
  const { health } = setUp()
  health.started()
  expect(health.report()).toEqual({ ready: true, state: 'ok', components: [] })
})

test('a change is logged once, and its length when it ends', () => {
  const { health, lines, time } = setUp()
  const bus = health.component('bus')
  bus.ok()
  for (let attempt = 1; attempt < 5; attempt++) bus.degraded(`Attempt ${attempt} was refused.`)
  time.ms += 12_000
  bus.ok()
  bus.ok()
  expect(lines).toEqual([
    'warn bus is degraded. {"component":"bus","before":"ok","why":"Attempt 1 was refused.","lastedMs":0}',
    'info bus is well again. {"component":"bus","before":"degraded","lastedMs":12000}',
  ])
})

test('the latest sentence is shown when the state stays the same, with the time at which the state began', () => {
  const { health, time } = setUp()
  const bus = health.component('bus')
  bus.failed('First.')
  time.ms += 5
  bus.failed('Second.')
  expect(health.report().components).toEqual([{ name: 'bus', state: 'failed', why: 'Second.', sinceMs: 1_000_000 }])
})

test('a part that is removed counts no more, and its name is free', () => {
  const { health } = setUp()
  health.started()
  const peer = health.component('peer')
  expect(() => health.component('peer')).toThrow(/there already/)
  peer.failed('Gone.')
  peer.remove()
  expect(health.report().ready).toBe(true)
  health.component('peer').ok()
})
