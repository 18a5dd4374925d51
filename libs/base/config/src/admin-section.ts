/** The table [admin]. */
import type { ListenAddress } from '@dnstap-bgp/net'
import { listenAddress } from './network-values.ts'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'
import type { Secret } from './secret.ts'
import type { Section } from './section.ts'
import { defineSection, secret, setting } from './setting.ts'
import { path, string } from './values.ts'

function orOff<T>(read: Read<T>): Read<T | 'off'> {
  return (value, folder) => {
    const written = string(value, folder)
    if (!(written instanceof Wrong) && written.toLowerCase() === 'off') return 'off'
    const found = read(value, folder)
    return found instanceof Wrong ? new Wrong(`${found.expected}, or "off"`, found) : found
  }
}

const USUAL_PORT = 8053

export const ADMIN = defineSection({
  title: 'admin',
  takesEffect: 'restart',
  settings: {
    listen: setting(orOff(listenAddress), {
      default: `127.0.0.1:${USUAL_PORT}`,
      meaning: '`"host:port"`, the path of a UNIX socket, or `"off"`.',
    }),
    socket: setting(orOff(path), {
      default: '/run/dnstap-bgp/admin.sock',
      meaning:
        'A UNIX socket beside a TCP `listen`, for root and the user we run as (0600), or `"off"`. On another port than 8053 the default has it in its name: `admin-8061.sock`. If the default cannot be made, the program warns and runs without it.',
    }),
    token: secret({ meaning: 'Bearer token for `/api`; without it `/api` is closed on anything but loopback and UNIX sockets.' }),
  },
})

export interface AdminConfig {
  /** Undefined: switched off (`listen = "off"`). */
  readonly listen: ListenAddress | undefined
  /** A UNIX socket beside a TCP address, for requests that change something. If the default one cannot be made, the program runs without it. */
  readonly socket: { readonly path: string; readonly isDefault: boolean } | undefined
  /** Asked for on /api; needed for it on anything but loopback and UNIX sockets, and for a POST on TCP. */
  readonly token: Secret | undefined
}

export function parseAdmin(section: Section): AdminConfig {
  const { listen: where, socket, token } = section.read(ADMIN)
  const listen = where === 'off' ? undefined : where
  if (!section.has('socket')) return { listen, socket: defaultAdminSocket(listen, socket), token }
  return { listen, socket: socket === 'off' ? undefined : { path: socket, isDefault: false }, token }
}

/**
 * Beside a TCP address only: an operator who configured a path, or no server, wants no second one. On another port than the usual one the port is in its
 * name: several programs on one machine have a socket each.
 */
function defaultAdminSocket(listen: ListenAddress | undefined, usual: string): AdminConfig['socket'] {
  if (listen?.kind !== 'tcp' || listen.port === 0) return undefined
  return { path: listen.port === USUAL_PORT ? usual : usual.replace(/\.sock$/, `-${listen.port}.sock`), isDefault: true }
}
