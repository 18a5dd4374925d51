/** Where senders reach us. `host` undefined: every address of this machine. */
export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }

/** The path, or `host:port` with brackets around an IPv6 address. */
export function describeListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return address.path
  const host = address.host ?? ''
  return `${host.includes(':') ? `[${host}]` : host}:${address.port}`
}

/** An address that cannot be listened on: one sentence for the operator. `code` is the system's, or one of ours. */
export class DnstapListenError extends Error {
  override readonly name = 'DnstapListenError'
  readonly code: string
  readonly address: ListenAddress

  constructor(address: ListenAddress, code: string, reason: string, options?: ErrorOptions) {
    super(`cannot listen for dnstap on ${describeListenAddress(address)}: ${reason}`, options)
    this.code = code
    this.address = address
  }
}

/** Makes a system error that sentence; other errors are ours and pass as they are. */
export function explainListenError(address: ListenAddress, error: unknown): unknown {
  if (error instanceof DnstapListenError) return error
  const code = (error as NodeJS.ErrnoException).code
  if (code === undefined) return error
  return new DnstapListenError(address, code, REASONS[code] ?? code, { cause: error })
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'permission is refused (a port under 1024 needs a privilege; a socket needs a folder we may write to)',
  EPERM: 'permission is refused (only root gives a socket to another user or to a group we are not in)',
  ENOENT: 'a part of the path does not exist',
  ELOOP: 'symbolic links in the path lead in a circle',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is no folder',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be resolved now',
  ENAMETOOLONG: 'the path is too long for a socket',
}
