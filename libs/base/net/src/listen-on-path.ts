/**
 * Listens on a UNIX socket: binds it beside its path, gives it mode, owner and group there, and renames it into place.
 *
 *     bind  /run/x/dnstap.sock.5d0f3a91   (random: in containers that share a folder, every process has id 1)
 *     chmod, chown
 *     rename                          -> /run/x/dnstap.sock
 *
 * So a client meets either the old socket or a finished new one, a stale socket is replaced in one step, and libuv, which unlinks
 * the name that it bound when the server closes, cannot remove the socket of a successor.
 *
 * A file that is no socket, and a socket that a process answers, are left alone.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, lstatSync, renameSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { dirname, join } from 'node:path'
import { groupId, userId } from './accounts.ts'
import { isSocketAnswered } from './is-socket-answered.ts'
import type { ListenAddress } from './listen-address.ts'
import { ListenError } from './listen-error.ts'
import { listening, type ListenOptions } from './listen-on.ts'
import { SocketFile, statOf } from './socket-file.ts'

type UnixAddress = Extract<ListenAddress, { kind: 'unix' }>

/** sockaddr_un.sun_path has 108 bytes, the last of them zero. */
const MAX_PATH_BYTES = 107
const DEFAULT_MODE = 0o660
/** chown(2): leave it as it is. */
const UNCHANGED = -1

/** @throws ListenError, or an error of the system */
export async function listenOnPath(server: Server, address: UnixAddress, options: ListenOptions): Promise<SocketFile> {
  const { path } = address
  const refused = (code: string, reason?: string) => new ListenError(options.who, address, code, reason)
  const uid = options.owner === undefined ? UNCHANGED : userId(options.owner)
  if (uid === undefined) throw refused('unknown-user', `there is no user ${options.owner} in /etc/passwd; a number would do`)
  const gid = options.group === undefined ? UNCHANGED : groupId(options.group)
  if (gid === undefined) throw refused('unknown-group', `there is no group ${options.group} in /etc/group; a number would do`)
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw refused('ENAMETOOLONG', `the path is longer than ${MAX_PATH_BYTES} bytes`)
  const temporary = nameBeside(path)
  if (temporary === undefined) throw refused('ENAMETOOLONG', 'the folder leaves no room for a second name beside it')
  // libuv reports a missing folder as EACCES.
  if (statOf(dirname(path)) === undefined) throw refused('ENOENT', `the folder ${dirname(path)} does not exist`)

  const there = statOf(path)
  if (there?.isSocket() === false) throw refused('ENOTSOCK')
  if (there !== undefined && (await isSocketAnswered(path)))
    throw refused('EADDRINUSE', 'another process listens there (its socket was left alone)')
  await listening(server, { path: temporary })
  try {
    chmodSync(temporary, options.mode ?? DEFAULT_MODE)
    if (uid !== UNCHANGED || gid !== UNCHANGED) chownSync(temporary, uid, gid)
    const ours = lstatSync(temporary)
    // A file may have come to the path while we bound. From here to renameSync() nothing else runs in this process.
    if (statOf(path)?.isSocket() === false) throw refused('ENOTSOCK')
    renameSync(temporary, path)
    return new SocketFile(path, ours)
  } catch (error) {
    await new Promise((resolve) => server.close(resolve))
    rmSync(temporary, { force: true })
    throw error
  }
}

/** A free name in the same folder; undefined: every such name is too long for a socket. */
function nameBeside(path: string): string | undefined {
  const suffix = randomBytes(4).toString('hex')
  return [`${path}.${suffix}`, join(dirname(path), `.${suffix}`)].find((name) => Buffer.byteLength(name) <= MAX_PATH_BYTES)
}
