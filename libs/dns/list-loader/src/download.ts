/**
 * Downloads a list from a URL into a file, within the limits that hostile and broken servers make necessary.
 *
 * It uses node:http, because fetch() has no proxy in Node 20. Content codings are unpacked on the way, in zlib's threads. The size limit applies to
 * the unpacked octets, so a bomb ends at the limit. A redirect never leads from https to http, and
 * tokens and passwords go to the origin they were given for only. With a proxy, no connection is made around it.
 */
import { foreignText } from '@dnstap-bgp/foreign-text'
import { reveal, type SecretText } from '@dnstap-bgp/runtime'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { connect as connectTls } from 'node:tls'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { downloadPathIn } from './kept-copies.ts'
import type { Login } from './list-definition.ts'
import { isLocalTarget, lookupElsewhere } from './local-target.ts'

export interface DownloadLimits {
  /** From request to last byte. */
  readonly timeoutMs: number
  /** Without an octet. */
  readonly stallMs: number
  readonly redirects: number
}

export interface DownloadRequest {
  readonly url: string
  readonly proxy: string | undefined
  readonly bearerToken: SecretText | undefined
  readonly login: Login | undefined
  readonly proxyLogin: Login | undefined
  /** Of the version in use. The server may then answer "not modified". */
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  /** Where to write the file; undefined: among temporary files. */
  readonly folder: string | undefined
  readonly maxBytes: number
  readonly limits: DownloadLimits
}

export type Received =
  /** `discard`: the path to remove if the file is not kept. */
  | {
      readonly outcome: 'fetched'
      readonly path: string
      readonly discard: string
      readonly etag: string | undefined
      readonly lastModified: string | undefined
    }
  | { readonly outcome: 'unchanged' }
  /** failed: it cannot be downloaded. refused: it was downloaded, and is not a list. */
  | {
      readonly outcome: 'failed' | 'refused'
      readonly why: string
      /** The server answers that there is no such list. */
      readonly isMissing?: boolean
    }

/** Failures of the network and of the server are outcomes, not exceptions. If one folder has no room, the next is tried. */
export async function receive(
  request: DownloadRequest,
  cancel: AbortSignal,
  folders: readonly string[] = foldersFor(request),
): Promise<Received> {
  let noRoom: NoRoom | undefined
  for (const folder of folders) {
    try {
      return await receiveInto(folder, request, cancel)
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error
      noRoom ??= error
    }
  }
  return { outcome: 'failed', why: noRoom?.message ?? 'there is no room for what it sends' }
}

async function receiveInto(folder: string, request: DownloadRequest, cancel: AbortSignal): Promise<Received> {
  let place: Place | undefined
  try {
    place = placeIn(folder, folder !== request.folder)
    const { path, discard } = place
    const answer = await download(request, path, cancel)
    if (answer !== 'unchanged') return { outcome: 'fetched', path, discard, ...answer }
    remove(place)
    return { outcome: 'unchanged' }
  } catch (error) {
    remove(place)
    if (isNoRoom(error)) throw noRoomIn(folder, request.folder, error)
    if (!(error instanceof Error)) throw error
    return {
      outcome: isBadContent(error) ? 'refused' : 'failed',
      why: sentenceOf(error),
      ...(error instanceof NotThere ? { isMissing: true } : {}),
    }
  }
}

interface Place {
  readonly path: string
  readonly discard: string
}

/** A folder in memory, for when every disk is full. */
const IN_MEMORY = '/dev/shm'

/** The state folder, the folder of temporary files, memory. */
function foldersFor({ folder }: DownloadRequest): string[] {
  const wanted = [...(folder === undefined ? [] : [folder]), tmpdir(), ...(existsSync(IN_MEMORY) ? [IN_MEMORY] : [])]
  return [...new Set(wanted)]
}

function placeIn(folder: string, isTemporary: boolean): Place {
  if (isTemporary) {
    const made = mkdtempSync(join(folder, 'dnstap-bgp-list-'))
    return { path: join(made, 'list'), discard: made }
  }
  mkdirSync(folder, { recursive: true, mode: 0o750 })
  const path = downloadPathIn(folder)
  return { path, discard: path }
}

