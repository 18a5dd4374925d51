/**
 * Reads one DNS response: the chain of names from QNAME to the addresses, and the addresses.
 *
 * Ingest calls read() for each dnstap response, asks the matcher about the names of the chain, QNAME first, and takes the addresses of the
 * first that is listed. One reader is reused and nothing is allocated. The results are valid until the next read(), while the caller's
 * bytes are.
 *
 *     header     id, flags (QR opcode AA TC RD | RA Z AD CD rcode), QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT: six u16be (RFC 1035 §4.1.1)
 *     question   QNAME, QTYPE u16be, QCLASS u16be
 *     answer     ANCOUNT times: NAME, TYPE u16be, CLASS u16be, TTL u32be, RDLENGTH u16be, RDATA
 *     the rest   not looked at: nothing in it may become a route
 *
 * The one idea: a name is known by where it stands. Servers compress, so the owner of nearly every record is a pointer to the
 * QNAME or to the target of the CNAME before it, and two equal offsets are equal names. Only when offsets differ is a name
 * expanded (lower case, into #arena) and compared by hash, then octet by octet.
 *
 *     #chainKey    [12 | 43 | 71 ]      offsets in the message where the names on the chain stand: QNAME is at 12
 *     #chainAt     [ - | 0  | 24 ]      the same names expanded, in #arena (QNAME is used where it is)
 *     #laterKey    [71 , 71 , 71 ]      owners of address records other than QNAME, told apart after the walk
 *
 * Rules. The walk prefers a CNAME to a DNAME, takes the first where several have one owner, and stops at a name
 * that is on the chain already. A compression pointer must point before the start of the part of the name it stands in,
 * and behind the header, so that following them ends (RFC 1035 §4.1.4 says "prior"). Records that are whole but wrong inside
 * (an A of 3 octets, an SVCB out of order) are counted and left out; a record that runs over the end, or a name we
 * need that cannot be read, spoils the message. With TC set, the whole records are used. A TTL of 2^31 or more is 0 (RFC 2181 §8).
 * Of several questions the first counts. A question for CNAME is answered by the CNAME itself, and no chain starts (RFC 1034 §3.6.2).
 *
 * The obvious twin is slow-response.ts, beside the tests. EDNS is not read: with the low four bits of the RCODE 0
 * the only extended one is BADVERS, and that answers nothing.
 *
 * Standards: RFC 1035 §3, §4; 2181 §8; 3597; 4343; 6672 (DNAME); 9460 (SVCB, HTTPS).
 */
import { LOWER_CASE, MAX_NAME_LENGTH } from './name.ts'

/** Why a response is not used: what read() returns when it is not 0. The first group is sound, but not for us. */
export const ResponseFault = {
  'not-a-response': -1, // QR is clear
  'other-opcode': -2,
  'error-rcode': -3, // NXDOMAIN, SERVFAIL, ...: see `rcode`
  'other-class': -4, // QCLASS is not IN
  'no-question': -5,
  'short-header': -6,
  'record-past-end': -7, // a name, a record's fixed part or its RDATA
  'bad-label': -8, // a length octet from 64 to 191
  'bad-pointer': -9, // forward, to itself, in a loop, or into the header
  'name-too-long': -10,
  'bad-target': -11, // the name in a CNAME or DNAME does not end where its RDATA does
  'message-too-long': -12, // over 65535 octets: no transport of DNS carries it
} as const

export type ResponseFaultName = keyof typeof ResponseFault

/** The name to count a code of read() under. */
export function responseFaultName(code: number): ResponseFaultName {
  return FAULT_NAMES[-code] ?? 'short-header'
}

const FAULT_NAMES = ['short-header', ...Object.keys(ResponseFault)] as ResponseFaultName[]

/** Names on a chain, QNAME included. Resolvers stop at 9 to 16 links. */
export const MAX_CHAIN_LENGTH = 33
/** CNAME and DNAME records looked at in one message. */
export const MAX_LINKS = 72
/** Addresses taken from one message. */
export const MAX_ADDRESSES = 4096

