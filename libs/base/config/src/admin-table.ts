/** The table [admin]. */
import type { ListenAddress } from '@dnstap-bgp/net'
import type { AdminConfig } from './config.ts'
import type { Context } from './context.ts'
import { DEFAULTS } from './defaults.ts'
import { readSecret } from './read-secret.ts'
import type { Section } from './section.ts'
import { Wrong, listenAddress, path, string } from './values.ts'
import type { Read } from './values.ts'

export function parseAdmin(section: Section, context: Context): AdminConfig {
  const where = section.get('listen', orOff(listenAddress(context.folder)), DEFAULTS.admin.listen)
  const socket = section.optional('socket', orOff(path(context.folder)))
  const listen = where === 'off' ? undefined : where
  const admin: AdminConfig = {
    listen,
    socket: socket === undefined ? defaultAdminSocket(listen) : socket === 'off' ? undefined : { path: socket, isDefault: false },
    token: readSecret(section, 'token', context),
  }
  section.done()
  return admin
}

/** Beside a TCP address only: an operator who configured a path, or no server, wants no second one. */
function defaultAdminSocket(listen: ListenAddress | undefined): AdminConfig['socket'] {
  if (listen?.kind !== 'tcp' || listen.port === 0) return undefined
  const { socket } = DEFAULTS.admin
  const isUsual = listen.port === DEFAULTS.admin.listen.port
  return { path: isUsual ? socket : socket.replace(/\.sock$/, `-${listen.port}.sock`), isDefault: true }
}

function orOff<T>(read: Read<T>): Read<T | 'off'> {
  return (value) => {
    const written = string(value)
    if (!(written instanceof Wrong) && written.toLowerCase() === 'off') return 'off'
    const found = read(value)
    return found instanceof Wrong ? new Wrong(`${found.expected}, or "off"`, found) : found
  }
}
