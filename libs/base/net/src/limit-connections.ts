/**
 * Limits the connections of an HTTP server so that no client can shut others out by holding connections open.
 *
 * `server.maxConnections` refuses the newest connection. Here the newest connection is accepted, and the connection is closed that has
 * waited longest for a request: it never sent anything, sends its headers slowly, or idles between two requests. The newest connection is
 * refused only when every other one is being served.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export function limitConnections(server: Server, most: number): void {
  /** Sockets without a request under way. The one that has waited longest comes first. */
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
