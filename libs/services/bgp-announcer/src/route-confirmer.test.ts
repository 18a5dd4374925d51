import { LocalBus } from '@dnstap-bgp/bus'
import { AWAIT_ROUTES, ROUTES_SETTLED, type SettledRoutes } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { RouteConfirmer } from './route-confirmer.ts'

const A = '192.0.2.1'
const B = '2001:db8::2'

function start() {
  const clock = new FakeClock()
  const bus = new LocalBus({ pause: () => Promise.resolve() })
  const told = new Set<string>()
  let looks = 0
  const peer = {
    isUp: true,
    progress: { written: 0, taken: 0 },
    standing: (prefix: string) => {
      looks++
      return told.has(prefix) ? ('told' as const) : ('due' as const)
    },
  }
  const confirmer = new RouteConfirmer({ bus, clock, peers: () => [peer] })
  const settled: SettledRoutes[] = []
  bus.subscribe(ROUTES_SETTLED, (message) => void settled.push(message))
  return {
    clock,
    confirmer,
    settled,
    looks: () => looks,
    awaitRoutes: async (...addresses: string[]) => {
      bus.publish(AWAIT_ROUTES, addresses)
      await clock.advanceAsync(0)
    },
    tell: async (...prefixes: string[]) => {
      for (const prefix of prefixes) told.add(prefix)
      confirmer.look()
      await clock.advanceAsync(0)
    },
  }
}

test('routes that are there are settled at once, the others when the peers have been told', async () => {
  const { awaitRoutes, tell, settled, confirmer } = start()
  await tell('192.0.2.1/32')
  await awaitRoutes(A, B)
  expect(settled).toEqual([{ addresses: [A], how: 'before' }])
  await tell('2001:db8::2/128')
  expect(settled.slice(1)).toEqual([{ addresses: [B], how: 'routed' }])
  expect(confirmer.awaited).toBe(0)
})

test('while nobody waits no peer is asked', async () => {
  const { tell, looks, settled } = start()
  await tell('192.0.2.1/32')
  expect(looks()).toBe(0)
  expect(settled).toEqual([])
})

test('what is awaited is forgotten after a second, and bounded', async () => {
  const { awaitRoutes, confirmer, clock } = start()
  const many = Array.from({ length: 2001 }, (_, i) => `10.0.${i >> 8}.${i & 255}`)
  await awaitRoutes(...many)
  expect(confirmer.awaited).toBe(2000)
  expect(confirmer.counters.refused).toBe(1)
  await clock.advanceAsync(500)
  await awaitRoutes('10.0.0.0')
  await clock.advanceAsync(500)
  expect(confirmer.awaited).toBe(1)
  await clock.advanceAsync(1000)
  expect([confirmer.awaited, clock.timers]).toEqual([0, 0])
})
