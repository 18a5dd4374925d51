import { describe, expect, test } from 'vitest'
import type { Negotiated } from '@dnstap-bgp/bgp-session'
import { FamilyNumber, type RouteAttributes } from '@dnstap-bgp/route-table'
import type { SpeakerConfig, SpeakerPeerConfig } from './config.ts'
import { exportPolicy } from './export-policy.ts'
import { TIMES } from '../testing/times.ts'

const speaker: SpeakerConfig = { asn: 64500, bgpIdentifier: '10.0.0.1', peers: [] }
const peer: SpeakerPeerConfig = {
  name: 'r1',
  remote: { kind: 'address', address: '198.51.100.2' },
  port: 179,
  asn: 64500,
  ...TIMES,
}
const internal: Negotiated = {
  peerAsn: 64500,
  peerBgpIdentifier: 1,
  internal: true,
  families: ['ipv4', 'ipv6'],
  fourOctetAsn: true,
  maxMessageLength: 4096,
  extendedMessage: false,
  routeRefresh: true,
  enhancedRouteRefresh: true,
  extendedNextHop: [],
  holdTimeSeconds: 90,
  keepaliveSeconds: 30,
  unknownCapabilities: [],
}
const external: Negotiated = { ...internal, internal: false, peerAsn: 64501 }
const overIpv4 = { localAddress: '198.51.100.1', peerAddress: '198.51.100.2' }
const overIpv6 = { localAddress: '2001:db8::1', peerAddress: '2001:db8::2' }
const route: RouteAttributes = { lists: ['a'], communities: [], largeCommunities: [] }

interface Case {
  readonly speaker?: Partial<SpeakerConfig>
  readonly peer?: Partial<SpeakerPeerConfig>
  readonly negotiated?: Negotiated
  readonly addresses?: typeof overIpv4
  readonly route?: Partial<RouteAttributes>
  readonly family?: FamilyNumber
}

function exported(each: Case) {
  const faults: string[] = []
  const policy = exportPolicy(
    { ...speaker, ...each.speaker },
    { ...peer, ...each.peer },
    each.negotiated ?? internal,
    each.addresses ?? overIpv4,
    (sentence) => faults.push(sentence),
  )
  const block = policy({ ...route, ...each.route }, each.family ?? FamilyNumber.ipv4)
  return { block, faults, attributes: block === undefined ? undefined : attributesIn(block.bytes) }
}

/** Value octets by attribute type. */
function attributesIn(bytes: Uint8Array): Map<number, number[]> {
  const found = new Map<number, number[]>()
  for (let at = 0; at < bytes.length;) {
    const extended = (bytes[at] & 0x10) !== 0
    const start = at + (extended ? 4 : 3)
    const length = extended ? (bytes[at + 2] << 8) | bytes[at + 3] : bytes[at + 2]
    found.set(bytes[at + 1], [...bytes.subarray(start, start + length)])
    at = start + length
  }
  return found
}

