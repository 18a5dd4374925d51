/**
 * Does somebody listen on the UNIX socket at a path? Only a refused connection, or nothing there, proves that nobody does; a full backlog or
 * a lack of permission does not.
 */
import { connect } from 'node:net'

export function isSocketAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    })
  })
}