/** RFC 1035 §4.2.2, and what the 16 bits of a key can tell apart. */
const MAX_MESSAGE_LENGTH = 65_535
const HEADER_LENGTH = 12
const QNAME_KEY = HEADER_LENGTH
const CLASS_IN = 1
const TYPE_A = 1
const TYPE_CNAME = 5
const TYPE_AAAA = 28
const TYPE_DNAME = 39
const TYPE_SVCB = 64
const TYPE_HTTPS = 65
const IPV4HINT = 4
const IPV6HINT = 6

export class ResponseReader {
  rcode = 0
  qtype = 0
  /** TC was set: the sender left records out. */
  truncated = false
  /** The chain came back to one of its own names. */
  looped = false

  /** Names on the chain; chain index 0 is QNAME. */
  chainLength = 0

  /** Addresses, in no certain order: A and AAAA records and the hints of SVCB and HTTPS records, of names on the chain. */
  addressCount = 0
  /** Where the 4 or 16 octets stand in the bytes given to read(). */
  readonly addressOffset = new Uint32Array(MAX_ADDRESSES)
  readonly addressLength = new Uint8Array(MAX_ADDRESSES)
  /** The smallest TTL from QNAME to the record, in seconds. */
  readonly addressTtl = new Uint32Array(MAX_ADDRESSES)
  /** Chain index of the owner: an address belongs to the names up to this one. */
  readonly addressOwner = new Uint8Array(MAX_ADDRESSES)

  /** Address records, CNAME and DNAME that were left out of this message, by reason. */
  offChainRecords = 0
  otherClassRecords = 0
  malformedRecords = 0
  excessRecords = 0

  #bytes: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0

  readonly #chainKey = new Uint16Array(MAX_CHAIN_LENGTH)
  readonly #chainAt = new Uint32Array(MAX_CHAIN_LENGTH)
  readonly #chainNameLength = new Uint16Array(MAX_CHAIN_LENGTH)
  readonly #chainHash = new Int32Array(MAX_CHAIN_LENGTH)
  readonly #chainTtl = new Uint32Array(MAX_CHAIN_LENGTH)
  /** QNAME in lower case is in the arena: needed once an owner stands elsewhere than QNAME. */
  #qnameExpanded = false

  #linkCount = 0
  readonly #linkKey = new Uint16Array(MAX_LINKS)
  readonly #linkType = new Uint8Array(MAX_LINKS)
  readonly #linkTtl = new Uint32Array(MAX_LINKS)
  readonly #linkRdata = new Uint32Array(MAX_LINKS)
  readonly #linkEnd = new Uint32Array(MAX_LINKS)
  /** Owners expanded: length 0 while they are not. */
  readonly #linkNameLength = new Uint16Array(MAX_LINKS)
  readonly #linkAt = new Uint32Array(MAX_LINKS)
  readonly #linkHash = new Int32Array(MAX_LINKS)
  readonly #linkFollowed = new Uint8Array(MAX_LINKS)

  #laterCount = 0
  readonly #laterKey = new Uint16Array(MAX_ADDRESSES)
  readonly #laterType = new Uint8Array(MAX_ADDRESSES)
  readonly #laterTtl = new Uint32Array(MAX_ADDRESSES)
  readonly #laterRdata = new Uint32Array(MAX_ADDRESSES)
  readonly #laterEnd = new Uint32Array(MAX_ADDRESSES)

  /** Names expanded for this message: those of the chain, those of the links' owners, and one that is being compared. */
  readonly #arena = new Uint8Array((MAX_CHAIN_LENGTH + MAX_LINKS + 2) * (MAX_NAME_LENGTH + 1))
  #arenaEnd = 0
  /** Of the last #expand(): hash of the name, and where the bytes after it start. */
  #hash = 0
  #after = 0

  /** The bytes a name of the chain lies in: for QNAME those given to read(). */
  chainBytes(index: number): Uint8Array {
    return index === 0 ? this.#bytes : this.#arena
  }

