/** A router in memory that speaks as much BGP as a test needs: it keeps our IPv4 routes, and keeps them while we are away. */
import { decodeMessage, encodeKeepalive, encodeOpen, MessageFramer, NO_CAPABILITIES } from '@dnstap-bgp/bgp-wire'
import { formatAddress } from '@dnstap-bgp/ip'
import type { MemorySocket } from './memory-transport.ts'

export const ROUTER_ASN = 64496

export class MemoryRouter {
  /** The names of the messages that it read, End-of-RIB apart. */
  readonly heard: string[] = []
  /** Communities by prefix. */
  readonly routes = new Map<string, readonly number[]>()
  readonly #families: readonly ('ipv4' | 'ipv6')[]

  constructor(families: readonly ('ipv4' | 'ipv6')[] = ['ipv4']) {
    this.#families = families
  }

  /** Speaks on a connection. */
  speakOn(socket: MemorySocket): void {
    const framer = new MessageFramer()
    socket.on('data', (octets: Buffer) => {
      framer.push(octets)
      for (let bytes = framer.next(); bytes !== undefined; bytes = framer.next()) this.#read(socket, bytes)
    })
  }

  #read(socket: MemorySocket, bytes: Uint8Array): void {
    const context = { fourOctetAsn: true, internal: true, families: this.#families, extendedNextHop: [] }
    const message = decodeMessage(bytes, context)
    const isEndOfRib = message.type === 'UPDATE' && message.update.endOfRib !== undefined
    this.heard.push(isEndOfRib ? 'End-of-RIB' : message.type)
    if (message.type === 'OPEN') socket.write(Buffer.concat([this.#open(), encodeKeepalive()]))
    else if (message.type === 'UPDATE') this.#update(bytes)
    else if (message.type === 'NOTIFICATION') this.routes.clear()
  }

  #open(): Uint8Array {
    const gracefulRestart = { restarting: false, notification: false, restartTimeSeconds: 0, families: [] }
    const capabilities = { ...NO_CAPABILITIES, families: this.#families, fourOctetAsn: ROUTER_ASN, gracefulRestart }
    return encodeOpen({ asn: ROUTER_ASN, holdTimeSeconds: 90, bgpIdentifier: 0xc0000202, capabilities })
  }

  /** RFC 4271 §4.3: | header 19 | length 2, withdrawn routes | length 2, path attributes | NLRI | */
  #update(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const withdrawnEnd = 21 + view.getUint16(19)
    const attributesEnd = withdrawnEnd + 2 + view.getUint16(withdrawnEnd)
    for (const prefix of prefixesIn(bytes.subarray(21, withdrawnEnd))) this.routes.delete(prefix)
    const communities = communitiesIn(bytes.subarray(withdrawnEnd + 2, attributesEnd))
    for (const prefix of prefixesIn(bytes.subarray(attributesEnd))) this.routes.set(prefix, communities)
  }
}

function* prefixesIn(bytes: Uint8Array): Generator<string> {
  for (let at = 0; at < bytes.length;) {
    const lengthBytes = Math.ceil(bytes[at] / 8)
    const address = new Uint8Array(4)
    address.set(bytes.subarray(at + 1, at + 1 + lengthBytes))
    yield `${formatAddress(address)}/${bytes[at]}`
    at += 1 + lengthBytes
  }
}

function communitiesIn(attributes: Uint8Array): readonly number[] {
  const view = new DataView(attributes.buffer, attributes.byteOffset, attributes.length)
  for (let at = 0; at < attributes.length;) {
    const isLong = (attributes[at] & 0x10) !== 0
    const length = isLong ? view.getUint16(at + 2) : attributes[at + 2]
    const start = at + (isLong ? 4 : 3)
    if (attributes[at + 1] === COMMUNITIES) return Array.from({ length: length / 4 }, (_, i) => view.getUint32(start + 4 * i))
    at = start + length
  }
  return []
}

const COMMUNITIES = 8
