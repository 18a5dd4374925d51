/** A TLS server whose handshakes count against the time that a connection has to begin its stream. */
import type { Socket } from 'node:net'
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls'
import type { DnstapConnection } from './connection.ts'

export interface DnstapTlsOptions {
  readonly cert: string
  readonly key: string
  readonly clientCa?: string | undefined
}

export function secureContextOf({ cert, key, clientCa }: DnstapTlsOptions): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ...(clientCa === undefined ? {} : { ca: clientCa }) }
}

/**
 * The connection exists from the moment its socket is accepted, so that its time runs; frames come by the TLS socket around that one. The
 * remote address and port tell which TLS socket belongs to which connection. `connect` returns undefined for a socket that it refused.
 */
export function createTlsListener(tls: DnstapTlsOptions, connect: (accepted: Socket) => DnstapConnection | undefined): Server {
  const inHandshake = new Map<string, DnstapConnection>()
  const server = createServer({
    ...secureContextOf(tls),
    ...(tls.clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true }),
  })
  server.on('connection', (socket: Socket) => {
    const remote = remoteOf(socket)
    const connection = connect(socket)
    if (connection === undefined) return
    inHandshake.set(remote, connection)
    socket.once('close', () => inHandshake.delete(remote))
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    const connection = inHandshake.get(remoteOf(socket))
    if (connection === undefined) socket.destroy()
    else {
      socket.on('error', (error: NodeJS.ErrnoException) => connection.cut('connection-error', error.code))
      connection.readTls(socket)
    }
  })
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    inHandshake.get(remoteOf(socket))?.cut('tls-error', error.code ?? error.message)
    socket.destroy()
  })
  return server
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}