  /** Where in chainBytes() its uncompressed wire format starts; letters of QNAME have the case the client sent. */
  chainOffset(index: number): number {
    return index === 0 ? this.#start + HEADER_LENGTH : (this.#chainAt[index] as number)
  }

  /** The smallest TTL of the links that lead to it; 2^31 - 1 for QNAME. */
  chainTtl(index: number): number {
    return this.#chainTtl[index] as number
  }

  /**
   * Reads the message in `bytes[start..end)` (RFC 1035 §4.1): header of 12 octets, QDCOUNT questions of QNAME, QTYPE, QCLASS, then ANCOUNT
   * records of NAME, TYPE, CLASS, TTL, RDLENGTH, RDATA. 0, or a ResponseFault; then only `rcode` is valid.
   */
  read(bytes: Uint8Array, start: number, end: number): number {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    this.rcode = 0
    this.looped = false
    this.chainLength = 0
    this.addressCount = 0
    this.offChainRecords = 0
    this.otherClassRecords = 0
    this.malformedRecords = 0
    this.excessRecords = 0

    if (end - start < HEADER_LENGTH) return ResponseFault['short-header']
    if (end - start > MAX_MESSAGE_LENGTH) return ResponseFault['message-too-long']
    const flags = bytes[start + 2] as number
    if (flags < 0x80) return ResponseFault['not-a-response']
    if ((flags & 0x78) !== 0) return ResponseFault['other-opcode']
    this.rcode = (bytes[start + 3] as number) & 0x0f
    if (this.rcode !== 0) return ResponseFault['error-rcode']
    const truncated = (flags & 0x02) !== 0
    this.truncated = truncated
    const questions = readUint16(bytes, start + 4)
    if (questions === 0) return ResponseFault['no-question']
    const answers = readUint16(bytes, start + 6)

    // QNAME: nothing stands before it that a pointer could mean.
    let at = start + HEADER_LENGTH
    for (;;) {
      if (at >= end) return ResponseFault['record-past-end']
      const length = bytes[at] as number
      if (length === 0) break
      if (length > 63) return length >= 0xc0 ? ResponseFault['bad-pointer'] : ResponseFault['bad-label']
      at += length + 1
    }
    at++
    if (at - start - HEADER_LENGTH > MAX_NAME_LENGTH) return ResponseFault['name-too-long']
    if (end - at < 4) return ResponseFault['record-past-end']
    this.qtype = readUint16(bytes, at)
    if (readUint16(bytes, at + 2) !== CLASS_IN) return ResponseFault['other-class']
    at += 4
    for (let i = 1; i < questions; i++) {
      at = this.#skipName(at)
      if (at < 0) return at
      if (end - at < 4) return ResponseFault['record-past-end']
      at += 4
    }

    this.chainLength = 1
    this.#chainKey[0] = QNAME_KEY
    this.#chainTtl[0] = MAX_TTL
    this.#qnameExpanded = false
    this.#arenaEnd = 0
    this.#linkCount = 0
    this.#laterCount = 0

    for (let i = 0; i < answers; i++) {
      // Owner.
      if (end - at < 2) {
        if (truncated) break
        return ResponseFault['record-past-end']
      }
      let key: number
      const first = bytes[at] as number
      if (first >= 0xc0) {
        key = ((first & 0x3f) << 8) | (bytes[at + 1] as number)
        if (key < HEADER_LENGTH || key >= at - start) return ResponseFault['bad-pointer']
        at += 2
      } else {
        key = at - start
        const after = this.#skipName(at)
        if (after < 0) {
          if (truncated && after === ResponseFault['record-past-end']) break
          return after
        }
        at = after
      }
      if (end - at < 10) {
        if (truncated) break
        return ResponseFault['record-past-end']
      }
      const type = readUint16(bytes, at)
      const rdata = at + 10
      const rdlength = readUint16(bytes, at + 8)
      const next = rdata + rdlength
      if (next > end) {
        if (truncated) break
        return ResponseFault['record-past-end']
      }
      const expected = EXPECTED_RDLENGTH[type < 256 ? type : 0] as number
      if (expected !== UNREAD_TYPE) {
        if (readUint16(bytes, at + 2) !== CLASS_IN) this.otherClassRecords++
        else if (expected !== ANY_LENGTH && expected !== rdlength) this.malformedRecords++
        else {
          const high = bytes[at + 4] as number
          const ttl = high >= 0x80 ? 0 : (high << 24) | (readUint16(bytes, at + 5) << 8) | (bytes[at + 7] as number)
          if (type === TYPE_CNAME || type === TYPE_DNAME) this.#noteLink(key, type, ttl, rdata, next)
          else if (key === QNAME_KEY) this.#addRecord(0, type, ttl, rdata, next)
          else this.#noteLater(key, type, ttl, rdata, next)
        }
      }
      at = next
    }

    if (this.#linkCount > 0 && this.qtype !== TYPE_CNAME) {
      const fault = this.#walk()
      if (fault < 0) return fault
    }
    return this.#laterCount > 0 ? this.#placeLater() : 0
  }

