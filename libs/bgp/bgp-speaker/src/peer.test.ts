import { cease, encodeNotification } from '@dnstap-bgp/bgp-wire'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { MemoryRouter } from '../testing/memory-router.ts'
import { MemoryTransport, socketPair, type MemorySocket } from '../testing/memory-transport.ts'
import { TIMES } from '../testing/times.ts'
import type { SpeakerConfig, SpeakerPeerConfig } from './config.ts'
import { farewell, SpeakerPeer } from './peer.ts'
import { SendTurns } from './send-turns.ts'

const PEER: SpeakerPeerConfig = {
  name: 'router',
  remote: { kind: 'address', address: '192.0.2.2' },
  port: 179,
  asn: 64496,
  ...TIMES,
}
const SPEAKER: SpeakerConfig = { asn: 64496, bgpIdentifier: '192.0.2.1', nextHopIpv4: '192.0.2.9', peers: [PEER] }
const ROUTE = { lists: ['video'], communities: [], largeCommunities: [] }

function peerWith(config: Partial<SpeakerPeerConfig> = {}) {
  const clock = new FakeClock()
  const table = new RouteTable()
  const transport = new MemoryTransport()
  const addresses: string[] = []
  const peer = new SpeakerPeer(
    SPEAKER,
    { ...PEER, ...config },
    {
      clock,
      log: silentLog,
      table,
      transport,
      random: () => 0.5,
      turns: new SendTurns(clock),
      maxInFlightBytes: 65_536,
      onAddress: (address, what) => addresses.push(`${address}: ${what}`),
    },
  )
  return { peer, clock, table, transport, addresses }
}

function newRouter() {
  const router = new MemoryRouter()
  return { heard: router.heard, onConnect: (far: MemorySocket) => router.speakOn(far) }
}

const turns = async (count = 20) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a peer, without sockets', () => {
  test('connects, opens a session, and sends the table and End-of-RIB', async () => {
    const { peer, table, transport, addresses } = peerWith()
    const { heard, onConnect } = newRouter()
    transport.onConnect = onConnect
    table.set('198.51.100.1/32', ROUTE)
    peer.start()
    await turns()
    expect(heard).toEqual(['OPEN', 'KEEPALIVE', 'UPDATE', 'End-of-RIB'])
    expect(peer.status()).toMatchObject({
      state: 'Established',
      address: '192.0.2.2',
      tableSent: true,
      prefixesOut: { ipv4: 1 },
      counters: { sessions: 1, announced: 1 },
    })
    expect(addresses).toEqual(['192.0.2.1: our own address', '192.0.2.2: BGP peer router'])
    expect(transport.unacknowledgedBounds).toEqual([480_000]) // RFC 9687 §3.2
    peer.stop(farewell('bye'))
    await turns()
    expect(heard.at(-1)).toBe('NOTIFICATION')
    await peer.closed()
  })

  test('waits for its router if it is passive, and follows the table', async () => {
    const { peer, table } = peerWith({ passive: true })
    peer.start()
    expect(peer.state).toBe('Active')
    const [near, far] = socketPair('192.0.2.1', '192.0.2.2')
    const { heard, onConnect } = newRouter()
    onConnect(far)
    peer.incoming(near)
    await turns()
    expect(peer.state).toBe('Established')
    table.set('198.51.100.1/32', ROUTE)
    await turns()
    table.delete('198.51.100.1/32')
    await turns()
    expect(heard).toEqual(['OPEN', 'KEEPALIVE', 'End-of-RIB', 'UPDATE', 'UPDATE'])
    peer.stop(farewell(''))
  })

  test('does not use a connection whose options could not be set', () => {
    const { peer, transport } = peerWith({ passive: true })
    transport.acceptsConnections = false
    peer.start()
    const [near] = socketPair('192.0.2.1', '192.0.2.2')
    peer.incoming(near)
    expect(near.destroyed).toBe(true)
    expect(peer.state).toBe('Active')
    peer.stop(farewell(''))
  })

  test('says why there is no session: no answer, or no such name', async () => {
    const silent = peerWith()
    silent.peer.start()
    await turns()
    silent.clock.advance(30_000) // connectRetry
    await turns()
    expect(silent.peer.status().lastError?.reason).toBe('no answer from 192.0.2.2')
    expect(silent.transport.opened).toHaveLength(2)
    silent.peer.stop(farewell(''))

    const nameless = peerWith({ remote: { kind: 'hostname', hostname: 'router.example.org' } })
    nameless.peer.start()
    await turns()
    expect(nameless.peer.status().lastError?.reason).toBe('its name does not resolve: no such name: router.example.org')
    nameless.transport.names = new Map([['router.example.org', ['192.0.2.3']]])
    nameless.transport.onConnect = newRouter().onConnect
    nameless.clock.advance(1000) // the pause
    await turns()
    expect(nameless.peer.status()).toMatchObject({ state: 'Established', address: '192.0.2.3' })
    nameless.peer.stop(farewell(''))
  })

  test('is damped when the router refuses our number of prefixes', async () => {
    const { peer, transport } = peerWith()
    transport.onConnect = (far) => {
      newRouter().onConnect(far)
      setImmediate(() => far.write(encodeNotification(cease(1))))
    }
    peer.start()
    await turns()
    expect(peer.status()).toMatchObject({ state: 'Idle', isDamped: true, prefixesOut: { ipv4: 0 } })
    peer.stop(farewell(''))
  })
})
