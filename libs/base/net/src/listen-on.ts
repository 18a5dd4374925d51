/** Makes a server listen on an address, or says in one sentence why it cannot. */
import type { AddressInfo, Server } from 'node:net'
import type { ListenAddress } from './listen-address.ts'
import { explainListenError } from './listen-error.ts'
import { listenOnPath } from './listen-on-path.ts'
import type { SocketFile } from './socket-file.ts'

export interface ListenOptions {
  /** The server, with the setting that says where it listens, for the error: `the admin server ([admin] listen)`. */
  readonly who: string
  /** Of a UNIX socket: its file mode; default 0660. */
  readonly mode?: number
  /** Of a UNIX socket: a name or a number; undefined: those that we run as. */
  readonly owner?: string | undefined
  readonly group?: string | undefined
}

export interface Listening {
  /** With the port that the system chose. */
  readonly address: ListenAddress
  /** Of a UNIX socket. Closing the server leaves the file: remove() it. */
  readonly file: SocketFile | undefined
}

/** @throws ListenError */
export async function listenOn(server: Server, address: ListenAddress, options: ListenOptions): Promise<Listening> {
  try {
    if (address.kind === 'unix') return { address, file: await listenOnPath(server, address, options) }
    const { host, port } = address
    await listening(server, { port, ...(host === undefined ? {} : { host }) })
    return { address: { ...address, port: (server.address() as AddressInfo).port }, file: undefined }
  } catch (error) {
    throw explainListenError(options.who, address, error)
  }
}

/** `server.listen()` as a promise; listenOn() and what it cannot do: a descriptor that another process opened, IPv6 alone. */
export function listening(
  server: Server,
  where: { path: string } | { fd: number } | { port: number; host?: string; ipv6Only?: boolean },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
