/**
 * The addresses of the resolvers that report to us: no answer may steer the way to them.
 *
 * The operator names them ([dnstap] resolvers), or they are learnt from what the messages say, whatever else they carry. Which of a message's
 * two addresses is the resolver's depends on its type: a CLIENT_RESPONSE is sent from the resolver, a RESOLVER_RESPONSE is sent to it, from
 * somebody's authority; at a FORWARDER_RESPONSE or a STUB_RESPONSE there is a resolver at either end.
 *
 * A route that covers a resolver is withdrawn, so one message must not make a resolver of any address. An address counts when it was seen in
 * ten different windows of ten seconds, none of them more than an hour after the one before. One sender can make 64 addresses count; an
 * address that was not seen for a day is forgotten.
 */
import { MessageType, type DnstapDecoder } from '@dnstap-bgp/dnstap'
import { formatAddress } from '@dnstap-bgp/ip'

const WINDOW_SECONDS = 10
const WINDOWS_NEEDED = 10
const CANDIDATE_SECONDS = 3600
const KEPT_SECONDS = 24 * 3600
const MAX_PER_SENDER = 64
const MAX_SENDERS = 256
const MAX_ADDRESSES = 1000

/** Which ends of a message are resolvers, by its type. The others (AUTH, TOOL, UPDATE) tell of none. */
const AT_RESPONSE_ADDRESS = new Uint8Array(16)
const AT_QUERY_ADDRESS = new Uint8Array(16)
for (const type of ['CLIENT', 'FORWARDER', 'STUB'] as const) {
  AT_RESPONSE_ADDRESS[MessageType[`${type}_QUERY`]] = 1
  AT_RESPONSE_ADDRESS[MessageType[`${type}_RESPONSE`]] = 1
}
for (const type of ['RESOLVER', 'FORWARDER', 'STUB'] as const) {
  AT_QUERY_ADDRESS[MessageType[`${type}_QUERY`]] = 1
  AT_QUERY_ADDRESS[MessageType[`${type}_RESPONSE`]] = 1
}

/** What one sender's messages say of an address. */
interface Evidence {
  windows: number
  lastWindow: number
  /** The sender has made it count. */
  counts: boolean
}

export class ResolverAddresses {
  /** Addresses forgotten for lack of room. */
  evicted = 0
  /** Named by the operator: then nothing is learnt. */
  #named: ReadonlySet<string> | undefined
  /** When each that was learnt was seen last, in seconds; the oldest first. */
  readonly #seenAt = new Map<string, number>()
  /** By sender; the one heard longest ago first. */
  readonly #senders = new Map<string, Map<string, Evidence>>()
  #isNew = false

  get size(): number {
    return this.#named?.size ?? this.#seenAt.size
  }

