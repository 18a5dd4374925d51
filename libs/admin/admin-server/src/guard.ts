/** Who may talk to the admin server. */
import { AdminError } from '@dnstap-bgp/admin-api'
import { BearerToken, hostOf, isLoopback, type ListenAddress } from '@dnstap-bgp/net'
import type { SecretText } from '@dnstap-bgp/runtime'
import type { IncomingMessage } from 'node:http'

const NO_POST =
  'on TCP this needs a token (admin.token): any local user can reach the port; the UNIX socket (admin.socket) needs none'

export class Guard {
  readonly #isTcp: boolean
  /** Only users of this machine can connect. */
  readonly #isLocal: boolean
  readonly #token: BearerToken | undefined

  constructor(listen: ListenAddress, token: SecretText | undefined) {
    this.#isTcp = listen.kind === 'tcp'
    this.#isLocal = listen.kind === 'unix' || isLoopback(listen.host)
    this.#token = token === undefined ? undefined : new BearerToken(token)
  }

  /** For every path. @throws AdminError when the request is of a web page */
  check({ headers }: IncomingMessage): void {
    const { host, origin } = headers
    if (this.#isTcp && this.#isLocal && host !== undefined && !isLoopback(hostOf(host)))
      throw new AdminError(403, `this server answers to loopback names only, not to ${host}`)
    const isForeign = origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`
    const site = headers['sec-fetch-site']
    if (isForeign || site === 'cross-site' || site === 'same-site')
      throw new AdminError(403, 'requests from other web pages are refused')
  }

  /** For paths under /api. @throws AdminError */
  checkApi({ headers, method }: IncomingMessage): void {
    if (this.#token === undefined) {
      if (!this.#isLocal) throw new AdminError(403, '/api is closed on this address until admin.token is set')
      if (this.#isTcp && method === 'POST') throw new AdminError(403, NO_POST)
      return
    }
    const token = this.#token.check(headers.authorization)
    if (token === 'missing') throw new AdminError(401, 'a bearer token is needed (admin.token)')
    if (token === 'wrong') throw new AdminError(401, 'the bearer token is wrong')
  }
}
