import { afterEach, describe, expect, test } from 'vitest'
import { readFileSync } from 'node:fs'
import { isInstalled, waitFor } from '@dnstap-bgp/testkit'
import { pair, type Pair, PLAIN } from './routers.ts'

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
    'with another password, or none, nothing comes up (router connects: %s, our password: %s)',
    async (routerConnects, password) => {
      current = await pair('bird', { routerConnects, router: { password: 's3cret' }, peer: { password, connectRetrySeconds: 1 } })
      const { router, speaker } = current
      const before = droppedSegments()
      await speaker.start()
      await waitFor(() => droppedSegments() > before, { what: 'a segment dropped for its signature' })
      if (!routerConnects)
        await waitFor(() => speaker.peers()[0].lastError?.words.includes('no answer'), { what: 'an attempt to time out' })
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

  test('bound to the loopback device a session comes up, to a device that is not there it says so', async () => {
    current = await pair('bird', { peer: { device: 'lo' } })
    await established(current)
    await current.close()
    current = await pair('bird', { peer: { device: 'nosuch0' } })
    const { speaker } = current
    await speaker.start()
    await waitFor(() => speaker.peers()[0].lastError?.words.includes('nosuch0'))
  })

  test('a connection from an address that no peer has is closed and counted', async () => {
    current = await pair('bird', { routerConnects: true, peer: { remote: { kind: 'address', address: '192.0.2.77' } } })
    const { speaker } = current
    await speaker.start()
    await waitFor(() => speaker.refusedConnections > 0, { what: 'a refused connection' })
    expect(speaker.peers()[0].counters.sessions).toBe(0)
  })

  test('a peer from an allowed prefix is let in, and gone when it has left', async () => {
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
    await waitFor(() => speaker.peers()[0].lastError?.words.includes('its name does not resolve'))
  })
})

/** Segments that the kernel dropped for their MD5 signature or their TTL. */
function droppedSegments(): number {
  const [names, values] = readFileSync('/proc/net/netstat', 'utf8').split('\n')
  const wanted = ['TCPMD5NotFound', 'TCPMD5Unexpected', 'TCPMD5Failure', 'TCPMinTTLDrop']
  const numbers = values.split(' ')
  return names.split(' ').reduce((sum, name, i) => (wanted.includes(name) ? sum + Number(numbers[i]) : sum), 0)
}
