/**
 * Reads UPDATEs (RFC 4271 §4.3) for a speaker that keeps no routes: checks them, counts prefixes, reports faults.
 *
 *     | Withdrawn Routes Length (2) | prefixes ... | Total Path Attribute Length (2) | attributes ... | NLRI ... |
 *
 * Errors are handled as in RFC 7606. A bad attribute is an `AttributeFault` in the result: either the attribute is ignored (discard), or the
 * routes of the message count as withdrawn (treat-as-withdraw). A BgpError, which resets the session, is thrown only if the prefixes cannot
 * be found. A listener may see each prefix in place; nothing is stored.
 */
import { BgpError } from './bgp-error.ts'
import { AttributeFlag, AttributeType, ErrorCode, HEADER_LENGTH, UpdateErrorSubcode, familyOfAfi } from './numbers.ts'
import type { Family } from './numbers.ts'
import { copyOctets, readUint16, readUint32 } from './network-order.ts'

/** What was agreed with the peer and decides how to read its UPDATEs. */
export interface UpdateContext {
  readonly fourOctetAsn: boolean
  /** iBGP. */
  readonly internal: boolean
  readonly families: readonly Family[]
  /** Families with RFC 8950 agreed. */
  readonly extendedNextHop: readonly Family[]
  /** Called for each prefix of an agreed family; the octets are those of the message. */
  readonly onPrefix?: (family: Family, announced: boolean, bytes: Uint8Array, offset: number, lengthBits: number) => void
}

export interface AttributeFault {
  readonly attributeType: number
  /** RFC 7606 §2. */
  readonly approach: 'treat-as-withdraw' | 'attribute discard'
  readonly reason: string
}

export interface ReceivedUpdate {
  readonly announced: Readonly<Record<Family, number>>
  /** With those of treat-as-withdraw. */
  readonly withdrawn: Readonly<Record<Family, number>>
  /** The message had prefixes of a family that was not agreed on; they are not read (RFC 4760 §7). */
  readonly otherFamily: boolean
  readonly endOfRib: Family | undefined
  /** At most the first sixteen. */
  readonly faults: readonly AttributeFault[]
}

/** Where prefixes of one family are in the message. */
interface PrefixSpan {
  readonly family: Family
  readonly start: number
  readonly end: number
}

const MAX_FAULTS = 16

/** Reads the layout above. Throws BgpError (UPDATE Message Error) where RFC 7606 resets the session. */
export function decodeUpdate(message: Uint8Array, context: UpdateContext): ReceivedUpdate {
  return new UpdateReader(message, context).result()
}

class UpdateReader {
  readonly #bytes: Uint8Array
  readonly #context: UpdateContext
  readonly #faults: AttributeFault[] = []
  #treatAsWithdraw = false
  #seen = new Uint8Array(256)
  #reach: PrefixSpan | undefined
  #unreach: PrefixSpan | undefined
  #otherFamily = false

  constructor(bytes: Uint8Array, context: UpdateContext) {
    this.#bytes = bytes
    this.#context = context
  }

