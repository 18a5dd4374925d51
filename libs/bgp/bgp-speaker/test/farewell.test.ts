/** Leaving for good (`withdraw`) at a bad moment: routers that kept routes from the session before, as stale, must not keep them longer. */
import { afterEach, describe, expect, test } from 'vitest'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { FakeClock, isInstalled, waitFor } from '@dnstap-bgp/testkit'
import { BgpSpeaker } from '../src/index.ts'
import { pair, type Pair, PLAIN } from '../testing/routers.ts'

let current: Pair | undefined

afterEach(async () => {
  await current?.close()
  current = undefined
})

const ROUTES = 400
const route = (n: number) => `10.1.${n >> 8}.${n & 255}/32`

/** A router that keeps the routes of a speaker that died, and the next speaker, not yet started. */
async function afterDeath(kind: 'bird' | 'frr' | 'gobgp', clock = systemClock, routerConnects = false) {
  const made = (current = await pair(kind, { routerConnects }))
  const { router, table, speaker, speakerConfig } = made
  for (let n = 1; n <= ROUTES; n++) table.set(route(n), PLAIN)
  await speaker.start()
  await router.waitForCount(ROUTES)
  speaker.abandon()
  await router.waitFor(async (it) => (await it.session()) !== 'Established', { what: 'the router to notice', timeoutMs: 60_000 })
  expect(await router.count()).toBe(ROUTES)
  const next = new BgpSpeaker(speakerConfig, { clock, log: silentLog, table })
  current = { ...made, speaker: next }
  return { router, next, state: () => next.peers()[0].state }
}

describe.each(['bird', 'frr', 'gobgp'] as const)('opposite %s', (kind) => {
  describe.skipIf(!isInstalled(kind))('(skipped where it is not installed)', () => {
    test('withdraws stale routes too when it is closed before the table was loaded', async () => {
      const { router, next } = await afterDeath(kind)
      await next.close({ withdraw: true })
      await router.waitForCount(0)
    })
  })
})

describe.skipIf(!isInstalled('gobgp'))('opposite GoBGP, which is the slowest to read (skipped where it is not installed)', () => {
  test('withdraws stale routes too when it is closed just after the session came up', async () => {
    const { router, next, state } = await afterDeath('gobgp')
    await next.start()
    await waitFor(() => state() === 'Established', { what: 'the session', intervalMs: 0, timeoutMs: 60_000 })
    await next.close({ withdraw: true })
    await router.waitForCount(0)
  })

  test('a router that reads slowly gets the withdrawals all the same', async () => {
    const clock = new FakeClock()
    const { router, next, state } = await afterDeath('gobgp', clock)
    await next.start()
    const attempts = () => clock.advance(next.peers()[0].state === 'Established' ? 0 : 100)
    await waitFor(() => (attempts(), next.peers()[0].tableSent), { what: 'the table to be sent', timeoutMs: 60_000 })
    router.pause()
    const closing = next.close({ withdraw: true })
    await waitFor(() => state() === 'Idle', { what: 'our last words', timeoutMs: 60_000 })
    clock.advance(4000)
    router.resume()
    await closing
    await router.waitForCount(0)
  })
})

describe.skipIf(!isInstalled('bird'))('opposite BIRD (skipped where bird2 is not installed)', () => {
  test('withdraws stale routes too when it is closed before the session is up', async () => {
    const { router, next, state } = await afterDeath('bird')
    await next.start()
    expect(state()).not.toBe('Established')
    await next.close({ withdraw: true })
    await router.waitForCount(0)
  })

  test('that connects to us is let in once more after close, to get the withdrawals', async () => {
    const { router, next } = await afterDeath('bird', systemClock, true)
    await next.start()
    await next.close({ withdraw: true })
    await router.waitForCount(0)
  })
})
