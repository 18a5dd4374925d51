import { BgpError, NO_CAPABILITIES, Role, decodeOpen } from '@dnstap-bgp/bgp-wire'
import type { Capabilities, Notification, Open } from '@dnstap-bgp/bgp-wire'
import { describe, expect, test } from 'vitest'
import { withDefaults } from './config.ts'
import type { SessionConfig } from './config.ts'
import { CapabilityOffer } from './capability-offer.ts'
import { negotiate } from './negotiation.ts'
import type { Negotiated } from './negotiation.ts'

const CONFIG: SessionConfig = {
  localAsn: 64496,
  peerAsn: 64497,
  bgpIdentifier: 0xc0000201,
  holdTimeSeconds: 90,
  connectRetrySeconds: 30,
  jitter: () => 0,
}

function open(capabilities: Partial<Capabilities> = {}, more: Partial<Open> = {}): Open {
  return {
    asn: 64497,
    holdTimeSeconds: 90,
    bgpIdentifier: 0xc0000202,
    capabilities: { ...NO_CAPABILITIES, families: ['ipv4', 'ipv6'], fourOctetAsn: 64497, ...capabilities },
    ...more,
  }
}

function agree(config: Partial<SessionConfig>, theirs: Open): Negotiated | BgpError {
  const settings = withDefaults({ ...CONFIG, ...config })
  return negotiate(settings, new CapabilityOffer(settings).open(), theirs)
}

const EVERYTHING: Partial<Capabilities> = {
  routeRefresh: true,
  enhancedRouteRefresh: true,
  extendedMessage: true,
  extendedNextHop: ['ipv4'],
  gracefulRestart: {
    restarting: true,
    notification: true,
    restartTimeSeconds: 60,
    families: [
      { family: 'ipv4', forwarding: true },
      { family: 'ipv6', forwarding: false },
    ],
  },
  longLivedGracefulRestart: [{ family: 'ipv4', forwarding: true, staleTimeSeconds: 5 }],
  fqdn: { hostName: 'router', domainName: '' },
  role: Role.provider,
  unknown: [{ code: 69, value: new Uint8Array(0) }],
}