  /** Follows the links from QNAME as far as they go, then counts those that lead from nowhere on the chain. */
  #walk(): number {
    this.#expandQname()
    for (;;) {
      const link = this.#linkFrom(this.chainLength - 1)
      if (link === NONE) break
      if (link < NONE) return link - NONE
      if (this.chainLength === MAX_CHAIN_LENGTH) {
        this.excessRecords++
        break
      }
      this.#linkFollowed[link] = 1
      const fault = this.#follow(link)
      if (fault < 0) return fault
      if (fault === STOP) break
    }
    for (let link = 0; link < this.#linkCount; link++) {
      if (this.#chainIndexOfKey(this.#linkKey[link] as number) !== NONE) continue
      const fault = this.#expandOwner(link)
      if (fault < 0) return fault
      if (!this.#isOwnerOnChain(link)) this.offChainRecords++
    }
    return 0
  }

  /**
   * The link that leads on from a name of the chain: the first CNAME it owns, else the first DNAME above it. NONE, or a fault with
   * NONE added so that the two stay apart.
   */
  #linkFrom(index: number): number {
    const key = this.#chainKey[index] as number
    const hash = this.#chainHash[index] as number
    let dname = NONE
    for (let link = 0; link < this.#linkCount; link++) {
      const isCname = this.#linkType[link] === TYPE_CNAME
      // Names on the chain differ, so who has led on from one cannot lead on from another. A DNAME can.
      if (isCname && this.#linkFollowed[link] === 1) continue
      if (isCname && this.#linkKey[link] === key) return link
      const fault = this.#expandOwner(link)
      if (fault < 0) return fault + NONE
      if (isCname) {
        if (this.#linkHash[link] === hash && this.#sameAsChain(index, this.#linkAt[link] as number)) return link
      } else if (dname === NONE && this.#isBelow(index, link)) dname = link
    }
    return dname
  }

  /** Puts the target of a link at the end of the chain; STOP when there is nothing to put. */
  #follow(link: number): number {
    const rdata = this.#linkRdata[link] as number
    const from = this.chainLength - 1
    const at = this.#arenaEnd
    let key = rdata - this.#start
    let prefixLength = 0
    if (this.#linkType[link] === TYPE_DNAME) {
      // The labels below its owner go before the target (RFC 6672 §2.2).
      key = NO_KEY
      prefixLength = (this.#chainNameLength[from] as number) - (this.#linkNameLength[link] as number)
      const source = this.#chainAt[from] as number
      this.#arena.copyWithin(at, source, source + prefixLength)
    } else if ((this.#bytes[rdata] as number) >= 0xc0) {
      key = readUint16(this.#bytes, rdata) & 0x3fff
    }
    const targetLength = this.#expand(rdata, at + prefixLength)
    if (targetLength < 0) return targetLength
    if (this.#after !== this.#linkEnd[link]) return ResponseFault['bad-target']
    const length = prefixLength + targetLength
    if (length > MAX_NAME_LENGTH) return STOP // YXDOMAIN in RFC 6672
    const hash = prefixLength === 0 ? this.#hash : hashName(this.#arena, at, length)
    if (this.#chainIndexOfName(at, length, hash) !== NONE) {
      this.looped = true
      return STOP
    }
    const index = this.chainLength++
    this.#chainKey[index] = key
    this.#chainAt[index] = at
    this.#chainNameLength[index] = length
    this.#chainHash[index] = hash
    this.#chainTtl[index] = Math.min(this.#chainTtl[from] as number, this.#linkTtl[link] as number)
    this.#arenaEnd = at + length
    return 0
  }

  /** Address records whose owner does not stand where QNAME does: gives them their place on the chain. */
  #placeLater(): number {
    let lastKey = NO_KEY
    let index = NONE
    for (let i = 0; i < this.#laterCount; i++) {
      const key = this.#laterKey[i] as number
      if (key !== lastKey) {
        lastKey = key
        index = this.#chainIndexOfKey(key)
        if (index === NONE) {
          this.#expandQname()
          const length = this.#expand(this.#start + key, this.#arenaEnd)
          if (length < 0) return length
          index = this.#chainIndexOfName(this.#arenaEnd, length, this.#hash)
        }
      }
      if (index === NONE) this.offChainRecords++
      else
        this.#addRecord(
          index,
          this.#laterType[i] as number,
          this.#laterTtl[i] as number,
          this.#laterRdata[i] as number,
          this.#laterEnd[i] as number,
        )
    }
    return 0
  }

  #noteLink(key: number, type: number, ttl: number, rdata: number, end: number): void {
    const link = this.#linkCount
    if (link === MAX_LINKS) {
      this.excessRecords++
      return
    }
    this.#linkKey[link] = key
    this.#linkType[link] = type
    this.#linkTtl[link] = ttl
    this.#linkRdata[link] = rdata
    this.#linkEnd[link] = end
    this.#linkNameLength[link] = 0
    this.#linkFollowed[link] = 0
    this.#linkCount++
  }

  #noteLater(key: number, type: number, ttl: number, rdata: number, end: number): void {
    const i = this.#laterCount
    if (i === MAX_ADDRESSES) {
      this.excessRecords++
      return
    }
    this.#laterKey[i] = key
    this.#laterType[i] = type
    this.#laterTtl[i] = ttl
    this.#laterRdata[i] = rdata
    this.#laterEnd[i] = end
    this.#laterCount++
  }

  #addRecord(index: number, type: number, ttl: number, rdata: number, end: number): void {
    if (type === TYPE_A) this.#addAddress(index, ttl, rdata, 4)
    else if (type === TYPE_AAAA) this.#addAddress(index, ttl, rdata, 16)
    else this.#addHints(index, ttl, rdata, end)
  }

  #addAddress(index: number, ttl: number, offset: number, length: number): void {
    const i = this.addressCount
    if (i === MAX_ADDRESSES) {
      this.excessRecords++
      return
    }
    this.addressOffset[i] = offset
    this.addressLength[i] = length
    const chainTtl = this.#chainTtl[index] as number
    this.addressTtl[i] = ttl < chainTtl ? ttl : chainTtl
    this.addressOwner[i] = index
    this.addressCount = i + 1
  }

  /**
   * SVCB and HTTPS RDATA (RFC 9460 §2.2): SvcPriority u16be, TargetName uncompressed, then SvcParams in strictly
   * rising order: key u16be, length u16be, value. Priority 0 is an alias, whose parameters mean nothing.
   */
  #addHints(index: number, ttl: number, rdata: number, end: number): void {
    const bytes = this.#bytes
    let at = rdata + 2
    for (;;) {
      if (at >= end || (bytes[at] as number) > 63) {
        this.malformedRecords++
        return
      }
      const length = bytes[at] as number
      at += length + 1
      if (length === 0) break
    }
    if (at - rdata - 2 > MAX_NAME_LENGTH) {
      this.malformedRecords++
      return
    }
    if (readUint16(bytes, rdata) === 0) return
    // All of it is checked before any of it is used.
    const params = at
    let lastKey = -1
    while (at < end) {
      if (end - at < 4) break
      const key = readUint16(bytes, at)
      const length = readUint16(bytes, at + 2)
      if (key <= lastKey || length > end - at - 4) break
      if (key === IPV4HINT && (length === 0 || length % 4 !== 0)) break
      if (key === IPV6HINT && (length === 0 || length % 16 !== 0)) break
      lastKey = key
      at += 4 + length
    }
    if (at !== end) {
      this.malformedRecords++
      return
    }
    for (at = params; at < end; at += 4 + readUint16(bytes, at + 2)) {
      const key = readUint16(bytes, at)
      const size = key === IPV4HINT ? 4 : key === IPV6HINT ? 16 : 0
      if (size === 0) continue
      const valueEnd = at + 4 + readUint16(bytes, at + 2)
      for (let hint = at + 4; hint < valueEnd; hint += size) this.#addAddress(index, ttl, hint, size)
    }
  }

