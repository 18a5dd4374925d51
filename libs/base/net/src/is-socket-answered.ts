/**
 * Does a process listen on the UNIX socket at a path? Only a refused connection, or no file, proves that none does. A full backlog or
 * a lack of permission proves nothing.
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