const NO_ROOM: ReadonlySet<unknown> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EACCES',
  'EPERM',
  'ENOENT',
  'ENOTDIR',
  'EEXIST',
  'EIO',
])
const FILE_CALLS: ReadonlySet<unknown> = new Set(['mkdir', 'mkdtemp', 'open', 'write', 'close'])

/** Is the error about the file? Sockets have some of these codes too. */
function isNoRoom(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException
  return NO_ROOM.has(code) && FILE_CALLS.has(syscall)
}

function noRoomIn(folder: string, configured: string | undefined, error: unknown): NoRoom {
  const { code } = error as NodeJS.ErrnoException
  const setting = configured === undefined ? 'TMPDIR' : '[lists] state'
  return new NoRoom(
    `there is no room for what it sends: ${folder} cannot be written (${code ?? 'unknown error'}); ${setting} names another folder`,
    { cause: error },
  )
}

function remove(place: { readonly discard: string } | undefined): void {
  if (place !== undefined) rmSync(place.discard, { recursive: true, force: true })
}

class DownloadError extends Error {
  override readonly name: string = 'DownloadError'
}

class NoRoom extends DownloadError {
  override readonly name = 'NoRoom'
}

class NotThere extends DownloadError {
  override readonly name = 'NotThere'
}

/** The download is not a list. */
class BadContent extends DownloadError {
  override readonly name = 'BadContent'
}

function isBadContent(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  return error instanceof BadContent || (typeof code === 'string' && code.startsWith('Z_'))
}

function sentenceOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return sentenceOf(error.errors[0])
  if (code === 'ENOTFOUND') return 'its host name does not resolve'
  if (code === 'ECONNREFUSED') return 'the connection is refused'
  if (code === 'ECONNRESET') return 'the connection was cut'
  if (typeof code === 'string' && code.startsWith('Z_')) return `what it sent cannot be unpacked (${error.message})`
  // A certificate, for one, names its host as it likes.
  return foreignText(error.message, 400)
}

/** Of text from the server. */
const MAX_SHOWN = 80

interface Downloaded {
  readonly etag: string | undefined
  readonly lastModified: string | undefined
}

async function download(what: DownloadRequest, path: string, cancel: AbortSignal): Promise<Downloaded | 'unchanged'> {
  const { limits } = what
  const abort = new AbortController()
  const timer = setTimeout(
    () => abort.abort(new DownloadError(`it took longer than ${limits.timeoutMs / 1000} s`)),
    limits.timeoutMs,
  )
  const onCancel = () => abort.abort(new DownloadError('it was cancelled'))
  cancel.addEventListener('abort', onCancel)
  try {
    cancel.throwIfAborted()
    let url = new URL(what.url)
    // A redirect from elsewhere must not lead to this machine or its link.
    let mayBeLocal = true
    for (let redirects = 0; ; redirects++) {
      const response = await ask(url, { ...what, mayBeLocal }, abort.signal)
      mayBeLocal &&= isLocalTarget(response.socket.remoteAddress ?? '')
      const status = response.statusCode ?? 0
      if (status === 200) return await store(response, what, path, abort.signal)
      response.destroy()
      if (status === 304 && isConditional(what)) return 'unchanged'
      const location = response.headers.location
      if (![301, 302, 303, 307, 308].includes(status) || location === undefined)
        throw answersWith(status, response.statusMessage ?? '')
      if (redirects === limits.redirects) throw new DownloadError(`it redirects more than ${limits.redirects} times`)
      if (!URL.canParse(location, url.href)) throw new DownloadError('it redirects to an invalid URL')
      const next = new URL(location, url)
      if (next.protocol !== 'https:' && (next.protocol !== 'http:' || url.protocol === 'https:'))
        throw new DownloadError(`it redirects to ${next.protocol}//, which is not followed`)
      url = next
    }
  } catch (error) {
    throw abort.signal.aborted && abort.signal.reason instanceof Error ? abort.signal.reason : error
  } finally {
    clearTimeout(timer)
    cancel.removeEventListener('abort', onCancel)
  }
}

function answersWith(status: number, message: string): DownloadError {
  const why = `it answers ${status} ${foreignText(message, MAX_SHOWN)}`.trimEnd()
  return status === 404 || status === 410 ? new NotThere(why) : new DownloadError(why)
}

