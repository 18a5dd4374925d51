/**
 * The addresses of the resolvers we hear from: the way to them must not be steered by an answer (brief, section 6).
 *
 * Learnt from the messages themselves. Which of a message's two addresses is the resolver's depends on its type: a CLIENT_RESPONSE is sent
 * from the resolver, a RESOLVER_RESPONSE is sent to it, from somebody's authority; behind a FORWARDER_RESPONSE or a STUB_RESPONSE there is a
 * resolver at either end.
 */
import { MessageType, type DnstapDecoder } from '@dnstap-bgp/dnstap'
import { formatAddress } from '@dnstap-bgp/ip'

const MAX_ADDRESSES = 1000

export class ResolverAddresses {
  readonly #texts = new Set<string>()
  readonly #last = new Uint8Array(16)
  #lastLength = 0

  /** Takes note of the message's resolvers. */
  learn(decoder: DnstapDecoder, bytes: Uint8Array): void {
    const { messageType } = decoder
    if (messageType !== MessageType.RESOLVER_RESPONSE)
      this.#add(bytes, decoder.responseAddressStart, decoder.responseAddressEnd - decoder.responseAddressStart)
    if (messageType !== MessageType.CLIENT_RESPONSE)
      this.#add(bytes, decoder.queryAddressStart, decoder.queryAddressEnd - decoder.queryAddressStart)
  }

  has(address: string): boolean {
    return this.#texts.has(address)
  }

  #add(bytes: Uint8Array, start: number, length: number): void {
    if (length !== 4 && length !== 16) return
    let same = length === this.#lastLength
    for (let i = 0; same && i < length; i++) same = bytes[start + i] === this.#last[i]
    if (same) return
    this.#last.set(bytes.subarray(start, start + length))
    this.#lastLength = length
    const text = formatAddress(bytes, start, length)
    this.#texts.delete(text)
    this.#texts.add(text)
    if (this.#texts.size <= MAX_ADDRESSES) return
    const [oldest] = this.#texts
    this.#texts.delete(oldest)
  }
}