  get all(): readonly string[] {
    return [...(this.#named ?? this.#seenAt.keys())]
  }

  /** Only these count from now on; undefined: those that are learnt. */
  name(addresses: readonly string[] | undefined): void {
    this.#named = addresses === undefined ? undefined : new Set(addresses)
    if (addresses === undefined) return
    this.#seenAt.clear()
    this.#senders.clear()
  }

  has(address: string): boolean {
    return this.#named === undefined ? this.#seenAt.has(address) : this.#named.has(address)
  }

  /** For RoutePolicy: why a host prefix is not routed. */
  refuses(prefix: string): string | undefined {
    return this.has(prefix.slice(0, prefix.lastIndexOf('/'))) ? 'a resolver that we hear from' : undefined
  }

  /** Is the address at `offset` one of a resolver by this message itself? Then its answer may not steer the way there; nothing follows for others. */
  isOfMessage(decoder: DnstapDecoder, bytes: Uint8Array, offset: number, lengthBytes: number): boolean {
    const { messageType } = decoder
    return (
      (AT_RESPONSE_ADDRESS[messageType] === 1 &&
        isSame(bytes, offset, lengthBytes, decoder.responseAddressStart, decoder.responseAddressEnd)) ||
      (AT_QUERY_ADDRESS[messageType] === 1 &&
        isSame(bytes, offset, lengthBytes, decoder.queryAddressStart, decoder.queryAddressEnd))
    )
  }

  /** Called now and then for each sender, not for each message. True: an address counts that did not before. */
  learn(sender: string, decoder: DnstapDecoder, bytes: Uint8Array, nowSeconds: number): boolean {
    this.#isNew = false
    if (this.#named !== undefined) return false
    const { messageType } = decoder
    if (AT_RESPONSE_ADDRESS[messageType] === 1)
      this.#see(sender, bytes, decoder.responseAddressStart, decoder.responseAddressEnd, nowSeconds)
    if (AT_QUERY_ADDRESS[messageType] === 1)
      this.#see(sender, bytes, decoder.queryAddressStart, decoder.queryAddressEnd, nowSeconds)
    return this.#isNew
  }

  /** Forgets the addresses that were not seen for a day. */
  forgetOld(nowSeconds: number): void {
    for (const [address, seenAt] of this.#seenAt) {
      if (nowSeconds - seenAt < KEPT_SECONDS) break
      this.#forget(address)
    }
    const now = windowOf(nowSeconds)
    for (const [sender, known] of this.#senders) {
      for (const [address, evidence] of known) if (isStale(evidence, now)) known.delete(address)
      if (known.size === 0) this.#senders.delete(sender)
    }
  }

  #see(sender: string, bytes: Uint8Array, start: number, end: number, nowSeconds: number): void {
    if (end - start !== 4 && end - start !== 16) return
    const address = formatAddress(bytes, start, end - start)
    const now = windowOf(nowSeconds)
    const evidence = this.#evidenceOf(sender, address, now)
    if (evidence === undefined) return
    if (evidence.lastWindow !== now) {
      evidence.windows++
      evidence.lastWindow = now
    }
    if (evidence.windows < WINDOWS_NEEDED) return
    evidence.counts = true
    if (!this.#seenAt.delete(address)) this.#isNew = true
    this.#seenAt.set(address, nowSeconds)
    if (this.#seenAt.size <= MAX_ADDRESSES) return
    const [oldest] = this.#seenAt.keys()
    this.#forget(oldest)
    this.evicted++
  }

  /** Undefined: the sender has no room, because all that it has said counts. */
  #evidenceOf(sender: string, address: string, now: number): Evidence | undefined {
    const known = this.#senders.get(sender) ?? new Map<string, Evidence>()
    this.#senders.delete(sender)
    this.#senders.set(sender, known)
    const found = known.get(address)
    if (found !== undefined && !isStale(found, now)) return found
    known.delete(address)
    if (known.size >= MAX_PER_SENDER) {
      const loser = [...known].find(([, { counts }]) => !counts)
      this.evicted++
      if (loser === undefined) return undefined
      known.delete(loser[0])
    }
    const fresh: Evidence = { windows: 0, lastWindow: -1, counts: false }
    known.set(address, fresh)
    if (this.#senders.size > MAX_SENDERS) {
      const [oldest] = this.#senders.keys()
      this.#senders.delete(oldest)
    }
    return fresh
  }

  /** With its evidence: to count again the address must be seen as often as at first. */
  #forget(address: string): void {
    this.#seenAt.delete(address)
    for (const known of this.#senders.values()) known.delete(address)
  }
}

function isSame(bytes: Uint8Array, offset: number, lengthBytes: number, start: number, end: number): boolean {
  if (end - start !== lengthBytes) return false
  for (let i = 0; i < lengthBytes; i++) if (bytes[offset + i] !== bytes[start + i]) return false
  return true
}

function windowOf(nowSeconds: number): number {
  return Math.floor(nowSeconds / WINDOW_SECONDS)
}

function isStale({ lastWindow, counts }: Evidence, now: number): boolean {
  return lastWindow >= 0 && (now - lastWindow) * WINDOW_SECONDS >= (counts ? KEPT_SECONDS : CANDIDATE_SECONDS)
}