function leadsHere(url: URL): DownloadError {
  return new DownloadError(`it redirects to ${foreignText(url.host, MAX_SHOWN)}, which is this machine or its link`)
}

function isConditional({ etag, lastModified }: DownloadRequest): boolean {
  return etag !== undefined || lastModified !== undefined
}

async function ask(url: URL, what: DownloadRequest & { mayBeLocal: boolean }, signal: AbortSignal): Promise<IncomingMessage> {
  if (!what.mayBeLocal && isLocalTarget(hostOf(url))) throw leadsHere(url)
  const headers: Record<string, string> = { 'user-agent': 'dnstap-bgp', accept: '*/*', 'accept-encoding': 'gzip, br' }
  if (what.etag !== undefined) headers['if-none-match'] = what.etag
  if (what.lastModified !== undefined) headers['if-modified-since'] = what.lastModified
  const isFirstOrigin = url.origin === new URL(what.url).origin
  if (isFirstOrigin && what.bearerToken !== undefined) headers.authorization = `Bearer ${reveal(what.bearerToken)}`
  else if (isFirstOrigin && what.login !== undefined) headers.authorization = basic(what.login)
  const options: RequestOptions = { headers, signal, timeout: what.limits.stallMs }
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
    timeout: what.limits.stallMs,
  }
  if (url.protocol === 'http:') {
    const path = `${url.origin}${url.pathname}${url.search}`
    return responseTo(undefined, { ...atProxy, path, headers: { ...headers, ...proxyHeaders, host: url.host } })
  }
  const target = `${url.hostname}:${url.port === '' ? 443 : url.port}`
  const socket = await tunnelTo(target, { ...atProxy, headers: { ...proxyHeaders, host: target } })
  // The name the certificate is held against: `servername`, else `host`. TLS sends no addresses as names (RFC 6066 §3).
  const host = hostOf(url)
  const servername = isIP(host) === 0 ? host : ''
  // No `agent`, not even `false`: with one, Node makes a connection of its own and createConnection is never called.
  // A request hears of its socket's silence; how much is too much must be told to a socket that it was given (tls.connect() would not do that).
  const createConnection = () => connectTls({ socket, host, servername }).setTimeout(what.limits.stallMs)
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

async function store(response: IncomingMessage, what: DownloadRequest, path: string, signal: AbortSignal): Promise<Downloaded> {
  const type = response.headers['content-type'] ?? ''
  if (/^\s*(text\/html|application\/xhtml\+xml)\b/i.test(type)) {
    response.destroy()
    throw new BadContent(`it sends a web page (${foreignText(type, MAX_SHOWN)}), not a list`)
  }
  let total = 0
  const measured = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      total += chunk.length
      if (total > what.maxBytes) throw new BadContent(`it is over the limit of ${what.maxBytes} bytes`)
      yield chunk
    }
  }
  const decoder = decoderOf(response)
  // Opened before anything can fail: a stream that opens by itself may do so after its file was removed.
  const file = await open(path, 'wx', 0o640).catch((error: unknown) => {
    response.destroy()
    throw error
  })
  const target = file.createWriteStream()
  if (decoder === undefined) await pipeline(response, measured, target, { signal })
  else await pipeline(response, decoder, measured, target, { signal })
  if (!response.complete) throw new DownloadError('the connection was cut')
  return { etag: response.headers.etag, lastModified: response.headers['last-modified'] }
}

type Decoder = ReturnType<typeof createGunzip> | ReturnType<typeof createBrotliDecompress>

function decoderOf(response: IncomingMessage): Decoder | undefined {
  const coding = (response.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  switch (coding) {
    case 'identity':
      return undefined
    case 'gzip':
    case 'x-gzip':
      return createGunzip()
    case 'br':
      return createBrotliDecompress()
    case 'deflate':
      return createInflate()
    default:
      response.destroy()
      throw new BadContent(`its content coding "${foreignText(coding, MAX_SHOWN)}" is unknown`)
  }
}

/** RFC 7617. */
function basic({ user, password }: Login): string {
  return `Basic ${Buffer.from(`${user}:${reveal(password)}`, 'utf8').toString('base64')}`
}

/** Without the brackets of an IPv6 literal. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}
