import { randomBytes } from 'node:crypto'
import { createConnection, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { birdCommand, FakeClock, freePort, isInstalled, loopbackAddress, type RouterKind, waitFor } from '@dnstap-bgp/testkit'
import {
  type Capabilities,
  cease,
  CeaseSubcode,
  encodeAttributes,
  encodeKeepalive,
  encodeNotification,
  encodeOpen,
  encodeRouteRefresh,
  NO_CAPABILITIES,
  UpdateWriter,
} from '@dnstap-bgp/bgp-wire'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog, systemClock, type Clock, type Log } from '@dnstap-bgp/runtime'
import { BgpSpeaker, type SpeakerConfig, type SpeakerPeerConfig } from '../src/index.ts'
import { loadSocketCalls, type SocketCalls } from '../src/socket-calls.ts'
import { callsWith, collectLog, pair, type Pair, PLAIN } from './routers.ts'

let current: Pair | undefined

afterEach(async () => {
  await current?.close()
  current = undefined
})

const v4 = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}/32`
const v6 = (n: number) => `2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::1/128`

// GoBGP keeps what it was sent and never asks again.
describe.each(['bird', 'frr', 'exabgp', 'openbgpd'] as const)('opposite %s', (kind) => {
  describe.skipIf(!isInstalled(kind))('(skipped where it is not installed)', () => {
    test('asked to refresh, we send the table again (RFC 2918, RFC 7313)', async () => {
      const { router, table, speaker } = (current = await pair(kind))
      for (let n = 1; n <= 50; n++) table.set(v4(n), PLAIN)
      table.set(v6(1), PLAIN)
      await speaker.start()
      await router.waitForCount(51)
      const before = speaker.peers()[0].counters.announced
      await router.askRefresh()
      await waitFor(() => speaker.peers()[0].counters.announced >= before + 51, { what: 'the table to be sent again' })
      await router.waitForCount(51)
      expect(speaker.peers()[0]).toMatchObject({ state: 'Established', counters: { sessions: 1 } })
    })
  })
})

describe.each(['bird', 'frr', 'gobgp', 'openbgpd'] as const)(
  'graceful restart under the eye of %s (RFC 4724)',
  (kind: RouterKind) => {
    describe.skipIf(!isInstalled(kind))('(skipped where it is not installed)', () => {
      test.each([['stopped in order'], ['cut off, as by SIGKILL']])(
        'a speaker %s and started again leaves no route missing at any moment',
        async (how) => {
          const made = (current = await pair(kind, { routerConnects: kind !== 'gobgp' }))
          const { router, table, speaker, speakerConfig } = made
          for (let n = 1; n <= 20; n++) table.set(v4(n), PLAIN)
          for (let n = 1; n <= 20; n++) table.set(v6(n), PLAIN)
          await speaker.start()
          await router.waitForCount(40)
          const watch = watchCount(() => router.count())
          if (how === 'stopped in order') await speaker.close()
          else speaker.abandon()
          await router.waitFor(async (it) => (await it.session()) !== 'Established', { what: 'the session to be gone' })
          // One route went and one came while we were away.
          table.delete(v4(20))
          table.set(v4(21), PLAIN)
          const again = new BgpSpeaker(speakerConfig, { clock: systemClock, log: silentLog, table })
          current = { ...made, speaker: again }
          await again.start()
          await router.waitForSession('Established', { timeoutMs: 30_000 })
          await router.waitFor(
            async (it) => {
              const prefixes = (await it.routes('ipv4')).map((route) => route.prefix)
              return prefixes.includes(v4(21)) && !prefixes.includes(v4(20))
            },
            { what: 'the stale route to go, the new one to come' },
          )
          expect(await watch.lowest()).toBeGreaterThanOrEqual(40)
          if (how !== 'stopped in order') await speaker.close()
        },
      )
    })
  },
)

describe.skipIf(!isInstalled('bird'))('opposite BIRD (skipped where bird2 is not installed)', () => {
  test('a peer without graceful restart is told why we leave: Cease with our words (RFC 9003)', async () => {
    const { router, table, speaker } = (current = await pair('bird', { router: { gracefulRestart: false } }))
    table.set(v4(1), PLAIN)
    await speaker.start()
    await router.waitForCount(1)
    await speaker.close({ message: 'gone fishing' })
    await router.waitFor((bird) => bird.log().includes('gone fishing'), { what: "BIRD's log to have our words" })
    await router.waitForCount(0)
  })

  test('stopped with withdrawal, the routes go also where graceful restart was agreed', async () => {
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
    await waitFor(() => speaker.peers()[0].lastError?.words.includes('Hold Timer Expired'), { what: 'the hold timer to expire' })
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

  test('a router that refuses our number of prefixes is left alone for a long time, loudly', async () => {
    const { lines, log } = collectLog()
    const { table, speaker } = (current = await pair('bird', { router: { maxPrefixes: 10 } }, log))
    for (let n = 1; n <= 50; n++) table.set(v4(n), PLAIN)
    await speaker.start()
    await waitFor(() => speaker.peers()[0].isDamped, { what: 'the long pause' })
    const status = speaker.peers()[0]
    expect(status.lastError?.words).toContain('Maximum Number of Prefixes')
    expect((status.nextAttemptAt ?? 0) - Date.now()).toBeGreaterThan(60_000)
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(1)
  })

  test('no more routes go out than a peer is to have', async () => {
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

  test('our role reaches the peer, and routes say that they go no further up (RFC 9234)', async () => {
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

describe('a speaker among strangers', () => {
  test.each([
    ['random octets', () => randomBytes(4096)],
    ['a good header and random octets', () => Buffer.concat([Buffer.alloc(16, 255), Buffer.of(16, 0, 1), randomBytes(4077)])],
    ['a flood of KEEPALIVEs', () => Buffer.concat(Array.from({ length: 50_000 }, () => Buffer.from(encodeKeepalive())))],
    ['an OPEN with our own identifier, and KEEPALIVEs', () => Buffer.concat([openFrom('10.0.0.1', 65000), encodeKeepalive()])],
    ['an OPEN from another AS', () => openFrom('10.0.0.2', 64999)],
    ['half an OPEN', () => openFrom('10.0.0.2', 65000).subarray(0, 25)],
  ])('a peer that sends %s is refused in words, and a good one after it is let in', async (_what, octets) => {
    const host = loopbackAddress()
    const from = loopbackAddress()
    const port = await freePort(host)
    const table = new RouteTable()
    table.set('198.51.100.1/32', PLAIN)
    const speaker = new BgpSpeaker(
      {
        asn: 65000,
        bgpIdentifier: '10.0.0.1',
        listen: { host, port },
        peers: [{ name: 'odd', remote: { kind: 'address', address: from }, port: 179, asn: 65000, passive: true }],
      },
      { clock: systemClock, log: silentLog, table },
    )
    await speaker.start()
    const bad = createConnection({ host, port, localAddress: from })
    bad.on('error', () => {})
    bad.resume()
    bad.end(octets())
    await waitFor(() => speaker.peers()[0].lastError !== undefined, { what: 'the refusal' })
    expect(speaker.peers()[0].counters.sessions).toBe(0)
    // The same address, well behaved.
    const good = createConnection({ host, port, localAddress: from })
    good.on('error', () => {})
    let heard = ''
    good.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')))
    good.write(Buffer.concat([openFrom('10.0.0.2', 65000), encodeKeepalive()]))
    await waitFor(() => heard.includes('\x20\xc6\x33\x64\x01'), { what: 'the route to 198.51.100.1/32' })
    good.destroy()
    await speaker.close()
  })

  test('why a peer was refused stays its last error when the next connection only closes', async () => {
    const [host, from] = [loopbackAddress(), loopbackAddress()]
    const port = await freePort(host)
    const { log, lines } = collectLog()
    const speaker = new BgpSpeaker(
      {
        asn: 65000,
        bgpIdentifier: '10.0.0.1',
        listen: { host, port },
        peers: [{ name: 'odd', remote: { kind: 'address', address: from }, port: 179, asn: 65000, passive: true }],
      },
      { clock: systemClock, log, table: new RouteTable() },
    )
    await speaker.start()
    const say = (octets: Uint8Array) => {
      const socket = createConnection({ host, port, localAddress: from })
      socket.on('error', () => {})
      socket.resume()
      socket.end(octets)
    }
    say(openFrom('10.0.0.2', 64999))
    await waitFor(() => speaker.peers()[0].lastError !== undefined, { what: 'the refusal' })
    say(new Uint8Array())
    await waitFor(() => lines.some((line) => line.includes('the peer closed the connection')), { what: 'the end' })
    expect(speaker.peers()[0].lastError?.words).toContain('Bad Peer AS')
    await speaker.close()
  })

  test('a peer may send its table: it is counted and forgotten', async () => {
    const { speaker, good } = await opposeSocket()
    const buffer = new Uint8Array(65_536)
    const writer = new UpdateWriter()
    writer.reset(buffer)
    writer.advertise(encodeAttributes('ipv4', { asPath: [], nextHop: Uint8Array.of(192, 0, 2, 7), localPref: 100 }, true))
    for (let n = 0; n < 1000; n++) writer.addIpv4((10 << 24) | n, 32)
    good.write(Buffer.concat([openFrom('10.0.0.2', 65000), encodeKeepalive(), buffer.slice(0, writer.finish())]))
    await waitFor(() => speaker.peers()[0].counters.prefixesReceived === 1000, { what: 'the prefixes to be counted' })
    expect(speaker.peers()[0].state).toBe('Established')
    good.destroy()
    await speaker.close()
  })

  test('a peer that knows no capabilities gets a session without, and that is told', async () => {
    const { lines, log } = collectLog()
    const { speaker, good, connect } = await opposeSocket({ log })
    good.end(Buffer.concat([encodeNotification({ code: 2, subcode: 4, data: new Uint8Array(0) })]))
    await waitFor(() => speaker.peers()[0].withheldCapabilities.length > 0, { what: 'the refusal to be heard' })
    const again = connect()
    again.write(Buffer.concat([openFrom('10.0.0.2', 65000, NO_CAPABILITIES), encodeKeepalive()]))
    await waitFor(() => speaker.peers()[0].state === 'Established')
    expect(lines.filter((line) => line.startsWith('warn') && line.includes('without multiprotocol extensions, '))).toHaveLength(1)
    again.destroy()
    await speaker.close()
  })

  test('a flood of ROUTE-REFRESH is answered, and is one line of the log for each answer', async () => {
    const { lines, log } = collectLog()
    const { speaker, table, good } = await opposeSocket({ log })
    table.set(v4(1), PLAIN)
    good.write(Buffer.concat([openFrom('10.0.0.2', 65000, { routeRefresh: true }), encodeKeepalive()]))
    await waitFor(() => speaker.peers()[0].counters.announced === 1, { what: 'the first table' })
    good.write(Buffer.concat(Array.from({ length: 1000 }, () => encodeRouteRefresh('ipv4', 0))))
    await waitFor(() => speaker.peers()[0].counters.announced > 1, { what: 'the answer' })
    expect(speaker.peers()[0].counters.announced).toBeLessThan(100)
    expect(lines.filter((line) => line.includes('asks for the routes again')).length).toBeLessThanOrEqual(10)
    good.destroy()
    await speaker.close()
  })

  test('a peer out of a range that refuses our number of prefixes is left alone, too, however often it connects', async () => {
    const clock = new FakeClock()
    const from = loopbackAddress()
    const { speaker, good, connect } = await opposeSocket({
      clock,
      from,
      peer: { remote: { kind: 'prefix', prefix: `${from}/31` } },
    })
    good.write(Buffer.concat([openFrom('10.0.0.2', 65000), encodeKeepalive()]))
    await waitFor(() => speaker.peers()[0]?.state === 'Established')
    good.end(encodeNotification(cease(CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED)))
    await waitFor(() => speaker.peers()[0]?.isDamped === true, { what: 'the long pause' })
    const again = connect()
    let isClosed = false
    again.on('close', () => (isClosed = true))
    await waitFor(() => isClosed, { what: 'the next connection to be closed' })
    expect(again.bytesRead).toBe(0)
    expect(speaker.peers()).toMatchObject([{ isDamped: true }])
    await new Promise<void>((resolve) =>
      setTimeout(() => {
        clock.advance(900_000)
        setImmediate(resolve)
      }, 1),
    )
    expect(speaker.peers()).toEqual([])
    await speaker.close()
  })

  test('a peer that does not read does not look as if it had everything', async () => {
    const { speaker, table, good } = await opposeSocket()
    good.pause()
    for (let n = 0; n < 400_000; n++) table.set(v4(n), PLAIN)
    good.write(Buffer.concat([openFrom('10.0.0.2', 65000), encodeKeepalive()]))
    await waitFor(() => speaker.peers()[0].inFlightBytes > 256 * 1024, { what: 'the table to be on its way' })
    let queued = Infinity
    const isStuck = () => queued === (queued = speaker.peers()[0].queued)
    await waitFor(isStuck, { what: 'nothing more to go out', intervalMs: 100 })
    expect(speaker.peers()[0]).toMatchObject({ tableSent: false, state: 'Established' })
    expect(queued).toBeGreaterThan(100_000)
    good.destroy()
    await speaker.close()
  })

  test.skipIf(process.platform !== 'linux').each([
    [90, [480_000]],
    [0, []],
  ])('a hold time of %i s bounds how long a peer may acknowledge nothing: %j ms (RFC 9687 §3.2)', async (holdTime, expected) => {
    const timeouts: number[] = []
    const loadSocketCalls = () => callsWith({ setUserTimeout: (_fd: number, ms: number) => void timeouts.push(ms) })
    const { speaker, good } = await opposeSocket({ loadSocketCalls })
    good.write(Buffer.concat([openFrom('10.0.0.2', 65000, {}, holdTime), encodeKeepalive()]))
    await waitFor(() => speaker.peers()[0].state === 'Established')
    expect(timeouts).toEqual(expected)
    good.destroy()
    await speaker.close()
  })

  test('stopped in the middle of the first table, a peer that keeps our routes hears the rest of it first (RFC 4724)', async () => {
    const { speaker, table, good } = await opposeSocket({ speaker: { gracefulRestartSeconds: 120 } })
    good.pause()
    for (let n = 0; n < 400_000; n++) table.set(v4(n), PLAIN)
    const gracefulRestart = { restarting: false, notification: true, restartTimeSeconds: 0, families: [] }
    good.write(Buffer.concat([openFrom('10.0.0.2', 65000, { gracefulRestart }), encodeKeepalive()]))
    await waitFor(() => speaker.peers()[0].inFlightBytes > 256 * 1024, { what: 'the table to be on its way' })
    let tail = Buffer.alloc(0)
    let octets = 0
    good.on('data', (chunk: Buffer) => {
      octets += chunk.length
      tail = Buffer.concat([tail, chunk]).subarray(-23)
    })
    const closing = speaker.close()
    good.resume()
    await closing
    await waitFor(() => good.readableEnded, { what: 'the end of the connection' })
    expect(octets).toBeGreaterThan(400_000 * 5)
    expect(tail.subarray(16).toString('hex')).toBe('00170200000000') // End-of-RIB for IPv4
  })

  test('who cannot listen opens what sessions it can, says so, and tries again', async () => {
    const clock = new FakeClock()
    const host = loopbackAddress()
    const port = await freePort(host)
    const occupant = await occupy(host, port)
    const router = loopbackAddress()
    const peer = {
      name: 'active',
      remote: { kind: 'address', address: router },
      port: await freePort(router),
      asn: 65000,
    } as const
    const reached = await occupy(router, peer.port)
    const speaker = new BgpSpeaker(
      { asn: 65000, bgpIdentifier: '10.0.0.1', listen: { host, port }, peers: [peer] },
      { clock, log: silentLog, table: new RouteTable() },
    )
    await speaker.start()
    await waitFor(() => reached.connections > 0, { what: 'the active peer to be connected to' })
    expect(speaker.fault).toContain(`BGP does not listen at ${host} port ${port}: `)
    await occupant.close()
    clock.advance(10_000)
    await waitFor(() => speaker.listeners.length === 1, { what: 'the listener' })
    expect(speaker.fault).toBeUndefined()
    await speaker.close()
    await reached.close()
  })

  test('after a stall of ours the hold timer hears what was sent meanwhile before it judges', async () => {
    const clock = new FakeClock()
    const { speaker, good } = await opposeSocket({ clock, peer: { holdTimeSeconds: 3 } })
    good.write(Buffer.concat([openFrom('10.0.0.2', 65000), encodeKeepalive()]))
    await waitFor(() => speaker.peers()[0].state === 'Established')
    // In a timer's turn, where a process that was stopped wakes up: the KEEPALIVE is in the kernel, and nobody has read it yet.
    const stall = (message: Uint8Array) =>
      new Promise<void>((resolve) =>
        setTimeout(() => {
          if (message.length > 0) good.write(message)
          clock.advance(3300)
          setImmediate(resolve)
        }, 1),
      )
    await stall(encodeKeepalive())
    expect(speaker.peers()[0]).toMatchObject({ state: 'Established', lastError: undefined })
    await stall(new Uint8Array(0))
    expect(speaker.peers()[0].lastError?.words).toBe('Hold Timer Expired')
    good.destroy()
    await speaker.close()
  })

  test('a peer that speaks one octet at a time is understood', async () => {
    const { speaker, good } = await opposeSocket()
    for (const octet of Buffer.concat([openFrom('10.0.0.2', 65000), encodeKeepalive()])) {
      good.write(Buffer.of(octet))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await waitFor(() => speaker.peers()[0].state === 'Established')
    good.destroy()
    await speaker.close()
  })

  test('a thousand connections from a peer that says nothing leave room for the one that does', async () => {
    const host = loopbackAddress()
    const from = loopbackAddress()
    const port = await freePort(host)
    const speaker = new BgpSpeaker(
      {
        asn: 65000,
        bgpIdentifier: '10.0.0.1',
        listen: { host, port },
        peers: [{ name: 'silent', remote: { kind: 'address', address: from }, port: 179, asn: 65001, passive: true }],
      },
      { clock: systemClock, log: silentLog, table: new RouteTable() },
    )
    await speaker.start()
    const sockets: Socket[] = []
    let closed = 0
    for (let n = 0; n < 1000; n++) {
      const socket = createConnection({ host, port, localAddress: from })
      socket.on('error', () => {})
      socket.on('close', () => closed++)
      socket.resume()
      sockets.push(socket)
    }
    await waitFor(() => closed >= 998, { what: () => `all but a few to be closed; ${closed} are` })
    expect(speaker.peers()).toHaveLength(1)
    for (const socket of sockets) socket.destroy()
    await speaker.close()
  })
})

/** Counts again and again until asked for the lowest count seen. */
function watchCount(count: () => Promise<number>): { lowest(): Promise<number> } {
  let lowest = Infinity
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      lowest = Math.min(lowest, await count())
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })()
  return {
    async lowest() {
      isOver = true
      await watching
      return lowest
    },
  }
}

interface Opposite {
  readonly speaker?: Partial<SpeakerConfig>
  readonly peer?: Partial<SpeakerPeerConfig>
  readonly clock?: Clock
  readonly log?: Log
  readonly from?: string
  readonly loadSocketCalls?: () => Promise<SocketCalls>
}

/** A speaker that waits, and a socket from its one peer; `connect` makes another. */
async function opposeSocket({ clock = systemClock, log = silentLog, from = loopbackAddress(), ...options }: Opposite = {}) {
  const { loadSocketCalls: load = loadSocketCalls } = options
  const host = loopbackAddress()
  const port = await freePort(host)
  const peer = {
    name: 'socket',
    remote: { kind: 'address', address: from },
    port: 179,
    asn: 65000,
    passive: true,
    ...options.peer,
  } as const
  const table = new RouteTable()
  const speaker = new BgpSpeaker(
    { asn: 65000, bgpIdentifier: '10.0.0.1', listen: { host, port }, peers: [peer], ...options.speaker },
    { clock, log, table, loadSocketCalls: load },
  )
  await speaker.start()
  const connect = () => {
    const socket = createConnection({ host, port, localAddress: from, noDelay: true })
    socket.on('error', () => {})
    socket.resume()
    return socket
  }
  return { speaker, table, good: connect(), connect }
}

function openFrom(identifier: string, asn: number, more: Partial<Capabilities> = {}, holdTimeSeconds = 90): Buffer {
  const octets = Buffer.from(identifier.split('.').map(Number))
  const capabilities: Capabilities = { ...NO_CAPABILITIES, families: ['ipv4'], fourOctetAsn: asn, ...more }
  return Buffer.from(encodeOpen({ asn, holdTimeSeconds, bgpIdentifier: octets.readUInt32BE(), capabilities }))
}

/** Somebody else at a port. */
async function occupy(host: string, port: number): Promise<{ connections: number; close(): Promise<void> }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    occupant.connections++
    socket.on('error', () => {})
    socket.resume()
    sockets.push(socket)
  })
  const occupant = {
    connections: 0,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  return occupant
}
