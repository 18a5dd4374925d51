/** A dnstap sender for tests: sends what the test says and keeps what it receives. */
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { ControlType, DNSTAP_CONTENT_TYPE, encodeControl, encodeData } from '@dnstap-bgp/frame-streams'
import { waitFor } from '@dnstap-bgp/testkit'
import type { ListenAddress } from '@dnstap-bgp/net'

export const READY = encodeControl(ControlType.READY, [DNSTAP_CONTENT_TYPE])
export const START = encodeControl(ControlType.START, [DNSTAP_CONTENT_TYPE])
export const STOP = encodeControl(ControlType.STOP)
export const ACCEPT = Buffer.from(encodeControl(ControlType.ACCEPT, [DNSTAP_CONTENT_TYPE])).toString('hex')
export const FINISH = Buffer.from(encodeControl(ControlType.FINISH)).toString('hex')

export class Sender {
  readonly socket: Socket
  /** Hex of all that was answered. */
  heard = ''
  closed = false
  error: string | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => (this.heard += bytes.toString('hex')))
    socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code ?? error.message))
    socket.on('close', () => (this.closed = true))
  }

  static to(address: ListenAddress): Sender {
    if (address.kind === 'unix') return new Sender(connect(address.path))
    return new Sender(connect(address.port, address.host ?? '127.0.0.1'))
  }

  static toTls(address: ListenAddress, options: ConnectionOptions): Sender {
    if (address.kind !== 'tcp') throw new Error('TLS is for TCP')
    return new Sender(connectTls({ port: address.port, host: '127.0.0.1', servername: 'localhost', ...options }))
  }

  /** READY, and START once ACCEPT is here. */
  async begin(): Promise<this> {
    this.socket.write(READY)
    await waitFor(() => this.heard === ACCEPT, { what: 'ACCEPT' })
    this.socket.write(START)
    return this
  }

  send(...frames: string[]): void {
    for (const frame of frames) this.socket.write(encodeData(Buffer.from(frame)))
  }

  async ended(): Promise<void> {
    await waitFor(() => this.closed, { what: 'the connection to be closed' })
  }
}