  #chainIndexOfKey(key: number): number {
    for (let index = this.chainLength - 1; index >= 0; index--) if (this.#chainKey[index] === key) return index
    return NONE
  }

  #chainIndexOfName(at: number, length: number, hash: number): number {
    for (let index = this.chainLength - 1; index >= 0; index--)
      if (this.#chainHash[index] === hash && this.#chainNameLength[index] === length && this.#sameAsChain(index, at)) return index
    return NONE
  }

  /** Whether the expanded name at `at` is that of the chain. A name ends with its only zero length, so the length need not be told. */
  #sameAsChain(index: number, at: number): boolean {
    const arena = this.#arena
    const chainAt = this.#chainAt[index] as number
    const length = this.#chainNameLength[index] as number
    for (let i = 0; i < length; i++) if (arena[at + i] !== arena[chainAt + i]) return false
    return true
  }

  /** Whether a name of the chain is a subdomain of the owner of a link, and not that itself. */
  #isBelow(index: number, link: number): boolean {
    const arena = this.#arena
    const length = this.#linkNameLength[link] as number
    const nameEnd = (this.#chainAt[index] as number) + (this.#chainNameLength[index] as number)
    const tail = nameEnd - length
    let at = this.#chainAt[index] as number
    if (tail <= at) return false
    while (at < tail) at += 1 + (arena[at] as number)
    if (at !== tail) return false
    const ownerAt = this.#linkAt[link] as number
    for (let i = 0; i < length; i++) if (arena[tail + i] !== arena[ownerAt + i]) return false
    return true
  }

  /** A CNAME's owner is on the chain, or a DNAME's is it or above a name of it. */
  #isOwnerOnChain(link: number): boolean {
    const at = this.#linkAt[link] as number
    if (this.#chainIndexOfName(at, this.#linkNameLength[link] as number, this.#linkHash[link] as number) !== NONE) return true
    if (this.#linkType[link] === TYPE_CNAME) return false
    for (let index = 0; index < this.chainLength; index++) if (this.#isBelow(index, link)) return true
    return false
  }

  #expandQname(): void {
    if (this.#qnameExpanded) return
    this.#qnameExpanded = true
    const at = this.#arenaEnd
    const length = this.#expand(this.#start + HEADER_LENGTH, at) // read() has checked it
    this.#chainAt[0] = at
    this.#chainNameLength[0] = length
    this.#chainHash[0] = this.#hash
    this.#arenaEnd = at + length
  }

  #expandOwner(link: number): number {
    if (this.#linkNameLength[link] !== 0) return 0
    const at = this.#arenaEnd
    const length = this.#expand(this.#start + (this.#linkKey[link] as number), at)
    if (length < 0) return length
    this.#linkAt[link] = at
    this.#linkNameLength[link] = length
    this.#linkHash[link] = this.#hash
    this.#arenaEnd = at + length
    return 0
  }

  /** Writes the name at `from` into the arena at `into`, uncompressed and in lower case; its length, or a fault. */
  #expand(from: number, into: number): number {
    const bytes = this.#bytes
    const start = this.#start
    const end = this.#end
    const arena = this.#arena
    let at = from
    let partStart = from // pointers must lead before it
    let after = 0
    let out = into
    let hash = HASH_SEED
    let pointers = 0
    for (;;) {
      if (at >= end) return ResponseFault['record-past-end']
      const length = bytes[at] as number
      if (length === 0) break
      if (length < 64) {
        if (length >= end - at) return ResponseFault['record-past-end']
        if (out - into + length + 2 > MAX_NAME_LENGTH) return ResponseFault['name-too-long']
        arena[out++] = length
        hash = Math.imul(hash ^ length, HASH_PRIME)
        at++
        for (const labelEnd = at + length; at < labelEnd; at++) {
          const octet = LOWER_CASE[bytes[at] as number] as number
          arena[out++] = octet
          hash = Math.imul(hash ^ octet, HASH_PRIME)
        }
      } else {
        if (length < 0xc0) return ResponseFault['bad-label']
        if (end - at < 2) return ResponseFault['record-past-end']
        const target = start + (readUint16(bytes, at) & 0x3fff)
        if (target < start + HEADER_LENGTH || target >= partStart || ++pointers > MAX_POINTERS)
          return ResponseFault['bad-pointer']
        if (after === 0) after = at + 2
        at = target
        partStart = target
      }
    }
    arena[out++] = 0
    this.#after = after === 0 ? at + 1 : after
    this.#hash = Math.imul(hash, HASH_PRIME)
    return out - into
  }

  /**
   * The position after the name at `from`, or a fault. A name is labels of length octet (0-63) and octets, up to a zero octet or a pointer
   * of two octets, 11 and 14 bits of offset (RFC 1035 §4.1.4). Of a pointer only the direction is checked.
   */
  #skipName(from: number): number {
    const bytes = this.#bytes
    const end = this.#end
    let at = from
    for (;;) {
      if (at >= end) return ResponseFault['record-past-end']
      const length = bytes[at] as number
      if (length === 0) return at + 1
      if (length >= 0xc0) {
        if (end - at < 2) return ResponseFault['record-past-end']
        const target = readUint16(bytes, at) & 0x3fff
        if (target < HEADER_LENGTH || target >= from - this.#start) return ResponseFault['bad-pointer']
        return at + 2
      }
      if (length > 63) return ResponseFault['bad-label']
      at += length + 1
    }
  }
}

const MAX_TTL = 0x7fffffff
/** Real encoders need one pointer a name, and a name has at most 127 labels. */
const MAX_POINTERS = 127
const NONE = -1
const STOP = 1
const NO_KEY = 0

// FNV-1a: only tells names of one message apart, and equal hashes are compared in full.
const HASH_SEED = 0x811c9dc5 | 0
const HASH_PRIME = 0x01000193

function hashName(bytes: Uint8Array, at: number, length: number): number {
  let hash = HASH_SEED
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ (bytes[at + i] as number), HASH_PRIME)
  return hash
}

const UNREAD_TYPE = -1
const ANY_LENGTH = -2
/** RDLENGTH that each type below 256 must have. */
const EXPECTED_RDLENGTH = new Int16Array(256).fill(UNREAD_TYPE)
EXPECTED_RDLENGTH[TYPE_A] = 4
EXPECTED_RDLENGTH[TYPE_AAAA] = 16
for (const type of [TYPE_CNAME, TYPE_DNAME, TYPE_SVCB, TYPE_HTTPS]) EXPECTED_RDLENGTH[type] = ANY_LENGTH

function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}
