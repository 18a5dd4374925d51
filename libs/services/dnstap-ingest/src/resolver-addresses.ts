/**
 * The addresses of the resolvers we hear from: the way to them must not be steered by an answer.
 *
 * Learnt from the messages themselves, whatever else they carry. Which of a message's two addresses is the resolver's depends on its type:
 * a CLIENT_RESPONSE is sent from the resolver, a RESOLVER_RESPONSE is sent to it, from somebody's authority; at a FORWARDER_RESPONSE or a
 * STUB_RESPONSE there is a resolver at either end. Bounded; what was not heard for a day is let go.
 */
import { MessageType, type DnstapDecoder } from '@dnstap-bgp/dnstap'
import { formatAddress } from '@dnstap-bgp/ip'

const MAX_ADDRESSES = 1000
const KEPT_SECONDS = 24 * 3600

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

export class ResolverAddresses {
  /** Addresses forgotten for lack of room. */
  evicted = 0
  /** When each was heard last; the oldest first. */
  readonly #heardAt = new Map<string, number>()
  readonly #atResponse = new LastAddress()
  readonly #atQuery = new LastAddress()
  #isNew = false

  get size(): number {
    return this.#heardAt.size
  }

  get all(): readonly string[] {
    return [...this.#heardAt.keys()]
  }

  /** Takes note of the message's resolvers. True: one of them was not known. Nothing is made while the same ones come again and again. */
  learn(decoder: DnstapDecoder, bytes: Uint8Array, nowSeconds: number): boolean {
    const { messageType } = decoder
    this.#isNew = false
    if (AT_RESPONSE_ADDRESS[messageType] === 1)
      this.#heard(this.#atResponse, bytes, decoder.responseAddressStart, decoder.responseAddressEnd, nowSeconds)
    if (AT_QUERY_ADDRESS[messageType] === 1)
      this.#heard(this.#atQuery, bytes, decoder.queryAddressStart, decoder.queryAddressEnd, nowSeconds)
    return this.#isNew
  }

  has(address: string): boolean {
    return this.#heardAt.has(address)
  }

  /** Lets go what was not heard for a day. */
  forgetOld(nowSeconds: number): void {
    for (const [address, heardAt] of this.#heardAt) {
      if (nowSeconds - heardAt < KEPT_SECONDS) return
      this.#heardAt.delete(address)
    }
  }

  #heard(last: LastAddress, bytes: Uint8Array, start: number, end: number, nowSeconds: number): void {
    if (end - start !== 4 && end - start !== 16) return
    if (last.is(bytes, start, end, nowSeconds)) return
    const address = formatAddress(bytes, start, end - start)
    if (!this.#heardAt.delete(address)) this.#isNew = true
    this.#heardAt.set(address, nowSeconds)
    if (this.#heardAt.size <= MAX_ADDRESSES) return
    const [oldest] = this.#heardAt.keys()
    this.#heardAt.delete(oldest)
    this.evicted++
  }
}

/** So long the address heard last needs no new note of when. */
const FRESH_SECONDS = 60

class LastAddress {
  readonly #octets = new Uint8Array(16)
  #length = 0
  #notedAt = 0

  /** Is it the same as last time, a moment ago? If not it is the last from now on. */
  is(bytes: Uint8Array, start: number, end: number, nowSeconds: number): boolean {
    const length = end - start
    let same = length === this.#length && nowSeconds - this.#notedAt < FRESH_SECONDS
    for (let i = 0; same && i < length; i++) same = bytes[start + i] === this.#octets[i]
    if (same) return true
    for (let i = 0; i < length; i++) this.#octets[i] = bytes[start + i]
    this.#length = length
    this.#notedAt = nowSeconds
    return false
  }
}