describe('negotiate', () => {
  test('agrees on what both offer', () => {
    const gracefulRestart = { restartTimeSeconds: 120, restarting: true, longLivedStaleTimeSeconds: 3600 }
    expect(agree({ gracefulRestart, extendedNextHop: true, role: Role.customer, holdTimeSeconds: 30 }, open(EVERYTHING))).toEqual(
      {
        peerAsn: 64497,
        peerBgpIdentifier: 0xc0000202,
        internal: false,
        families: ['ipv4', 'ipv6'],
        fourOctetAsn: true,
        maxMessageLength: 65535,
        extendedMessage: true,
        routeRefresh: true,
        enhancedRouteRefresh: true,
        extendedNextHop: ['ipv4'],
        holdTimeSeconds: 30,
        keepaliveSeconds: 10,
        gracefulRestart: {
          restartTimeSeconds: 120,
          notification: true,
          families: ['ipv4', 'ipv6'],
          peerRestarting: true,
          peerRestartTimeSeconds: 60,
          peerFamilies: ['ipv4', 'ipv6'],
          peerForwarding: ['ipv4'],
        },
        longLivedGracefulRestart: [
          { family: 'ipv4', staleTimeSeconds: 3600 },
          { family: 'ipv6', staleTimeSeconds: 3600 },
        ],
        peerRole: Role.provider,
        peerHostName: 'router',
        unknownCapabilities: [69],
      },
    )
  })

  test('does not agree on what only one offers', () => {
    expect(agree({ routeRefresh: false, extendedMessage: false }, open(EVERYTHING))).toMatchObject({
      maxMessageLength: 4096,
      routeRefresh: false,
      enhancedRouteRefresh: false,
      extendedNextHop: [],
    })
    const alone = agree({ gracefulRestart: { restartTimeSeconds: 1, restarting: false, longLivedStaleTimeSeconds: 1 } }, open())
    expect(alone).not.toHaveProperty('gracefulRestart')
    expect(alone).not.toHaveProperty('longLivedGracefulRestart')
    expect(agree({}, open({ fourOctetAsn: 64497, longLivedGracefulRestart: [] }))).not.toHaveProperty('longLivedGracefulRestart')
  })

  test('a peer that names no family speaks IPv4 (RFC 4760 §8), one that names others speaks those', () => {
    expect(agree({}, open({ families: [] }))).toMatchObject({ families: ['ipv4'] })
    expect(agree({}, open({ families: ['ipv6'] }))).toMatchObject({ families: ['ipv6'] })
    expect(agree({}, open({ families: [], otherFamilies: [[1, 128]] }))).toMatchObject({ code: 2, subcode: 7 })
  })

  test('the keepalive interval and hold timer are off when one side says 0', () => {
    expect(agree({}, open({}, { holdTimeSeconds: 0 }))).toMatchObject({ holdTimeSeconds: 0, keepaliveSeconds: 0 })
    expect(agree({ holdTimeSeconds: 0 }, open())).toMatchObject({ holdTimeSeconds: 0 })
  })

  test.each([
    ['another AS than configured', {}, open({}, { asn: 64499 }), 2],
    ['our own identifier inside our AS (RFC 6286)', { peerAsn: 64496 }, open({}, { asn: 64496, bgpIdentifier: 0xc0000201 }), 3],
    ['no family in common', { families: ['ipv6'] as const }, open({ families: ['ipv4'] }), 7],
    ['a role that does not face ours (RFC 9234)', { role: Role.customer }, open({ role: Role.peer }), 11],
    ['several roles', { role: Role.customer }, open({ conflictingRoles: true }), 11],
    ['no role where one is demanded', { role: Role.customer, strictRole: true }, open(), 11],
  ])('refuses %s', (_name, config, theirs, subcode) => {
    const error = agree(config, theirs)
    expect(error).toBeInstanceOf(BgpError)
    expect(error).toMatchObject({ code: 2, subcode })
  })

  test('accepts our own identifier in another AS, any AS where configured, and a peer without a role', () => {
    expect(agree({}, open({}, { bgpIdentifier: 0xc0000201 }))).toMatchObject({ peerBgpIdentifier: 0xc0000201 })
    expect(agree({ peerAsn: 'any' }, open({}, { asn: 4200000001 }))).toMatchObject({ peerAsn: 4200000001, internal: false })
    expect(agree({ role: Role.customer }, open())).toMatchObject({ internal: false })
    expect(agree({ role: Role.customer, peerAsn: 64496 }, open({ role: Role.peer }, { asn: 64496 }))).toMatchObject({
      internal: true,
    })
  })

  test.each([
    [Role.provider, Role.customer],
    [Role.customer, Role.provider],
    [Role.routeServer, Role.routeServerClient],
    [Role.routeServerClient, Role.routeServer],
    [Role.peer, Role.peer],
  ])('role %i faces role %i and no other', (ours, theirs) => {
    for (const role of Object.values(Role)) {
      expect(agree({ role: ours }, open({ role })) instanceof BgpError).toBe(role !== theirs)
    }
  })
})

describe('CapabilityOffer', () => {
  const refusal = (subcode: number, data: number[] = []): Notification => ({
    code: 2,
    subcode,
    data: Uint8Array.from(data),
    hardReset: false,
    description: '',
  })
  const offer = (config: Partial<SessionConfig> = {}) => new CapabilityOffer(withDefaults({ ...CONFIG, ...config }))

  test('is encoded into the OPEN', () => {
    const full = offer({
      gracefulRestart: { restartTimeSeconds: 120, restarting: true, longLivedStaleTimeSeconds: 60 },
      extendedNextHop: true,
      role: Role.peer,
      localAsn: 4200000001,
    })
    expect(decodeOpen(full.encode())).toEqual(full.open())
  })

  test('says "restarting" until a session came up', () => {
    const restarting = offer({ gracefulRestart: { restartTimeSeconds: 120, restarting: true } })
    expect(restarting.open().capabilities.gracefulRestart?.restarting).toBe(true)
    restarting.established()
    expect(restarting.open().capabilities.gracefulRestart?.restarting).toBe(false)
  })

  test('offers no role to an internal peer', () => {
    expect(offer({ role: Role.peer, peerAsn: 64496 }).open().capabilities.role).toBeUndefined()
  })

  test('is left out for a peer that knows no optional parameters', () => {
    const refused = offer()
    const full = refused.open()
    expect(refused.refused(refusal(4), full)).toBe(true)
    expect(refused.encode().length).toBe(29)
    expect(refused.refused(refusal(4), refused.open())).toBe(false)
    expect(refused.refused(refusal(4), full)).toBe(true) // on another connection
    expect(refused.encode().length).toBe(29)
  })

  test('other NOTIFICATIONs withhold no capability', () => {
    const same = offer()
    for (const other of [refusal(2), { ...refusal(4), code: 6 }, refusal(7, [6, 0])])
      expect(same.refused(other, same.open())).toBe(false)
    expect(same.open().capabilities.families).toEqual(['ipv4', 'ipv6'])
  })
})
