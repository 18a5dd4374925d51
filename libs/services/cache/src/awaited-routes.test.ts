import { LocalBus } from '@dnstap-bgp/bus'
import { ROUTES_SETTLED, type SettledRoutes } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { AwaitedRoutes } from './awaited-routes.ts'

const A = '192.0.2.1'

function start() {
  const clock = new FakeClock()
  const bus = new LocalBus({ pause: () => Promise.resolve() })
  const settled: SettledRoutes[] = []
  bus.subscribe(ROUTES_SETTLED, (message) => void settled.push(message))
  return { clock, settled, awaited: new AwaitedRoutes({ bus, clock }) }
}

test('an address that is refused while an answer waits for it is settled, once', async () => {
  const { clock, settled, awaited } = start()
  awaited.hear([A])
  awaited.refused(A)
  awaited.refused(A)
  await clock.advanceAsync(0)
  expect(settled).toEqual([{ addresses: [A], how: 'refused' }])
})

test('one for which nobody waits is not', async () => {
  const { clock, settled, awaited } = start()
  awaited.refused(A)
  awaited.hear([A])
  await clock.advanceAsync(1000)
  awaited.hear(Array.from({ length: 2000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`))
  awaited.refused(A)
  await clock.advanceAsync(0)
  expect(settled).toEqual([])
})
