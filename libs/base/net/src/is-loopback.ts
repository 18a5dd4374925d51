import { isIP } from 'node:net'

/** Can only this machine reach a server at this host? A name other than `localhost` may lead anywhere. */
export function isLoopback(host: string | undefined): boolean {
  const name = host?.toLowerCase()
  return name === 'localhost' || name === '::1' || (name?.startsWith('127.') === true && isIP(name) === 4)
}