  result(): ReceivedUpdate {
    const bytes = this.#bytes
    const withdrawnStart = HEADER_LENGTH + 2
    const withdrawnEnd = withdrawnStart + readUint16(bytes, HEADER_LENGTH)
    if (withdrawnEnd + 2 > bytes.length) throw malformedList('the withdrawn routes are longer than the message')
    const attributesStart = withdrawnEnd + 2
    const nlriStart = attributesStart + readUint16(bytes, withdrawnEnd)
    if (nlriStart > bytes.length) throw malformedList('the path attributes are longer than the message')
    this.#readAttributes(attributesStart, nlriStart)

    const classic: PrefixSpan = { family: 'ipv4', start: nlriStart, end: bytes.length }
    const hasClassic = classic.end > classic.start
    const hasReach = hasClassic || this.#seen[AttributeType.MP_REACH_NLRI] === 1
    if (hasReach) this.#checkMandatory(hasClassic)
    // RFC 7606 §5.2: an attribute is bad and the message has no prefix to withdraw; the error may have hidden the prefix.
    if (this.#treatAsWithdraw && !hasReach) throw malformedList(this.#faults[0]?.reason ?? 'attributes without NLRI')

    const announced = { ipv4: 0, ipv6: 0 }
    const withdrawn = { ipv4: 0, ipv6: 0 }
    const takeBack = (run: PrefixSpan) => (withdrawn[run.family] += this.#readPrefixes(run, false))
    const take = (run: PrefixSpan) =>
      this.#treatAsWithdraw ? takeBack(run) : (announced[run.family] += this.#readPrefixes(run, true))
    takeBack({ family: 'ipv4', start: withdrawnStart, end: withdrawnEnd })
    if (this.#unreach !== undefined) takeBack(this.#unreach)
    if (this.#reach !== undefined) take(this.#reach)
    take(classic)
    return { announced, withdrawn, otherFamily: this.#otherFamily, endOfRib: this.#endOfRib(nlriStart), faults: this.#faults }
  }

  /** RFC 4724 §2: an empty UPDATE, or an UPDATE with only an empty MP_UNREACH_NLRI. */
  #endOfRib(nlriStart: number): Family | undefined {
    if (nlriStart !== this.#bytes.length || readUint16(this.#bytes, HEADER_LENGTH) !== 0) return undefined
    const attributesStart = HEADER_LENGTH + 4
    if (nlriStart === attributesStart) return 'ipv4'
    if (this.#unreach === undefined || this.#unreach.end > this.#unreach.start) return undefined
    const headLength = (this.#bytes[attributesStart] & AttributeFlag.EXTENDED_LENGTH) !== 0 ? 4 : 3
    return this.#unreach.start === attributesStart + headLength + 3 && this.#unreach.end === nlriStart
      ? this.#unreach.family
      : undefined
  }

  /** Reads ( Flags (1) | Type (1) | Length (1; 2 with the Extended Length flag) | value )* (RFC 4271 §4.3). */
  #readAttributes(start: number, end: number): void {
    const bytes = this.#bytes
    let at = start
    while (at < end) {
      const extended = (bytes[at] & AttributeFlag.EXTENDED_LENGTH) !== 0
      const headLength = extended ? 4 : 3
      const type = at + 1 < end ? bytes[at + 1] : 0
      // RFC 7606 §4: the total length is trusted, so the NLRI behind it can still be withdrawn.
      if (end - at < headLength) return this.#fault(type, 'treat-as-withdraw', 'an attribute header is cut short')
      const valueStart = at + headLength
      const valueEnd = valueStart + (extended ? readUint16(bytes, at + 2) : bytes[at + 2])
      if (valueEnd > end) return this.#fault(type, 'treat-as-withdraw', `attribute ${type} is longer than the attributes`)
      this.#readAttribute(bytes[at], type, at, valueStart, valueEnd)
      at = valueEnd
    }
  }

  #readAttribute(flags: number, type: number, at: number, start: number, end: number): void {
    if (this.#seen[type] === 1) {
      // RFC 7606 §3 g
      if (type === AttributeType.MP_REACH_NLRI || type === AttributeType.MP_UNREACH_NLRI) {
        throw malformedList(`attribute ${type} twice`)
      }
      return this.#fault(type, 'attribute discard', `attribute ${type} again`)
    }
    this.#seen[type] = 1
    const expectedFlags = FLAGS_OF[type]
    if (expectedFlags === NOT_KNOWN) {
      if ((flags & AttributeFlag.OPTIONAL) !== 0) return
      throw updateError(
        UpdateErrorSubcode.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE,
        copyOctets(this.#bytes, at, end),
        `well-known attribute ${type} is not known`,
      )
    }
    const attributeOnly = type === AttributeType.MP_REACH_NLRI || type === AttributeType.MP_UNREACH_NLRI
    if (((flags ^ expectedFlags) & (AttributeFlag.OPTIONAL | AttributeFlag.TRANSITIVE)) !== 0) {
      this.#fault(type, 'treat-as-withdraw', `attribute ${type} with flags ${flags}`) // RFC 7606 §3 c
      if (!attributeOnly) return
    }
    if (attributeOnly) return this.#readMultiprotocol(type, at, start, end)
    const length = end - start
    const isGood = this.#isWellFormed(type, start, end)
    if (isGood === true) return
    const approach = isGood === DISCARD ? 'attribute discard' : 'treat-as-withdraw'
    this.#fault(type, approach, `attribute ${type} of ${length} octets is malformed`)
  }

  /** Checks a value as in RFC 7606 §7, in its order; false: treat-as-withdraw. */
  #isWellFormed(type: number, start: number, end: number): boolean | typeof DISCARD {
    const bytes = this.#bytes
    const length = end - start
    const { internal, fourOctetAsn } = this.#context
    switch (type) {
      case AttributeType.ORIGIN:
        return length === 1 && bytes[start] <= 2
      case AttributeType.AS_PATH:
        return isAsPath(bytes, start, end, fourOctetAsn ? 4 : 2)
      case AttributeType.NEXT_HOP:
      case AttributeType.MULTI_EXIT_DISC:
        return length === 4
      case AttributeType.LOCAL_PREF:
        return internal ? length === 4 : DISCARD
      case AttributeType.ATOMIC_AGGREGATE:
        return length === 0 || DISCARD
      case AttributeType.AGGREGATOR:
        return length === (fourOctetAsn ? 8 : 6) || DISCARD
      case AttributeType.COMMUNITIES:
        return length > 0 && length % 4 === 0
      case AttributeType.ORIGINATOR_ID:
        return internal ? length === 4 : DISCARD
      case AttributeType.CLUSTER_LIST:
        return internal ? length > 0 && length % 4 === 0 : DISCARD
      case AttributeType.EXTENDED_COMMUNITIES:
        return length > 0 && length % 8 === 0
      case AttributeType.AS4_PATH: // RFC 6793 §6
        return (!fourOctetAsn && isAsPath(bytes, start, end, 4)) || DISCARD
      case AttributeType.AS4_AGGREGATOR:
        return (!fourOctetAsn && length === 8) || DISCARD
      case AttributeType.LARGE_COMMUNITY: // RFC 8092 §6
        return length > 0 && length % 12 === 0
      case AttributeType.ONLY_TO_CUSTOMER: // RFC 9234 §5
        return length === 4
      default:
        return true
    }
  }

  /**
   * MP_REACH_NLRI (RFC 4760 §3):   | AFI (2) | SAFI (1) | Next Hop Length (1) | Next Hop | Reserved (1) | NLRI ... |
   * MP_UNREACH_NLRI (§4):          | AFI (2) | SAFI (1) | withdrawn prefixes ... |
   */
  #readMultiprotocol(type: number, at: number, start: number, end: number): void {
    const bytes = this.#bytes
    const bad = (detail: string) => updateError(UpdateErrorSubcode.OPTIONAL_ATTRIBUTE_ERROR, copyOctets(bytes, at, end), detail)
    const isReach = type === AttributeType.MP_REACH_NLRI
    if (end - start < (isReach ? 5 : 3)) throw bad(`attribute ${type} of ${end - start} octets`)
    const family = familyOfAfi(readUint16(bytes, start), bytes[start + 2])
    if (family === undefined || !this.#context.families.includes(family)) {
      this.#otherFamily = true
      return
    }
    if (!isReach) {
      this.#unreach = { family, start: start + 3, end }
      return
    }
    const nextHopLength = bytes[start + 3]
    const sixteen = family === 'ipv6' || this.#context.extendedNextHop.includes(family)
    const isGood = (family === 'ipv4' && nextHopLength === 4) || (sixteen && (nextHopLength === 16 || nextHopLength === 32))
    const nlriStart = start + 5 + nextHopLength
    // RFC 7606 §7.11: behind a next hop of a wrong length, the NLRI cannot be found.
    if (!isGood || nlriStart > end) throw bad(`a next hop of ${nextHopLength} octets for ${family}`)
    this.#reach = { family, start: nlriStart, end }
  }

  /** Attributes that must be present: RFC 7606 §3 d. */
  #checkMandatory(hasClassic: boolean): void {
    for (const type of [AttributeType.ORIGIN, AttributeType.AS_PATH]) {
      if (this.#seen[type] === 0) this.#fault(type, 'treat-as-withdraw', `attribute ${type} is missing`)
    }
    if (hasClassic && this.#seen[AttributeType.NEXT_HOP] === 0) {
      this.#fault(AttributeType.NEXT_HOP, 'treat-as-withdraw', 'NEXT_HOP is missing')
    }
  }

  /** Counts ( Length in bits (1) | Prefix (0 to 4 or 16) )* (RFC 4271 §4.3). A prefix that does not fit resets the session (RFC 7606 §5.3). */
  #readPrefixes(run: PrefixSpan, announced: boolean): number {
    const { family, end } = run
    const bytes = this.#bytes
    const longest = family === 'ipv4' ? 32 : 128
    const { onPrefix } = this.#context
    const isWanted = onPrefix !== undefined && this.#context.families.includes(family)
    let count = 0
    let at = run.start
    while (at < end) {
      const lengthBits = bytes[at]
      const next = at + 1 + ((lengthBits + 7) >> 3)
      if (lengthBits > longest || next > end) {
        throw updateError(
          UpdateErrorSubcode.INVALID_NETWORK_FIELD,
          undefined,
          `a prefix of ${lengthBits} bits in ${end - at} octets`,
        )
      }
      if (isWanted) onPrefix(family, announced, bytes, at + 1, lengthBits)
      count++
      at = next
    }
    return count
  }

  #fault(attributeType: number, approach: AttributeFault['approach'], reason: string): void {
    if (approach === 'treat-as-withdraw') this.#treatAsWithdraw = true
    if (this.#faults.length < MAX_FAULTS) this.#faults.push({ attributeType, approach, reason })
  }
}

const DISCARD = 'discard'
const NOT_KNOWN = 0xff

/** The Optional and Transitive flags that each attribute must have. */
const FLAGS_OF = new Uint8Array(256).fill(NOT_KNOWN)
for (const [flags, types] of [
  [AttributeFlag.TRANSITIVE, ['ORIGIN', 'AS_PATH', 'NEXT_HOP', 'LOCAL_PREF', 'ATOMIC_AGGREGATE']],
  [AttributeFlag.OPTIONAL, ['MULTI_EXIT_DISC', 'ORIGINATOR_ID', 'CLUSTER_LIST', 'MP_REACH_NLRI', 'MP_UNREACH_NLRI', 'AIGP']],
  [
    AttributeFlag.OPTIONAL | AttributeFlag.TRANSITIVE,
    ['AGGREGATOR', 'COMMUNITIES', 'EXTENDED_COMMUNITIES', 'AS4_PATH', 'AS4_AGGREGATOR', 'LARGE_COMMUNITY', 'ONLY_TO_CUSTOMER'],
  ],
] as const) {
  for (const type of types) FLAGS_OF[AttributeType[type]] = flags
}

/**
 * Reads ( Segment Type (1) | Count of ASes (1) | ASes (2 or 4 each) )* (RFC 4271 §4.3, RFC 6793 §4.1). Segments have a known type, are not
 * empty and fill the attribute (RFC 7606 §7.2); none has AS 0 (RFC 7607).
 */
function isAsPath(bytes: Uint8Array, start: number, end: number, asnLength: 2 | 4): boolean {
  let at = start
  while (at < end) {
    if (end - at < 2) return false
    const segmentType = bytes[at]
    const count = bytes[at + 1]
    const next = at + 2 + count * asnLength
    // AS_SET and AS_SEQUENCE. Segments of a confederation (3, 4) must not appear outside of one (RFC 5065 §4.1).
    if ((segmentType !== 1 && segmentType !== 2) || count === 0 || next > end) return false
    for (at += 2; at < next; at += asnLength) {
      if ((asnLength === 4 ? readUint32(bytes, at) : readUint16(bytes, at)) === 0) return false
    }
  }
  return true
}

function malformedList(detail: string): BgpError {
  return updateError(UpdateErrorSubcode.MALFORMED_ATTRIBUTE_LIST, undefined, detail)
}

function updateError(subcode: number, data: Uint8Array | undefined, detail: string): BgpError {
  return new BgpError(ErrorCode.UPDATE_MESSAGE_ERROR, subcode, data, detail)
}
