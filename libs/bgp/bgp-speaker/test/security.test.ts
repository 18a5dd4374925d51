import { afterEach, describe, expect, test } from 'vitest'
import { readFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { FakeClock, freePort, isInstalled, loopbackAddress, waitFor } from '@dnstap-bgp/testkit'
import { BgpSpeaker, type SpeakerPeerConfig } from '../src/index.ts'
import type { SpeakerDeps } from '../src/speaker.ts'
import { callsWith, collectLog, pair, type Pair, PLAIN } from '../testing/routers.ts'
import { TIMES } from '../testing/times.ts'

let current: Pair | undefined

afterEach(async () => {
  await current?.close()
  current = undefined
})

async function established({ router, table, speaker }: Pair): Promise<void> {
  table.set('198.51.100.1/32', PLAIN)
  await speaker.start()
  await router.waitForCount(1)
}

describe.skipIf(!isInstalled('bird') || process.platform !== 'linux')('opposite BIRD on Linux (skipped elsewhere)', () => {
  test.each([
    ['IPv4', 'ipv4', false],
    ['IPv4', 'ipv4', true],
    ['IPv6', 'ipv6', false],
    ['IPv6', 'ipv6', true],
  ] as const)(
    'with the same TCP MD5 password a session comes up over %s (%s, router connects: %s)',
    async (_name, transport, routerConnects) => {
      current = await pair('bird', { transport, routerConnects, router: { password: 's3cret' }, peer: { password: 's3cret' } })
      await established(current)
    },
  )

  test.each([
    [false, 'wrong'],
    [true, 'wrong'],
    [false, undefined],
    [true, undefined],
  ] as const)(
    'with another password, or none, no session comes up (router connects: %s, our password: %s)',
    async (routerConnects, password) => {
      current = await pair('bird', { routerConnects, router: { password: 's3cret' }, peer: { password, connectRetrySeconds: 1 } })
      const { router, speaker } = current
      const before = droppedSegments()
      await speaker.start()
      await waitFor(() => droppedSegments() > before, { what: 'a segment dropped for its signature' })
      if (!routerConnects)
        await waitFor(() => speaker.peers()[0].lastError?.reason.includes('no answer'), { what: 'an attempt to time out' })
      expect(speaker.peers()[0].state).not.toBe('Established')
      expect(await router.session()).not.toBe('Established')
    },
  )

  test.each([
    ['ipv4', false],
    ['ipv4', true],
    ['ipv6', false],
    ['ipv6', true],
  ] as const)(
    'GTSM on both sides (RFC 5082) lets a neighbour in over %s (router connects: %s)',
    async (transport, routerConnects) => {
      current = await pair('bird', {
        transport,
        routerConnects,
        external: true,
        router: { gtsm: true },
        peer: { ttlSecurityHops: 1 },
      })
      await established(current)
    },
  )

  test.each([[false], [true]])(
    'a peer whose packets do not come with TTL 255 is not heard (router connects: %s)',
    async (routerConnects) => {
      current = await pair('bird', { routerConnects, external: true, peer: { ttlSecurityHops: 1, connectRetrySeconds: 1 } })
      const { speaker } = current
      const before = droppedSegments()
      await speaker.start()
      await waitFor(() => droppedSegments() > before, { what: 'a segment dropped for its TTL' })
      expect(speaker.peers()[0].counters.sessions).toBe(0)
    },
  )

  test('a session bound to the loopback device comes up; a missing device is reported', async () => {
    current = await pair('bird', { peer: { device: 'lo' } })
    await established(current)
    await current.close()
    current = await pair('bird', { peer: { device: 'nosuch0' } })
    const { speaker } = current
    await speaker.start()
    await waitFor(() => speaker.peers()[0].lastError?.reason.includes('nosuch0'))
  })

  test('a connection from an address that no peer has is closed and counted', async () => {
    current = await pair('bird', { routerConnects: true, peer: { remote: { kind: 'address', address: '192.0.2.77' } } })
    const { speaker } = current
    await speaker.start()
    await waitFor(() => speaker.refusedConnections > 0, { what: 'a refused connection' })
    expect(speaker.peers()[0].counters.sessions).toBe(0)
  })

  test('a peer from an allowed prefix is let in, and forgotten when it has left', async () => {
    current = await pair('bird', { routerConnects: true, peer: { remote: { kind: 'prefix', prefix: '127.0.0.0/8' } } })
    const { speaker, router } = current
    await established(current)
    expect(speaker.peers()).toHaveLength(1)
    await router.stop()
    await waitFor(() => speaker.peers().length === 0, { what: 'the peer to be forgotten' })
  })

  test('a peer from an allowed prefix needs the password of the prefix', async () => {
    current = await pair('bird', {
      routerConnects: true,
      router: { password: 's3cret' },
      peer: { remote: { kind: 'prefix', prefix: '127.0.0.0/8' }, password: 's3cret' },
    })
    await established(current)
  })

  test('a peer by name is resolved when we connect', async () => {
    current = await pair('bird', {
      router: { address: '127.0.0.1' },
      peer: { remote: { kind: 'hostname', hostname: 'localhost' } },
    })
    await established(current)
  })

  test('a name that does not resolve is the last error, in words', async () => {
    current = await pair('bird', { peer: { remote: { kind: 'hostname', hostname: 'nowhere.invalid' } } })
    const { speaker } = current
    await speaker.start()
    await waitFor(() => speaker.peers()[0].lastError?.reason.includes('its name does not resolve'))
  })
})

describe('a listener', () => {
  const password = 's3cret'
  const named = {
    name: 'named',
    remote: { kind: 'hostname', hostname: 'localhost' },
    port: 179,
    asn: 65000,
    ...TIMES,
    passive: true,
  } as const

  /** A speaker that listens, and what connects to it from an address. */
  async function listening(peers: readonly SpeakerPeerConfig[], deps: Partial<SpeakerDeps> = {}) {
    const host = '127.0.0.1'
    const port = await freePort(host)
    const speaker = new BgpSpeaker(
      { asn: 65000, bgpIdentifier: '10.0.0.1', listen: { host, port }, peers },
      { clock: systemClock, log: silentLog, table: new RouteTable(), ...deps },
    )
    const connect = (localAddress: string) => {
      const socket = createConnection({ host, port, localAddress })
      const seen = { octets: 0, isClosed: false, close: () => socket.destroy() }
      socket.on('error', () => {})
      socket.on('data', (chunk) => (seen.octets += chunk.length))
      socket.on('close', () => (seen.isClosed = true))
      return seen
    }
    return { speaker, connect, host, port }
  }

  test.skipIf(process.platform !== 'linux')('that started late requires the password of a peer by name at once', async () => {
    const clock = new FakeClock()
    const { speaker, connect, host, port } = await listening([{ ...named, password }], { clock })
    const occupant = createServer()
    await new Promise<void>((resolve) => occupant.listen(port, host, resolve))
    await speaker.start()
    await waitFor(() => speaker.peers()[0].address !== undefined, { what: 'the name to be resolved' })
    await new Promise((resolve) => occupant.close(resolve))
    clock.advance(10_000)
    await waitFor(() => speaker.listeners.length === 1, { what: 'the listener' })
    const before = droppedSegments()
    const seen = [connect(host)]
    await waitFor(
      () => {
        if (seen.at(-1)?.isClosed === true) seen.push(connect(host))
        return droppedSegments() > before
      },
      { what: 'an unsigned segment to be dropped' },
    )
    expect(seen.filter(({ octets }) => octets > 0)).toEqual([])
    for (const one of seen) one.close()
    await speaker.close()
  })

  test.skipIf(process.platform !== 'linux')('that could not take the key of a peer refuses the peer', async () => {
    const loadSocketCalls = () =>
      callsWith({
        setMd5Key: () => {
          throw new Error('no room for a key')
        },
      })
    const { lines, log } = collectLog()
    const { speaker, connect, host } = await listening([{ ...named, password }], { loadSocketCalls, log })
    await speaker.start()
    await waitFor(() => lines.some((line) => line.includes('key of a peer could not be set')), { what: 'the failure' })
    const seen = connect(host)
    await waitFor(() => seen.isClosed, { what: 'the refusal' })
    expect(seen.octets).toBe(0)
    expect(speaker.refusedConnections).toBe(1)
    expect(lines).toContain('warn A BGP connection was refused: it is from a peer whose password the listener does not know.')
    await speaker.close()
  })

  test.each([[{ password }], [{ ttlSecurityHops: 1 }], [{ device: 'lo' }]])(
    'without socket options refuses a peer that must have one, and lets in the others: %j',
    async (option) => {
      const [strict, plain] = [loopbackAddress(), loopbackAddress()]
      const at = (address: string) => ({ ...named, name: address, remote: { kind: 'address', address } as const })
      const range = { ...at(strict), remote: { kind: 'prefix', prefix: `${strict}/32` } as const }
      for (const demanding of [at(strict), range]) {
        const { speaker, connect } = await listening([{ ...demanding, ...option }, at(plain)], {
          loadSocketCalls: () => Promise.reject(new Error('no koffi here')),
        })
        await speaker.start()
        expect(speaker.fault).toContain('and socket options cannot be set: no koffi here.')
        expect(speaker.fault).not.toContain('does not listen')
        const [refused, heard] = [connect(strict), connect(plain)]
        await waitFor(() => refused.isClosed && heard.octets > 0, { what: 'both answers' })
        expect(refused.octets).toBe(0)
        expect(speaker.peers().filter((peer) => peer.state !== 'Active' && peer.name !== plain)).toEqual([])
        heard.close()
        await speaker.close()
      }
    },
  )
})

/** Segments that the kernel dropped for their MD5 signature or their TTL. */
function droppedSegments(): number {
  const [names, values] = readFileSync('/proc/net/netstat', 'utf8').split('\n')
  const wanted = ['TCPMD5NotFound', 'TCPMD5Unexpected', 'TCPMD5Failure', 'TCPMinTTLDrop']
  const numbers = values.split(' ')
  return names.split(' ').reduce((sum, name, i) => (wanted.includes(name) ? sum + Number(numbers[i]) : sum), 0)
}
