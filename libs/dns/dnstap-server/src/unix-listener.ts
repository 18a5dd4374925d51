/**
 * Listens on a UNIX socket so that no moment is wrong: the socket is bound beside its path, gets mode, owner and group there, and
 * is then renamed into place. So a client meets either the old socket or a finished new one, a stale socket is replaced in one
 * step, and libuv, which unlinks at close the name it bound, cannot remove a socket that a successor put at the path.
 *
 *     bind  /run/x/dnstap.sock.4711   (4711 is our process)
 *     chmod, chown
 *     rename                          -> /run/x/dnstap.sock
 *
 * A file that is no socket, and a socket that somebody answers, are left alone.
 */
import { chmodSync, chownSync, lstatSync, renameSync, rmSync, type Stats } from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { groupId, userId } from './accounts.ts'
import { DnstapListenError, type ListenAddress } from './listen-address.ts'

export interface UnixSocketOptions {
  /** File mode. */
  readonly mode: number
  /** Name or number; undefined: whoever we run as. */
  readonly owner: string | undefined
  readonly group: string | undefined
}

/** sockaddr_un.sun_path has 108 bytes, the last of them zero. */
const MAX_PATH_LENGTH = 107

/** Resolves to a function that removes the socket again, unless it is no longer ours. Call it when the server is closed. */
export async function listenOnPath(server: Server, path: string, options: UnixSocketOptions): Promise<() => void> {
  const address: ListenAddress = { kind: 'unix', path }
  const { owner, group } = options
  const uid = owner === undefined ? -1 : userId(owner)
  if (uid === undefined) throw new DnstapListenError(address, 'unknown-user', `there is no user ${owner}`)
  const gid = group === undefined ? -1 : groupId(group)
  if (gid === undefined) throw new DnstapListenError(address, 'unknown-group', `there is no group ${group}`)

  if (Buffer.byteLength(path) > MAX_PATH_LENGTH)
    throw new DnstapListenError(address, 'ENAMETOOLONG', `the path is longer than ${MAX_PATH_LENGTH} bytes`)
  let besides = `${path}.${process.pid}`
  if (Buffer.byteLength(besides) > MAX_PATH_LENGTH) besides = join(dirname(path), `.${process.pid}`)
  if (Buffer.byteLength(besides) > MAX_PATH_LENGTH)
    throw new DnstapListenError(address, 'ENAMETOOLONG', 'the folder leaves no room for a second name beside it')

  // libuv reports a missing folder as EACCES.
  if (statOf(dirname(path)) === undefined)
    throw new DnstapListenError(address, 'ENOENT', `the folder ${dirname(path)} does not exist`)
  await refuseWhatIsInUse(path, address)
  // Ours alone by its number: whatever is there was left by a process that is gone.
  if (statOf(besides)?.isSocket() === true) rmSync(besides)
  await bind(server, besides)
  try {
    chmodSync(besides, options.mode)
    if (uid !== -1 || gid !== -1) chownSync(besides, uid, gid)
    const ours = lstatSync(besides)
    // While bind() went on, somebody may have come. From here to rename() nothing else runs.
    const there = statOf(path)
    if (there !== undefined && !there.isSocket()) throw notASocket(address)
    renameSync(besides, path)
    return () => {
      if (isSameFile(statOf(path), ours)) rmSync(path)
    }
  } catch (error) {
    await new Promise((resolve) => server.close(resolve))
    rmSync(besides, { force: true })
    throw error
  }
}

async function refuseWhatIsInUse(path: string, address: ListenAddress): Promise<void> {
  const there = statOf(path)
  if (there === undefined) return
  if (!there.isSocket()) throw notASocket(address)
  if (await isAnswered(path))
    throw new DnstapListenError(address, 'EADDRINUSE', 'another process listens there (its socket was left alone)')
}

function notASocket(address: ListenAddress): DnstapListenError {
  return new DnstapListenError(address, 'ENOTSOCK', 'a file that is no socket is there, and was left alone')
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

function isSameFile(a: Stats | undefined, b: Stats): boolean {
  return a !== undefined && a.ino === b.ino && a.dev === b.dev
}

/** Only a refused connection proves that nobody listens; a full backlog or a lack of permission does not. */
function isAnswered(path: string): Promise<boolean> {
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

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
