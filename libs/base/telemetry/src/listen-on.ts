/** Opens a server where the configuration says, or explains in one sentence why that cannot be. */
import { chmod, lstat, unlink } from 'node:fs/promises'
import type { Server } from 'node:net'
import { isSocketAnswered } from '@dnstap-bgp/runtime'

export type Where =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }

export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * @param who `the admin server`, for the sentence
 * @param mode permissions of a UNIX socket
 */
export async function listenOn(server: Server, where: Where, who: string, mode = 0o660): Promise<void> {
  try {
    if (where.kind === 'unix') await listenOnPath(server, where.path, mode)
    else await listening(server, { port: where.port, ...(where.host === undefined ? {} : { host: where.host }) })
  } catch (error) {
    if (error instanceof ListenError) throw error
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    throw new ListenError(code, `${who} cannot listen on ${describeWhere(where)}: ${REASONS[code] ?? code}`, { cause: error })
  }
}

export function describeWhere(where: Where): string {
  if (where.kind === 'unix') return where.path
  const host = where.host ?? ''
  return `${host.includes(':') ? `[${host}]` : host}:${where.port}`
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'permission is refused (ports under 1024 need a privilege; a socket needs a folder that we may write to)',
  ENOENT: 'the folder does not exist',
  ENOTDIR: 'a part of the path is no folder',
  ENOTFOUND: 'the name is unknown',
  ENOTSOCK: 'something that is no socket is there, and is left alone',
}

/** A socket that nobody listens on is replaced; anything else that is there stays. */
async function listenOnPath(server: Server, path: string, mode: number): Promise<void> {
  try {
    await listening(server, { path })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    if (!(await lstat(path)).isSocket()) throw Object.assign(new Error('not a socket'), { code: 'ENOTSOCK' })
    if (await isSocketAnswered(path)) throw error
    await unlink(path)
    await listening(server, { path })
  }
  await chmod(path, mode)
}

function listening(
  server: Server,
  options: { readonly path: string } | { readonly port: number; readonly host?: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...options }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
