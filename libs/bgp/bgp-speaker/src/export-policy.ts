/**
 * Which routes a peer gets and with which attributes: lists, next hop, added communities; iBGP and eBGP (RFC 4271 §5.1).
 *
 * Asked once for each attribute set and session (export-profile.ts of route-table keeps the answers). A route that must not be sent because of
 * its next hop or its size is left out, and `onFault` says why.
 */
import { formatAddress, parseAddress } from '@dnstap-bgp/ip'
import { type AttributeBlock, attributesFit, encodeAttributes, type PathAttributes } from '@dnstap-bgp/bgp-wire'
import type { Negotiated } from '@dnstap-bgp/bgp-session'
import { type ExportPolicy, FamilyNumber, FAMILY_NAMES, type RouteAttributes } from '@dnstap-bgp/route-table'
import type { SpeakerConfig, SpeakerPeerConfig } from './config.ts'
import { nextHopFault } from './next-hop-check.ts'

export interface SessionAddresses {
  readonly localAddress: string
  readonly peerAddress: string
}

export function exportPolicy(
  speaker: SpeakerConfig,
  peer: SpeakerPeerConfig,
  negotiated: Negotiated,
  addresses: SessionAddresses,
  onFault: (sentence: string) => void,
): ExportPolicy {
  const external = !negotiated.internal
  const localAsn = peer.localAsn ?? speaker.asn
  return (attributes, family) => {
    if (peer.lists !== undefined && !attributes.lists.some((list) => peer.lists?.includes(list) === true)) return undefined
    const name = FAMILY_NAMES[family]
    const nextHop = chooseNextHop(speaker, peer, attributes, family, addresses)
    if (nextHop === undefined) {
      onFault(
        `No ${name} routes are sent: there is no ${name} next hop for them; set bgp.nextHop${family === FamilyNumber.ipv6 ? 'IPv6' : ''}`,
      )
      return undefined
    }
    const fault = nextHopFault(formatAddress(nextHop), addresses.peerAddress)
    if (fault !== undefined) {
      onFault(`No ${name} routes with next hop ${formatAddress(nextHop)} are sent: a next hop must not be ${fault}`)
      return undefined
    }
    if (family === FamilyNumber.ipv4 && nextHop.length === 16 && !negotiated.extendedNextHop.includes('ipv4')) {
      onFault(
        `No IPv4 routes with next hop ${formatAddress(nextHop)} are sent: the peer does not accept IPv6 next hops for them (RFC 8950)`,
      )
      return undefined
    }
    const path: PathAttributes = {
      asPath: external ? [localAsn] : [],
      nextHop,
      ...(attributes.med === undefined ? {} : { med: attributes.med }),
      ...(external ? {} : { localPref: attributes.localPref ?? DEFAULT_LOCAL_PREF }),
      communities: [...attributes.communities, ...(peer.communities ?? [])],
      largeCommunities: [...attributes.largeCommunities, ...(peer.largeCommunities ?? [])],
    }
    const block = withOnlyToCustomer(
      encodeAttributes(name, path, negotiated.fourOctetAsn),
      external ? peer.role : undefined,
      localAsn,
    )
    if (!attributesFit(block, MAX_UPDATE_LENGTH)) {
      onFault(
        `No routes of ${attributes.lists.join(', ')} are sent: their attributes take ${block.bytes.length} octets, more than an UPDATE has room for`,
      )
      return undefined
    }
    return block
  }
}

/**
 * Our UPDATEs have at most 4096 octets, even if the peer accepts longer ones (RFC 8654). None of our routes needs more, longer messages would save half
 * a percent of headers, and some monitoring tools cannot read them.
 */
export const MAX_UPDATE_LENGTH = 4096

/** RFC 4271 §5.1.5 demands one on every iBGP session; 100 is the usual default. */
const DEFAULT_LOCAL_PREF = 100

/** The peer's own setting, then the route's, then the speaker's, then our address on the session. */
function chooseNextHop(
  speaker: SpeakerConfig,
  peer: SpeakerPeerConfig,
  attributes: RouteAttributes,
  family: FamilyNumber,
  { localAddress }: SessionAddresses,
): Uint8Array | undefined {
  const key = family === FamilyNumber.ipv4 ? 'nextHopIpv4' : 'nextHopIpv6'
  const chosen = peer[key] ?? attributes[key] ?? speaker[key] ?? 'self'
  const octets = parseAddress(chosen === 'self' ? localAddress : chosen)
  return family === FamilyNumber.ipv6 && octets?.length === 4 ? undefined : octets
}

/** RFC 9234 §5: routes to customers, peers and clients of a route server carry our AS: they must not be sent to providers. */
function withOnlyToCustomer(block: AttributeBlock, role: SpeakerPeerConfig['role'], localAsn: number): AttributeBlock {
  if (role !== 'provider' && role !== 'peer' && role !== 'rs') return block
  const bytes = new Uint8Array(block.bytes.length + 7)
  bytes.set(block.bytes)
  bytes.set([0xc0, ONLY_TO_CUSTOMER, 4], block.bytes.length)
  new DataView(bytes.buffer).setUint32(block.bytes.length + 3, localAsn)
  return { ...block, bytes }
}

const ONLY_TO_CUSTOMER = 35
