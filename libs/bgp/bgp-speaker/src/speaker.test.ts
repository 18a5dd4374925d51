import { describe, expect, test } from 'vitest'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { BgpSpeaker, type SpeakerPeerConfig } from './index.ts'
import type { SocketCalls } from './socket-calls.ts'

const peer: SpeakerPeerConfig = {
  name: 'r1',
  remote: { kind: 'address', address: '192.0.2.1' },
  port: 179,
  asn: 65000,
  passive: true,
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
  ])('refuses an option that it cannot have, in a sentence, and does not leave it out: %j', async (option, words) => {
    const refused = speaker([{ ...peer, ...option }], unavailable).start()
    await expect(refused).rejects.toThrow(`peer r1 wants ${words}, and that cannot be had: the package koffi cannot be loaded`)
    await expect(refused).rejects.not.toThrow('s3cret')
  })

  test('goes on with the system’s TTL when only a TTL was wished for', async () => {
    const started = speaker([{ ...peer, ttl: 1 }], unavailable)
    await started.start()
    expect(started.peers()).toMatchObject([{ name: 'r1', state: 'Active', address: '192.0.2.1', passive: true }])
    await started.close()
  })

  test('loads nothing when no peer wants a socket option', async () => {
    const started = speaker([peer], () => Promise.reject(new Error('was loaded')))
    await started.start()
    await started.close()
  })

  test('refuses a passive peer on a device when the one listener must serve others', async () => {
    const refused = speaker(
      [
        { ...peer, device: 'vrf-red' },
        { ...peer, name: 'r2', remote: { kind: 'address', address: '192.0.2.2' } },
      ],
      () => Promise.resolve({} as SocketCalls),
      true,
    ).start()
    await expect(refused).rejects.toThrow('peer r1 waits on device vrf-red')
  })

  test('is started once', async () => {
    const started = speaker([peer], unavailable)
    await started.start()
    await expect(started.start()).rejects.toThrow('once')
    await started.close()
  })
})
