/**
 * Path attributes of our routes (RFC 4271 §5), encoded once for each attribute set and kind of peer, then shared by all routes and peers
 * that have them.
 *
 *     attribute: | Flags (1) | Type (1) | Length (1, or 2 with the Extended Length flag) | value |
 *
 * MP_REACH_NLRI depends on the NLRI of one message, so it is not in the block: UpdateWriter writes it first (RFC 7606 §5.1), with the next hop
 * of the block. The other attributes are in ascending order of type, as RFC 4271 §5 recommends.
 */
import type { LargeCommunity } from './communities.ts'
import { AS_TRANS, AttributeFlag, AttributeType, Origin } from './numbers.ts'
import type { Family } from './numbers.ts'
import { copyOctets, uint16, uint32 } from './network-order.ts'

export interface PathAttributes {
  /** Default IGP. */
  readonly origin?: Origin
  /** One AS_SEQUENCE, nearest first; empty towards iBGP peers. At most 255. */
  readonly asPath: readonly number[]
  /** 4 or 16 octets. IPv6 for IPv4 NLRI needs RFC 8950 agreed. A link-local second next hop is never sent. */
  readonly nextHop: Uint8Array
  readonly med?: number
  /** Leave it out on an external session, where it must not be sent (RFC 4271 §5.1.5). */
  readonly localPref?: number
  readonly communities?: readonly number[]
  readonly largeCommunities?: readonly LargeCommunity[]
}

export interface AttributeBlock {
  readonly family: Family
  /** The next hop of MP_REACH_NLRI; empty if the NLRI is in the UPDATE's own field and NEXT_HOP is in `bytes`. */
  readonly mpNextHop: Uint8Array
  /** All attributes except MP_REACH_NLRI. */
  readonly bytes: Uint8Array
  /** The attributes that were encoded, for people. */
  readonly attributes: PathAttributes
}

const WELL_KNOWN = AttributeFlag.TRANSITIVE
const OPTIONAL_TRANSITIVE = AttributeFlag.OPTIONAL | AttributeFlag.TRANSITIVE
const AS_SEQUENCE = 2

/** `fourOctetAsn`: agreed with the peer (RFC 6793); else an AS in AS_PATH has two octets, and AS4_PATH has the larger ones. */
export function encodeAttributes(family: Family, attributes: PathAttributes, fourOctetAsn: boolean): AttributeBlock {
  const { asPath, nextHop } = attributes
  if (asPath.length > 255) throw new RangeError(`an AS_PATH of ${asPath.length}`)
  if (nextHop.length !== 16 && (nextHop.length !== 4 || family === 'ipv6')) {
    throw new RangeError(`a next hop of ${nextHop.length} octets for ${family}`)
  }
  const inNextHopAttribute = family === 'ipv4' && nextHop.length === 4
  const octets: number[] = []
  put(octets, WELL_KNOWN, AttributeType.ORIGIN, [attributes.origin ?? Origin.IGP])
  const segment = (hops: number[]) => (asPath.length === 0 ? [] : [AS_SEQUENCE, asPath.length, ...hops])
  const fourOctetPath = segment(asPath.flatMap(uint32))
  const path = fourOctetAsn ? fourOctetPath : segment(asPath.flatMap((asn) => uint16(asn > 0xffff ? AS_TRANS : asn)))
  put(octets, WELL_KNOWN, AttributeType.AS_PATH, path)
  if (inNextHopAttribute) put(octets, WELL_KNOWN, AttributeType.NEXT_HOP, [...nextHop])
  if (attributes.med !== undefined) put(octets, AttributeFlag.OPTIONAL, AttributeType.MULTI_EXIT_DISC, uint32(attributes.med))
  if (attributes.localPref !== undefined) put(octets, WELL_KNOWN, AttributeType.LOCAL_PREF, uint32(attributes.localPref))
  const communities = [...new Set(attributes.communities)].sort((a, b) => a - b)
  if (communities.length > 0) put(octets, OPTIONAL_TRANSITIVE, AttributeType.COMMUNITIES, communities.flatMap(uint32))
  if (!fourOctetAsn && asPath.some((asn) => asn > 0xffff)) put(octets, OPTIONAL_TRANSITIVE, AttributeType.AS4_PATH, fourOctetPath)
  const large = distinctLargeCommunities(attributes.largeCommunities ?? [])
  if (large.length > 0) put(octets, OPTIONAL_TRANSITIVE, AttributeType.LARGE_COMMUNITY, large.flat().flatMap(uint32))
  const mpNextHop = inNextHopAttribute ? new Uint8Array(0) : copyOctets(nextHop)
  return { family, mpNextHop, bytes: Uint8Array.from(octets), attributes }
}

function put(octets: number[], flags: number, type: number, value: readonly number[]): void {
  if (value.length > 255) octets.push(flags | AttributeFlag.EXTENDED_LENGTH, type, ...uint16(value.length))
  else octets.push(flags, type, value.length)
  for (const octet of value) octets.push(octet)
}

/** Sorted, each once (RFC 8092 §5). */
function distinctLargeCommunities(communities: readonly LargeCommunity[]): LargeCommunity[] {
  const byText = new Map(communities.map((community) => [community.join(':'), community]))
  return [...byText.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
}