describe('exportPolicy', () => {
  test.each([
    [
      'the peer’s own setting comes first',
      { speaker: { nextHopIpv4: '192.0.2.3' }, peer: { nextHopIpv4: '192.0.2.1' }, route: { nextHopIpv4: '192.0.2.2' } },
      [192, 0, 2, 1],
    ],
    ['then the route’s', { speaker: { nextHopIpv4: '192.0.2.3' }, route: { nextHopIpv4: '192.0.2.2' } }, [192, 0, 2, 2]],
    ['then the speaker’s', { speaker: { nextHopIpv4: '192.0.2.3' } }, [192, 0, 2, 3]],
    ['then our address on the session', {}, [198, 51, 100, 1]],
    [
      '“self” is our address on the session',
      { speaker: { nextHopIpv4: '192.0.2.3' }, peer: { nextHopIpv4: 'self' } },
      [198, 51, 100, 1],
    ],
  ] as const)('next hop: %s', (_words, each, nextHop) => {
    expect(exported(each).attributes?.get(3)).toEqual(nextHop)
  })

  test('IPv6 routes have their next hop in MP_REACH_NLRI, and none over IPv4 without one', () => {
    const set = exported({ family: FamilyNumber.ipv6, speaker: { nextHopIpv6: '2001:db8::9' } })
    expect([...(set.block?.mpNextHop ?? [])]).toEqual([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9])
    expect(exported({ family: FamilyNumber.ipv6, addresses: overIpv6 }).block?.mpNextHop.at(-1)).toBe(1)
    const none = exported({ family: FamilyNumber.ipv6 })
    expect(none.block).toBeUndefined()
    expect(none.faults[0]).toContain('nextHopIPv6')
  })

  test('IPv4 routes with an IPv6 next hop go only where that is agreed (RFC 8950)', () => {
    const without = exported({ addresses: overIpv6 })
    expect(without.block).toBeUndefined()
    expect(without.faults[0]).toContain('RFC 8950')
    const agreed = exported({ addresses: overIpv6, negotiated: { ...internal, extendedNextHop: ['ipv4'] } })
    expect(agreed.block?.mpNextHop).toHaveLength(16)
  })

  test.each([
    ['127.0.0.1', '127.0.0.0/8'],
    ['0.0.0.0', '0.0.0.0/8'],
    ['198.51.100.2', 'the peer itself'],
  ])('a next hop that the peer must refuse is not sent: %s', (nextHopIpv4, words) => {
    const { block, faults } = exported({ route: { nextHopIpv4 } })
    expect(block).toBeUndefined()
    expect(faults[0]).toContain(words)
  })

  test('within our AS: an empty AS_PATH, and always a LOCAL_PREF (RFC 4271 §5.1.5)', () => {
    expect(exported({}).attributes?.get(2)).toEqual([])
    expect(exported({}).attributes?.get(5)).toEqual([0, 0, 0, 100])
    expect(exported({ route: { localPref: 7 } }).attributes?.get(5)).toEqual([0, 0, 0, 7])
  })

  test('to another AS: ours in the AS_PATH, no LOCAL_PREF, the MED stays', () => {
    const { attributes } = exported({ negotiated: external, peer: { localAsn: 64999 }, route: { localPref: 7, med: 5 } })
    expect(attributes?.get(2)).toEqual([2, 1, 0, 0, 253, 231])
    expect(attributes?.has(5)).toBe(false)
    expect(attributes?.get(4)).toEqual([0, 0, 0, 5])
  })

  test('a peer gets the routes of its lists, whichever place the list has among the owners', () => {
    expect(exported({ peer: { lists: ['b'] } }).block).toBeUndefined()
    expect(exported({ peer: { lists: ['b'] }, route: { lists: ['a', 'b'] } }).block).toBeDefined()
  })

  test('the peer’s communities join the route’s, each once', () => {
    const { attributes } = exported({
      peer: { communities: [1, 2], largeCommunities: [[1, 2, 3]] },
      route: { communities: [2], largeCommunities: [[1, 2, 3]] },
    })
    expect(attributes?.get(8)).toEqual([0, 0, 0, 1, 0, 0, 0, 2])
    expect(attributes?.get(32)).toHaveLength(12)
  })

  test.each([
    ['provider', true],
    ['peer', true],
    ['rs', true],
    ['customer', false],
    ['rs-client', false],
  ] as const)('as %s of another AS, Only to Customer is added: %s (RFC 9234 §5)', (role, added) => {
    const { attributes } = exported({ negotiated: external, peer: { role } })
    expect(attributes?.get(35)).toEqual(added ? [0, 0, 251, 244] : undefined)
  })

  test('attributes that leave no room for a prefix are not sent, and that is said', () => {
    const { block, faults } = exported({ route: { communities: Array.from({ length: 1100 }, (_, i) => i) } })
    expect(block).toBeUndefined()
    expect(faults[0]).toContain('more than an UPDATE has room for')
  })
})
