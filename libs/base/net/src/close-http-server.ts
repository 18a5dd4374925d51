import type { Server } from 'node:http'

const GRACE_MS = 1000

/** Stops accepting, gives the answers under way a second, and closes the connections that are left. Resolves when all connections are closed. */
export function closeHttpServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}
