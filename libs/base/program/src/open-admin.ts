/** Opens the admin server where the configuration says: on its address, and on the UNIX socket beside a TCP one. */
import { startAdminServer, type AdminServerDeps } from '@dnstap-bgp/admin-server'
import type { Config } from '@dnstap-bgp/config'
import { ListenError } from '@dnstap-bgp/net'
import type { Closeable } from '@dnstap-bgp/runtime'

/** @throws ListenError with one sentence when it cannot listen where the operator wants it to */
export async function openAdmin({ listen, socket, token }: Config['admin'], deps: AdminServerDeps): Promise<Closeable> {
  const first = await startAdminServer({ listen, token }, deps)
  if (socket === undefined) return first
  try {
    const second = await startAdminServer({ listen: { kind: 'unix', path: socket.path }, mode: OWNER_ONLY, token }, deps)
    return {
      async close() {
        await second.close()
        await first.close()
      },
    }
  } catch (error) {
    if (error instanceof ListenError && socket.isDefault) {
      deps.log.warn(
        {},
        `${error.message}. Commands that change something (forget, peers --reset, lists --accept, backup) need it, or admin.token; admin.socket names another path.`,
      )
      return first
    }
    await first.close()
    throw error
  }
}

/** The dnstap socket is in the same folder: users who may send dnstap must not be able to use the admin socket. */
const OWNER_ONLY = 0o600
