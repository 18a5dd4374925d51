import { describe, expect, test } from 'vitest'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { BgpSpeaker, type SpeakerPeerConfig } from './index.ts'
import { SocketCallError, type SocketCalls } from './socket-calls.ts'
import { TIMES } from '../testing/times.ts'

const peer: SpeakerPeerConfig = {
  name: 'r1',
  remote: { kind: 'address', address: '192.0.2.1' },
  port: 179,
  asn: 65000,
  passive: true,
  ...TIMES,
}

function speaker(peers: readonly SpeakerPeerConfig[], loadSocketCalls: () => Promise<SocketCalls>, listen = false): BgpSpeaker {
  return new BgpSpeaker(
    { asn: 65000, bgpIdentifier: '10.0.0.1', peers, ...(listen ? { listen: { host: '192.0.2.99', port: 179 } } : {}) },
    { clock: systemClock, log: silentLog, table: new RouteTable(), loadSocketCalls },
  )
}

const unavailable = () => Promise.reject(new Error('the package koffi cannot be loaded'))

describe('BgpSpeaker', () => {
  test.each([
    [{ password: 's3cret' }, 'a TCP MD5 password'],
    [{ ttlSecurityHops: 1 }, 'TTL security'],
    [{ device: 'vrf-red' }, 'to be bound to a device'],
  ])('says what it cannot have, does not leave it out, and does the rest: %j', async (option, words) => {
    const other: SpeakerPeerConfig = { ...peer, name: 'r2', remote: { kind: 'address', address: '192.0.2.2' } }
    const started = speaker([{ ...peer, ...option, passive: false }, other], unavailable)
    await started.start()
    expect(started.fault).toContain(`r1 wants ${words}, and socket options cannot be set: the package koffi cannot be loaded`)
    expect(started.fault).not.toContain('s3cret')
    await new Promise((resolve) => setImmediate(resolve))
    expect(started.peers()).toMatchObject([
      { name: 'r1', state: 'Idle', lastError: { reason: 'socket options are configured and cannot be set' } },
      { name: 'r2', state: 'Active' },
    ])
    await started.close()
  })

  test('goes on with the system’s TTL when only a TTL was wished for', async () => {
    const started = speaker([{ ...peer, ttl: 1 }], unavailable)
    await started.start()
    expect(started.peers()).toMatchObject([{ name: 'r1', state: 'Active', address: '192.0.2.1', passive: true }])
    await started.close()
  })

  test('says that a passive peer on a device cannot come in where the one listener must serve others', async () => {
    const started = speaker(
      [
        { ...peer, device: 'vrf-red' },
        { ...peer, name: 'r2', remote: { kind: 'address', address: '192.0.2.2' } },
      ],
      () => Promise.resolve({} as SocketCalls),
      true,
    )
    await started.start()
    expect(started.fault).toContain('peer r1 waits on device vrf-red')
    await started.close()
  })

  test('where nothing says at which address to listen, does without IPv6 on a system that has none', async () => {
    const calls = {
      open: (version: 4 | 6) => {
        throw new SocketCallError(`socket: no IPv${version}`, version === 6 ? 97 : 13)
      },
    } as unknown as SocketCalls
    const started = new BgpSpeaker(
      { asn: 65000, bgpIdentifier: '10.0.0.1', peers: [{ ...peer, password: 'x' }], listen: { host: undefined, port: 179 } },
      { clock: systemClock, log: silentLog, table: new RouteTable(), loadSocketCalls: () => Promise.resolve(calls) },
    )
    await started.start()
    expect(started.fault).toBe('BGP does not listen at 0.0.0.0 port 179: socket: no IPv4.')
    await started.close()
  })

  test('is started once', async () => {
    const started = speaker([peer], unavailable)
    await started.start()
    await expect(started.start()).rejects.toThrow('once')
    await started.close()
  })
})
