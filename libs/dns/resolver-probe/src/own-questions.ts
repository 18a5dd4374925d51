/**
 * Which dnstap frames are of questions of our own, known by the address and port that we asked from.
 *
 * Hot: asked for each client's message while there is a [[resolver]]. The usual answer is one look into a table of ports.
 */
import { MessageType, type DnstapDecoder } from '@dnstap-bgp/dnstap'
import { parseAddress } from '@dnstap-bgp/ip'

const PORTS = 65_536

interface OwnSocket<Asking> {
  readonly address: Uint8Array
  readonly port: number
  readonly asker: Asking
}

export class OwnQuestions<Asking> {
  /** How many of our sockets have this port. */
  readonly #ports = new Uint8Array(PORTS)
  readonly #sockets = new Set<OwnSocket<Asking>>()

  /** A socket of ours asks from here. The function takes it back. */
  add(address: string, port: number, asker: Asking): () => void {
    const socket = { address: parseAddress(address) ?? new Uint8Array(), port, asker }
    this.#sockets.add(socket)
    this.#ports[port]++
    return () => {
      if (this.#sockets.delete(socket)) this.#ports[port]--
    }
  }

  /** Who asked the question that the frame at hand is about; undefined: somebody else. */
  askerOf(decoder: DnstapDecoder, bytes: Uint8Array): Asking | undefined {
    const { queryPort, messageType, queryAddressStart } = decoder
    // Past the table's end it reads undefined.
    if (!(this.#ports[queryPort] > 0)) return undefined
    if (messageType !== MessageType.CLIENT_RESPONSE && messageType !== MessageType.CLIENT_QUERY) return undefined
    const length = decoder.queryAddressEnd - queryAddressStart
    for (const { address, port, asker } of this.#sockets) {
      if (port !== queryPort || address.length !== length) continue
      let i = 0
      while (i < length && address[i] === bytes[queryAddressStart + i]) i++
      if (i === length) return asker
    }
    return undefined
  }
}
