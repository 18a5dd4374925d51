/**
 * One listening socket, and how many may use it.
 *
 * Each listener has its own limits: strangers who fill a TCP port cannot keep the resolver from the UNIX socket.
 */
import type { Server } from 'node:net'
import { describeListenAddress, type ListenAddress, type SocketFile } from '@dnstap-bgp/net'

export interface ConnectionLimits {
  readonly connections: number
  /** From one IPv4 address, or one IPv6 network of 64 bits. */
  readonly connectionsFromOne: number
  /** Octets of frames begun and not ended, over all its connections. */
  readonly heldOctets: number
}

/** Resolvers open one connection a thread. */
export const CONNECTION_LIMITS: ConnectionLimits = { connections: 1024, connectionsFromOne: 128, heldOctets: 32 * 1024 * 1024 }

export class Listener {
  /** In text: a port of 0 is replaced once the system has chosen one. */
  text: string
  readonly isInherited: boolean
  /** Set when it is open. */
  server: Server | undefined = undefined
  /** Of a UNIX socket: the file that we made or found. */
  file: SocketFile | undefined = undefined
  /** Octets that its connections hold of frames begun. */
  heldOctets = 0
  readonly #limits: ConnectionLimits
  #connections = 0
  readonly #connectionsFrom = new Map<string, number>()

  constructor(address: ListenAddress, isInherited: boolean, limits: ConnectionLimits) {
    this.text = describeListenAddress(address)
    this.isInherited = isInherited
    this.#limits = limits
  }

  /** Is there room for one more connection from this IP address? Undefined: a UNIX socket. */
  hasRoomFor(address: string | undefined): boolean {
    if (this.#connections >= this.#limits.connections) return false
    return address === undefined || (this.#connectionsFrom.get(networkOf(address)) ?? 0) < this.#limits.connectionsFromOne
  }

  /** Would the end of a connection from `gone` make room for one from `address`? */
  hasRoomWithout(gone: string | undefined, address: string | undefined): boolean {
    if (address === undefined) return true
    const network = networkOf(address)
    if ((this.#connectionsFrom.get(network) ?? 0) < this.#limits.connectionsFromOne) return true
    return gone !== undefined && networkOf(gone) === network
  }

  get holdsTooMuch(): boolean {
    return this.heldOctets > this.#limits.heldOctets
  }

  opened(address: string | undefined): void {
    this.#connections++
    if (address !== undefined) this.#count(networkOf(address), 1)
  }

  closed(address: string | undefined): void {
    this.#connections--
    if (address !== undefined) this.#count(networkOf(address), -1)
  }

  #count(network: string, change: 1 | -1): void {
    const count = (this.#connectionsFrom.get(network) ?? 0) + change
    if (count > 0) this.#connectionsFrom.set(network, count)
    else this.#connectionsFrom.delete(network)
  }
}

/** A host with one IPv6 address usually has all 2^64 of its network. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail = ''] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const missing = 8 - groups(head).length - groups(tail).length
  return [...groups(head), ...Array.from({ length: missing }, () => '0'), ...groups(tail)].slice(0, 4).join(':')
}
