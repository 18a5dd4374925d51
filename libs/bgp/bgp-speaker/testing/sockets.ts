/** A speaker of ours opposite a bare socket: the test writes the octets of the peer itself. */
import { createConnection, createServer, type Socket } from 'node:net'
import { type Capabilities, encodeOpen, NO_CAPABILITIES } from '@dnstap-bgp/bgp-wire'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog, systemClock, type Clock, type Log } from '@dnstap-bgp/runtime'
import { freePort, loopbackAddress } from '@dnstap-bgp/testkit'
import { BgpSpeaker, type SpeakerConfig, type SpeakerPeerConfig } from '../src/index.ts'
import { loadSocketCalls, type SocketCalls } from '../src/socket-calls.ts'
import { TIMES } from './times.ts'

export interface OppositeSocket {
  readonly speaker?: Partial<SpeakerConfig>
  readonly peer?: Partial<SpeakerPeerConfig>
  readonly clock?: Clock
  readonly log?: Log
  readonly from?: string
  readonly loadSocketCalls?: () => Promise<SocketCalls>
}

/** A speaker that waits, and a socket from its one peer; `connect` makes another. */
export async function opposeSocket({
  clock = systemClock,
  log = silentLog,
  from = loopbackAddress(),
  ...options
}: OppositeSocket = {}) {
  const { loadSocketCalls: load = loadSocketCalls } = options
  const host = loopbackAddress()
  const port = await freePort(host)
  const peer = {
    name: 'socket',
    remote: { kind: 'address', address: from },
    port: 179,
    asn: 65000,
    passive: true,
    ...TIMES,
    ...options.peer,
  } as const
  const table = new RouteTable()
  const speaker = new BgpSpeaker(
    { asn: 65000, bgpIdentifier: '10.0.0.1', listen: { host, port }, peers: [peer], ...options.speaker },
    { clock, log, table, loadSocketCalls: load },
  )
  await speaker.start()
  const connect = () => {
    const socket = createConnection({ host, port, localAddress: from, noDelay: true })
    socket.on('error', () => {})
    socket.resume()
    return socket
  }
  return { speaker, table, good: connect(), connect }
}

export function openFrom(identifier: string, asn: number, more: Partial<Capabilities> = {}, holdTimeSeconds = 90): Buffer {
  const octets = Buffer.from(identifier.split('.').map(Number))
  const capabilities: Capabilities = { ...NO_CAPABILITIES, families: ['ipv4'], fourOctetAsn: asn, ...more }
  return Buffer.from(encodeOpen({ asn, holdTimeSeconds, bgpIdentifier: octets.readUInt32BE(), capabilities }))
}

/** Somebody else at a port. */
export async function occupy(host: string, port: number): Promise<{ connections: number; close(): Promise<void> }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    occupant.connections++
    socket.on('error', () => {})
    socket.resume()
    sockets.push(socket)
  })
  const occupant = {
    connections: 0,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  return occupant
}
