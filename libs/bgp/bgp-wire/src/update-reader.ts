/**
 * Reads UPDATEs (RFC 4271 §4.3) as one who announces and keeps nothing: checks them, counts prefixes, tells what was wrong.
 *
 *     | Withdrawn Routes Length (2) | prefixes ... | Total Path Attribute Length (2) | attributes ... | NLRI ... |
 *
 * Errors are graded by RFC 7606. A bad attribute is a value in the result, an `AttributeFault` that costs either the attribute
 * (discard) or the routes of the message (treat-as-withdraw: they are counted as withdrawn). Only where the prefixes themselves cannot
 * be found is a BgpError thrown, which resets the session. Prefixes are offered to a listener in place; nothing is stored.
 */
import { BgpError } from './bgp-error.ts'
import { AttributeFlag, AttributeType, ErrorCode, HEADER_LENGTH, UpdateErrorSubcode, familyOf } from './numbers.ts'
import type { Family } from './numbers.ts'
import { copyOf, readUint16, readUint32 } from './octets.ts'

/** What was agreed with the peer that bears on how its UPDATEs read. */
export interface UpdateContext {
  readonly fourOctetAsn: boolean
  /** iBGP. */
  readonly internal: boolean
  readonly families: readonly Family[]
  /** Families with RFC 8950 agreed. */
  readonly extendedNextHop: readonly Family[]
  /** Called for each prefix of a family agreed on; the octets are the message's own. */
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
  /** Those of treat-as-withdraw included. */
  readonly withdrawn: Readonly<Record<Family, number>>
  /** Prefixes of a family not agreed on are not even looked at (RFC 4760 §7). */
  readonly otherFamily: boolean
  readonly endOfRib: Family | undefined
  /** At most the first sixteen. */
  readonly faults: readonly AttributeFault[]
}

/** A run of NLRI octets. */
interface Run {
  readonly family: Family
  readonly start: number
  readonly end: number
}

const MAX_FAULTS = 16

/** Throws BgpError (UPDATE Message Error) for what RFC 7606 answers with a session reset. */
export function decodeUpdate(message: Uint8Array, context: UpdateContext): ReceivedUpdate {
  return new UpdateReading(message, context).result()
}

class UpdateReading {
  readonly #bytes: Uint8Array
  readonly #context: UpdateContext
  readonly #faults: AttributeFault[] = []
  #treatAsWithdraw = false
  #seen = new Uint8Array(256)
  #reach: Run | undefined
  #unreach: Run | undefined
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

    const classic: Run = { family: 'ipv4', start: nlriStart, end: bytes.length }
    const hasClassic = classic.end > classic.start
    const hasReach = hasClassic || this.#seen[AttributeType.MP_REACH_NLRI] === 1
    if (hasReach) this.#checkMandatory(hasClassic)
    // RFC 7606 §5.2: attributes went bad and there is no prefix to withdraw for them; perhaps the error swallowed it.
    if (this.#treatAsWithdraw && !hasReach) throw malformedList(this.#faults[0]?.reason ?? 'attributes without NLRI')

    const announced = { ipv4: 0, ipv6: 0 }
    const withdrawn = { ipv4: 0, ipv6: 0 }
    const takeBack = (run: Run) => (withdrawn[run.family] += this.#readPrefixes(run, false))
    const take = (run: Run) => (this.#treatAsWithdraw ? takeBack(run) : (announced[run.family] += this.#readPrefixes(run, true)))
    takeBack({ family: 'ipv4', start: withdrawnStart, end: withdrawnEnd })
    if (this.#unreach !== undefined) takeBack(this.#unreach)
    if (this.#reach !== undefined) take(this.#reach)
    take(classic)
    return { announced, withdrawn, otherFamily: this.#otherFamily, endOfRib: this.#endOfRib(nlriStart), faults: this.#faults }
  }

  /** RFC 4724 §2: an UPDATE with nothing in it, or with nothing but an empty MP_UNREACH_NLRI. */
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

  #readAttributes(start: number, end: number): void {
    const bytes = this.#bytes
    let at = start
    while (at < end) {
      const extended = (bytes[at] & AttributeFlag.EXTENDED_LENGTH) !== 0
      const headLength = extended ? 4 : 3
      const type = at + 1 < end ? bytes[at + 1] : 0
      // RFC 7606 §4: the total length is believed, so the NLRI behind it can still be withdrawn.
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
        copyOf(this.#bytes, at, end),
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

  /** RFC 7606 §7, in its order; false is treat-as-withdraw. */
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
    const bad = (detail: string) => updateError(UpdateErrorSubcode.OPTIONAL_ATTRIBUTE_ERROR, copyOf(bytes, at, end), detail)
    const isReach = type === AttributeType.MP_REACH_NLRI
    if (end - start < (isReach ? 5 : 3)) throw bad(`attribute ${type} of ${end - start} octets`)
    const family = familyOf(readUint16(bytes, start), bytes[start + 2])
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
    // RFC 7606 §7.11: behind a next hop of doubtful length nobody finds the NLRI.
    if (!isGood || nlriStart > end) throw bad(`a next hop of ${nextHopLength} octets for ${family}`)
    this.#reach = { family, start: nlriStart, end }
  }

  /** RFC 7606 §3 d. */
  #checkMandatory(hasClassic: boolean): void {
    for (const type of [AttributeType.ORIGIN, AttributeType.AS_PATH]) {
      if (this.#seen[type] === 0) this.#fault(type, 'treat-as-withdraw', `attribute ${type} is missing`)
    }
    if (hasClassic && this.#seen[AttributeType.NEXT_HOP] === 0) {
      this.#fault(AttributeType.NEXT_HOP, 'treat-as-withdraw', 'NEXT_HOP is missing')
    }
  }

  /** How many prefixes there are. RFC 7606 §5.3: one that does not fit resets the session. */
  #readPrefixes(run: Run, announced: boolean): number {
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

/** Optional and Transitive as each attribute must have them. */
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

/** RFC 7606 §7.2: segments of a known type, none empty, filling the attribute; RFC 7607: no AS 0 in it. */
function isAsPath(bytes: Uint8Array, start: number, end: number, asnLength: 2 | 4): boolean {
  let at = start
  while (at < end) {
    if (end - at < 2) return false
    const segmentType = bytes[at]
    const count = bytes[at + 1]
    const next = at + 2 + count * asnLength
    // AS_SET and AS_SEQUENCE; the confederation's segments (3, 4) have no business outside of one (RFC 5065 §4.1).
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
