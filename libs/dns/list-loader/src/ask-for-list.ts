/**
 * One GET for a list, without following a redirect: directly, or through a proxy. Tokens and passwords go to the origin they were given for only.
 * With a proxy, no connection is made around it.
 */
import { foreignText } from '@dnstap-bgp/foreign-text'
import { reveal, type SecretText } from '@dnstap-bgp/runtime'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { DownloadError, MAX_SHOWN } from './download-error.ts'
import type { Login } from './list-definition.ts'
import { isLocalTarget, lookupElsewhere } from './local-target.ts'

export interface ListRequest {
  /** As the operator wrote it: secrets go to its origin only. */
  readonly url: string
  readonly proxy: string | undefined
  readonly bearerToken: SecretText | undefined
  readonly login: Login | undefined
  readonly proxyLogin: Login | undefined
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  readonly stallMs: number
  /** May the URL that is asked be this machine or its link? */
  readonly mayBeLocal: boolean
}

/** Resolves with the answer's head. */
export async function askFor(url: URL, what: ListRequest, signal: AbortSignal): Promise<IncomingMessage> {
  if (!what.mayBeLocal && isLocalTarget(hostOf(url))) throw leadsHere(url)
  const headers: Record<string, string> = { 'user-agent': 'dnstap-bgp', accept: '*/*', 'accept-encoding': 'gzip, br' }
  if (what.etag !== undefined) headers['if-none-match'] = what.etag
  if (what.lastModified !== undefined) headers['if-modified-since'] = what.lastModified
  const isFirstOrigin = url.origin === new URL(what.url).origin
  if (isFirstOrigin && what.bearerToken !== undefined) headers.authorization = `Bearer ${reveal(what.bearerToken)}`
  else if (isFirstOrigin && what.login !== undefined) headers.authorization = basic(what.login)
  const options: RequestOptions = { headers, signal, timeout: what.stallMs }
  if (what.proxy === undefined)
    return responseTo(url, {
      ...options,
      agent: false,
      ...(what.mayBeLocal ? {} : { lookup: lookupElsewhere(() => leadsHere(url)) }),
    })

  const proxy = new URL(what.proxy)
  const proxyHeaders: Record<string, string> =
    what.proxyLogin === undefined ? {} : { 'proxy-authorization': basic(what.proxyLogin) }
  const atProxy: RequestOptions = {
    host: hostOf(proxy),
    port: proxy.port === '' ? 80 : Number(proxy.port),
    signal,
    agent: false,
    timeout: what.stallMs,
  }
  if (url.protocol === 'http:') {
    const path = `${url.origin}${url.pathname}${url.search}`
    return responseTo(undefined, { ...atProxy, path, headers: { ...headers, ...proxyHeaders, host: url.host } })
  }
  const target = `${url.hostname}:${url.port === '' ? 443 : url.port}`
  const socket = await tunnelTo(target, { ...atProxy, headers: { ...proxyHeaders, host: target } })
  // The name that the certificate must have: `servername`, else `host`. TLS sends no addresses as names (RFC 6066 §3).
  const host = hostOf(url)
  const servername = isIP(host) === 0 ? host : ''
  // No `agent`, not even `false`: with one, Node makes a connection of its own and createConnection is never called.
  // A request hears of its socket's silence; how much is too much must be told to a socket that it was given (tls.connect() would not do that).
  const createConnection = () => connectTls({ socket, host, servername }).setTimeout(what.stallMs)
  return responseTo(url, { ...options, createConnection })
}

function responseTo(url: URL | undefined, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request =
      url === undefined
        ? httpRequest(options)
        : url.protocol === 'https:'
          ? httpsRequest(url, options)
          : httpRequest(url, options)
    let answer: IncomingMessage | undefined
    request.on('timeout', () => {
      // In the middle of an answer only that one passes the reason on.
      const silence = new DownloadError(`it says nothing for ${Number(options.timeout) / 1000} s`)
      if (answer === undefined) request.destroy(silence)
      else answer.destroy(silence)
    })
    request.on('error', reject)
    request.on('response', (response) => resolve((answer = response)))
    request.end()
  })
}

function tunnelTo(target: string, options: RequestOptions): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...options, method: 'CONNECT', path: target })
    request.on('timeout', () =>
      request.destroy(new DownloadError(`the proxy says nothing for ${Number(options.timeout) / 1000} s`)),
    )
    request.on('error', reject)
    request.on('response', (response) => {
      response.destroy()
      reject(new DownloadError(`the proxy answers ${response.statusCode ?? 0} to CONNECT`))
    })
    request.on('connect', (response, socket, head) => {
      if (response.statusCode === 200) {
        if (head.length > 0) socket.unshift(head)
        return resolve(socket)
      }
      socket.destroy()
      reject(new DownloadError(`the proxy answers ${response.statusCode ?? 0} to CONNECT`))
    })
    request.end()
  })
}

function leadsHere(url: URL): DownloadError {
  return new DownloadError(`it redirects to ${foreignText(url.host, MAX_SHOWN)}, which is this machine or its link`)
}

/** RFC 7617. */
function basic({ user, password }: Login): string {
  return `Basic ${Buffer.from(`${user}:${reveal(password)}`, 'utf8').toString('base64')}`
}

/** Without the brackets of an IPv6 literal. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}
