/** The running instance that a command asks: where it is, by the configuration or by `--admin`. */
import { AdminClient, AdminClientError, type AdminTarget } from '@dnstap-bgp/admin-client'
import { loadConfig, readConfig } from '@dnstap-bgp/config'
import type { ListenAddress } from '@dnstap-bgp/net'
import { UsageError } from '@dnstap-bgp/program'
import { readFileSync } from 'node:fs'
import { configOf } from './options.ts'

export interface InstanceOptions {
  readonly config?: string | undefined
  /** In place of the address in the configuration's [admin] table; the token is still from there. */
  readonly admin?: string | undefined
}

export function runningInstance(options: InstanceOptions): AdminClient {
  return new AdminClient(targetOf(configOf(options), options.admin))
}

function targetOf(configFile: string, admin: string | undefined): AdminTarget {
  if (admin !== undefined) return { places: [placeIn(admin)], token: tokenIn(configFile) }
  const { listen, socket, token } = loadConfig(configFile, process.env).admin
  const places: ListenAddress[] = socket === undefined ? [] : [{ kind: 'unix', path: socket.path }]
  if (listen !== undefined) places.push(listen)
  if (places.length === 0)
    throw new AdminClientError('failed', `${configFile} switches the admin server off ([admin] listen = "off").`)
  return { places, token }
}

function placeIn(admin: string): ListenAddress {
  if (admin.includes('/')) return { kind: 'unix', path: admin }
  const colon = admin.lastIndexOf(':')
  const port = Number(admin.slice(colon + 1))
  if (colon < 0 || !Number.isInteger(port) || port < 1 || port > 65535)
    throw new UsageError(`--admin is "${admin}"; HOST:PORT or a socket's path expected`)
  return { kind: 'tcp', host: admin.slice(0, colon).replace(/^\[|\]$/g, ''), port }
}

/** From the configuration, if there is one that we can read, or from the environment. */
function tokenIn(configFile: string): AdminTarget['token'] {
  let text = ''
  try {
    text = readFileSync(configFile, 'utf8')
  } catch {
    // The instance of another machine is asked from a machine that has no configuration.
  }
  return readConfig(text, configFile, process.env).config.admin.token
}
