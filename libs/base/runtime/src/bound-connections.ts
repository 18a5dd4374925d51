/**
 * Bounds the connections of an HTTP server so that nobody can shut others out by holding connections open.
 *
 * `server.maxConnections` refuses the newest. Here the newest comes in, and the connection goes that has waited longest without a request
 * being answered on it: one that never sent anything, that dribbles its headers, or that idles between two requests. Only when every
 * connection is being served is the newest refused.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export function boundConnections(server: Server, most: number): void {
  /** Without a request under way; the one that has waited longest first. */
  const waiting = new Set<Socket>()
  let open = 0
  server.on('connection', (socket: Socket) => {
    if (open >= most) {
      const [longest] = waiting
      if (longest === undefined) return void socket.destroy()
      waiting.delete(longest)
      longest.destroy()
    }
    open++
    waiting.add(socket)
    socket.once('close', () => {
      open--
      waiting.delete(socket)
    })
  })
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    waiting.delete(socket)
    response.once('close', () => {
      if (!socket.destroyed) waiting.add(socket)
    })
  })
}
