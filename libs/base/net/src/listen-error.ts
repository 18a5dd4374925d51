/** Why a server cannot listen on an address, in one sentence for the operator. */
import { describeListenAddress, type ListenAddress } from './listen-address.ts'

export class ListenError extends Error {
  override readonly name = 'ListenError'
  /** The system's code, or `unknown-user` or `unknown-group`. */
  readonly code: string
  readonly address: ListenAddress

  /** @param who the server, with the setting that says where it listens: `the admin server ([admin] listen)` */
  constructor(
    who: string,
    address: ListenAddress,
    code: string,
    reason = WHY_NOT_LISTENING[code] ?? code,
    options?: ErrorOptions,
  ) {
    super(`${who} cannot listen on ${describeListenAddress(address)}: ${reason}`, options)
    this.code = code
    this.address = address
  }
}

/** Turns an error of the system into a ListenError. Returns every other error unchanged: it is a bug. */
export function explainListenError(who: string, address: ListenAddress, error: unknown): unknown {
  if (error instanceof ListenError) return error
  const { code } = error as NodeJS.ErrnoException
  return code === undefined ? error : new ListenError(who, address, code, undefined, { cause: error })
}

const WHY_NOT_LISTENING: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'permission is refused (a port under 1024 needs a privilege; a socket needs a folder that we may write to)',
  EPERM: 'permission is refused (only root gives a socket to another user, or to a group that we are not in)',
  ENOENT: 'a part of the path does not exist',
  ENOTDIR: 'a part of the path is no folder',
  ENOTSOCK: 'a file that is no socket is there, and was left alone',
  ELOOP: 'symbolic links in the path lead in a circle',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'the path is too long for a socket',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be resolved now',
}
