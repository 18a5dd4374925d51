/**
 * Listens on a UNIX socket so that no moment is wrong: the socket is bound beside its path, gets mode, owner and group there, and
 * is then renamed into place. So a client meets either the old socket or a finished new one, a stale socket is replaced in one
 * step, and libuv, which unlinks at close the name it bound, cannot remove a socket that a successor put at the path.
 *
 *     bind  /run/x/dnstap.sock.5d0f3a91   (at random: in containers sharing a folder, all are process 1)
 *     chmod, chown
 *     rename                          -> /run/x/dnstap.sock
 *
 * A file that is no socket, and a socket that somebody answers, are left alone.
 */
import { isSocketAnswered } from '@dnstap-bgp/net'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, lstatSync, renameSync, rmSync, type Stats } from 'node:fs'
import type { Server } from 'node:net'
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

/** A socket in its place, by which it can be told from another that came there later. */
export class SocketFile {
  readonly path: string
  readonly #stat: Stats | undefined

  /** The socket that is at the path now. */
  constructor(path: string, stat = statOf(path)) {
    this.path = path
    this.#stat = stat
  }

  get isInPlace(): boolean {
    try {
      return this.#stat !== undefined && isSameFile(statOf(this.path), this.#stat)
    } catch {
      return false // a folder on the way cannot be looked into any more
    }
  }

  /** Call it when the server is closed. */
  remove(): void {
    if (this.isInPlace) rmSync(this.path)
  }
}

export async function listenOnPath(server: Server, path: string, options: UnixSocketOptions): Promise<SocketFile> {
  const address: ListenAddress = { kind: 'unix', path }
  const { owner, group } = options
  const uid = owner === undefined ? -1 : userId(owner)
  if (uid === undefined)
    throw new DnstapListenError(address, 'unknown-user', `there is no user ${owner} in /etc/passwd; a number would do`)
  const gid = group === undefined ? -1 : groupId(group)
  if (gid === undefined)
    throw new DnstapListenError(address, 'unknown-group', `there is no group ${group} in /etc/group; a number would do`)

  if (Buffer.byteLength(path) > MAX_PATH_LENGTH)
    throw new DnstapListenError(address, 'ENAMETOOLONG', `the path is longer than ${MAX_PATH_LENGTH} bytes`)
  const suffix = randomBytes(4).toString('hex')
  let besides = `${path}.${suffix}`
  if (Buffer.byteLength(besides) > MAX_PATH_LENGTH) besides = join(dirname(path), `.${suffix}`)
  if (Buffer.byteLength(besides) > MAX_PATH_LENGTH)
    throw new DnstapListenError(address, 'ENAMETOOLONG', 'the folder leaves no room for a second name beside it')

  // libuv reports a missing folder as EACCES.
  if (statOf(dirname(path)) === undefined)
    throw new DnstapListenError(address, 'ENOENT', `the folder ${dirname(path)} does not exist`)
  await refuseWhatIsInUse(path, address)
  await bind(server, besides)
  try {
    chmodSync(besides, options.mode)
    if (uid !== -1 || gid !== -1) chownSync(besides, uid, gid)
    const ours = lstatSync(besides)
    // While bind() went on, somebody may have come. From here to rename() nothing else runs.
    const there = statOf(path)
    if (there !== undefined && !there.isSocket()) throw notASocket(address)
    renameSync(besides, path)
    return new SocketFile(path, ours)
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
  if (await isSocketAnswered(path))
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

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
