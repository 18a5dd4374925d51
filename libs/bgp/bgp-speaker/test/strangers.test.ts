import { randomBytes } from 'node:crypto'
import { createConnection, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { FakeClock, freePort, loopbackAddress, waitFor } from '@dnstap-bgp/testkit'
import {
  cease,
  CeaseSubcode,
  encodeAttributes,
  encodeKeepalive,
  encodeNotification,
  encodeRouteRefresh,
  NO_CAPABILITIES,
  UpdateWriter,
} from '@dnstap-bgp/bgp-wire'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { BgpSpeaker } from '../src/index.ts'
import { callsWith, collectLog, PLAIN } from '../testing/routers.ts'
import { occupy, openFrom, opposeSocket } from '../testing/sockets.ts'
import { TIMES } from '../testing/times.ts'

const v4 = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}/32`

describe('a speaker among strangers', () => {
  test.each([
    ['random octets', () => randomBytes(4096)],
    ['a good header and random octets', () => Buffer.concat([Buffer.alloc(16, 255), Buffer.of(16, 0, 1), randomBytes(4077)])],
    ['a flood of KEEPALIVEs', () => Buffer.concat(Array.from({ length: 50_000 }, () => Buffer.from(encodeKeepalive())))],
    ['an OPEN with our own identifier, and KEEPALIVEs', () => Buffer.concat([openFrom('10.0.0.1', 65000), encodeKeepalive()])],
    ['an OPEN from another AS', () => openFrom('10.0.0.2', 64999)],
    ['half an OPEN', () => openFrom('10.0.0.2', 65000).subarray(0, 25)],
  ])('a peer that sends %s is refused with a sentence, and a good one after it is let in', async (_what, octets) => {
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
        peers: [{ name: 'odd', remote: { kind: 'address', address: from }, port: 179, asn: 65000, passive: true, ...TIMES }],
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
        peers: [{ name: 'odd', remote: { kind: 'address', address: from }, port: 179, asn: 65000, passive: true, ...TIMES }],
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
    expect(speaker.peers()[0].lastError?.reason).toContain('Bad Peer AS')
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

  test('a peer that knows no capabilities gets a session without them, and the log says so', async () => {
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
    expect(lines.filter((line) => line.includes('asks for our routes again')).length).toBeLessThanOrEqual(10)
    good.destroy()
    await speaker.close()
  })

  test('a peer from an allowed prefix that refuses our number of prefixes is damped too, however often it connects', async () => {
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

  test('the status of a peer that does not read shows octets in flight', async () => {
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

  test('a speaker that cannot listen connects to its peers, says so, and tries again', async () => {
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
      ...TIMES,
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

  test('after a stall of ours the octets that came meanwhile are read before the hold timer expires', async () => {
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
    expect(speaker.peers()[0].lastError?.reason).toBe('Hold Timer Expired')
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
        peers: [{ name: 'silent', remote: { kind: 'address', address: from }, port: 179, asn: 65001, passive: true, ...TIMES }],
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
