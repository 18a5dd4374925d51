import { afterEach, describe, expect, test } from 'vitest'
import { birdCommand, isInstalled, waitFor } from '@dnstap-bgp/testkit'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { BgpSpeaker } from '../src/index.ts'
import { collectLog, pair, type Pair, PLAIN } from '../testing/routers.ts'

let current: Pair | undefined

afterEach(async () => {
  await current?.close()
  current = undefined
})

const v4 = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}/32`
const v6 = (n: number) => `2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::1/128`

describe.skipIf(!isInstalled('bird'))('opposite BIRD (skipped where bird2 is not installed)', () => {
  test('a peer without graceful restart gets a Cease with our text (RFC 9003)', async () => {
    const { router, table, speaker } = (current = await pair('bird', { router: { gracefulRestart: false } }))
    table.set(v4(1), PLAIN)
    await speaker.start()
    await router.waitForCount(1)
    await speaker.close({ message: 'gone fishing' })
    await router.waitFor((bird) => bird.log().includes('gone fishing'), { what: "BIRD's log to have our words" })
    await router.waitForCount(0)
  })

  test('a stop with withdrawal withdraws the routes also where graceful restart was agreed', async () => {
    const { router, table, speaker } = (current = await pair('bird'))
    for (let n = 1; n <= 5000; n++) table.set(v4(n), PLAIN)
    await speaker.start()
    await router.waitForCount(5000)
    await speaker.close({ withdraw: true })
    await router.waitForCount(0)
  })

  test('a frozen router loses the session when its hold time is over, and gets the table when it is back', async () => {
    const { lines, log } = collectLog()
    const { router, table, speaker } = (current = await pair(
      'bird',
      { router: { holdTimeSeconds: 3 }, peer: { holdTimeSeconds: 3 } },
      log,
    ))
    table.set(v4(1), PLAIN)
    await speaker.start()
    await router.waitForCount(1)
    router.pause()
    await waitFor(() => speaker.peers()[0].lastError?.reason.includes('Hold Timer Expired'), { what: 'the hold timer to expire' })
    for (let round = 0; round < 50; round++) {
      table.set(v4(2), { ...PLAIN, med: round })
      table.delete(v4(1))
    }
    router.resume()
    await router.waitFor(async (bird) => (await bird.routes()).map((route) => route.prefix).join() === v4(2), {
      what: 'the new table',
    })
    expect(lines.filter((line) => line.includes('Hold Timer Expired'))).toHaveLength(1)
  })

  test('a router frozen for a while holds up no other peer, and costs one entry per prefix', async () => {
    const frozen = (current = await pair('bird', { router: { holdTimeSeconds: 60 }, peer: { holdTimeSeconds: 60 } }))
    const awake = await pair('bird')
    const table = new RouteTable()
    const config = { ...frozen.speakerConfig, peers: [...frozen.speakerConfig.peers, ...awake.speakerConfig.peers] }
    const speaker = new BgpSpeaker(config, { clock: systemClock, log: silentLog, table })
    await speaker.start()
    const n = 20_000
    for (let i = 0; i < n; i++) table.set(v4(i), PLAIN)
    await frozen.router.waitForCount(n)
    await awake.router.waitForCount(n)
    frozen.router.pause()
    try {
      // More than the kernel takes for a reader that is asleep, so that our own account fills too.
      for (let round = 1; round <= 15; round++) {
        for (let i = 0; i < n; i++) table.set(v4(i), { ...PLAIN, med: round })
        await new Promise((resolve) => setImmediate(resolve))
        await waitFor(() => speaker.peers()[1].queued === 0, { what: 'the peer that is awake' })
      }
      await awake.router.waitFor(async (bird) => (await bird.routes())[0].med === 15, { timeoutMs: 10_000 })
      const [slow, fast] = speaker.peers()
      expect(slow.queued).toBeLessThanOrEqual(n)
      expect(slow.inFlightBytes).toBeLessThanOrEqual(2 * 256 * 1024 + 65536) // ours, and the kernel's
      expect(fast).toMatchObject({ queued: 0, state: 'Established' })
    } finally {
      frozen.router.resume()
    }
    await frozen.router.waitFor(async (bird) => (await bird.routes()).every((route) => route.med === 15), {
      what: 'the one that slept to catch up',
    })
    expect(speaker.peers()[0].counters.sessions).toBe(1)
    await speaker.close()
    await awake.close()
  })

  test('after the restart time the routes stay as stale, where long-lived graceful restart was agreed (RFC 9494)', async () => {
    const { router, table, speaker } = (current = await pair('bird', {
      router: { longLivedGracefulRestart: true },
      speaker: { gracefulRestartSeconds: 1, longLivedStaleSeconds: 60 },
    }))
    table.set(v4(1), PLAIN)
    await speaker.start()
    await router.waitForCount(1)
    speaker.abandon()
    await router.waitFor(async (bird) => (await bird.routes())[0].communities.includes('65535:6'), {
      what: 'the route to be LLGR_STALE',
    })
  })

  test('a router that refuses our number of prefixes is damped, and the log says so', async () => {
    const { lines, log } = collectLog()
    const { table, speaker } = (current = await pair('bird', { router: { maxPrefixes: 10 } }, log))
    for (let n = 1; n <= 50; n++) table.set(v4(n), PLAIN)
    await speaker.start()
    await waitFor(() => speaker.peers()[0].isDamped, { what: 'the long pause' })
    const status = speaker.peers()[0]
    expect(status.lastError?.reason).toContain('Maximum Number of Prefixes')
    expect((status.nextAttemptAt ?? 0) - Date.now()).toBeGreaterThan(60_000)
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(1)
  })

  test('no more than maxRoutes routes are sent', async () => {
    const { router, table, speaker } = (current = await pair('bird', { peer: { maxRoutes: 10 } }))
    for (let n = 1; n <= 50; n++) table.set(v4(n), PLAIN)
    await speaker.start()
    await router.waitForCount(10)
    expect(speaker.peers()[0]).toMatchObject({ suppressed: 40, state: 'Established' })
  })

  test('a peer gets its lists, its communities, its next hop', async () => {
    const { router, table, speaker } = (current = await pair('bird', {
      peer: { lists: ['a'], communities: [0xfde80007], nextHopIpv4: '192.0.2.77' },
    }))
    table.set(v4(1), { ...PLAIN, lists: ['b', 'a'], communities: [0xfde80001] })
    table.set(v4(2), { ...PLAIN, lists: ['b'] })
    await speaker.start()
    await router.waitForCount(1)
    expect(await router.routes()).toMatchObject([{ prefix: v4(1), nextHop: '192.0.2.77', communities: ['65000:1', '65000:7'] }])
  })

  test('IPv4 routes travel with an IPv6 next hop where that is agreed (RFC 8950)', async () => {
    const { router, table, speaker } = (current = await pair('bird', {
      router: { extendedNextHop: true },
      peer: { nextHopIpv4: '2001:db8::44' },
    }))
    table.set(v4(1), PLAIN)
    await speaker.start()
    await router.waitForCount(1)
    expect(await router.routes()).toMatchObject([{ prefix: v4(1), nextHop: '2001:db8::44' }])
    table.delete(v4(1))
    await router.waitForCount(0)
  })

  test('both connect at once: one session remains (RFC 4271 §6.8)', async () => {
    const { lines, log } = collectLog()
    const { router, table, speaker } = (current = await pair('bird', { routerConnects: true, peer: { passive: false } }, log))
    table.set(v4(1), PLAIN)
    await speaker.start()
    await router.waitForCount(1)
    expect(await router.session()).toBe('Established')
    expect(speaker.peers()[0].state).toBe('Established')
    // And nobody is alarmed.
    expect(lines.filter((line) => line.startsWith('warn') && /stopped|Collision/.test(line))).toEqual([])
  })

  test('our role reaches the peer, and routes carry Only to Customer (RFC 9234)', async () => {
    const { router, table, speaker } = (current = await pair('bird', {
      external: true,
      router: { role: 'customer' },
      peer: { role: 'provider' },
    }))
    table.set(v4(1), PLAIN)
    await speaker.start()
    await router.waitForCount(1)
    expect(await router.describe()).toContain('Role: provider')
    expect(await birdCommand(router.folder, 'show route all')).toContain('BGP.otc: 65000')
  })

  test('100 000 routes of each family arrive and are withdrawn', async () => {
    const { router, table, speaker } = (current = await pair('bird'))
    for (let n = 0; n < 100_000; n++) table.set(v4(n), PLAIN)
    for (let n = 0; n < 100_000; n++) table.set(v6(n), PLAIN)
    await speaker.start()
    await router.waitForCount(200_000)
    table.clear()
    await router.waitForCount(0)
  })
})
