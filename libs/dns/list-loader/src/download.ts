/**
 * A list from a URL into a file, with every bound a hostile or broken server makes necessary. Runs in the worker.
 *
 * Over node:http, not fetch(): that knows no proxy in Node 20. Content codings are unpacked as they come, and the size limit holds for what
 * comes out, so a bomb ends at the limit. A redirect never leads from https to http, and a token goes to the origin it was given for only.
 */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { connect as connectTls } from 'node:tls'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { BuildJob, DownloadLimits, JobList, JobSource } from './build-job.ts'

/** What came of asking a URL. */
export interface Received {
  readonly outcome: 'fetched' | 'unchanged' | 'failed'
  /** The file with what was fetched. */
  readonly path: string
  readonly why: string | undefined
  /** Makes it the last good copy. */
  keep(): void
  /** Removes what was not kept. */
  discard(): void
}

/** Kept beside the copy of a list. */
interface CopyNote {
  readonly url: string
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  readonly fetchedAt: number
}

export async function receive(list: JobList, source: Extract<JobSource, { kind: 'url' }>, job: BuildJob): Promise<Received> {
  const folder = list.copyPath === undefined ? mkdtempSync(join(tmpdir(), 'dnstap-bgp-list-')) : dirname(list.copyPath)
  const path = join(folder, `.download-${randomBytes(8).toString('hex')}`)
  const discard = () => rmSync(list.copyPath === undefined ? folder : path, { recursive: true, force: true })
  const nothing = { path: '', keep() {}, discard }
  try {
    mkdirSync(folder, { recursive: true, mode: 0o750 })
    const known = readNote(list, source.url)
    const answer = await download({
      url: source.url,
      proxy: source.proxy,
      bearerToken: source.bearerToken,
      etag: known?.etag,
      lastModified: known?.lastModified,
      path,
      maxBytes: job.maxListBytes,
      limits: job.download,
    })
    if (answer === 'unchanged') return { ...nothing, outcome: 'unchanged', why: undefined }
    if (list.sha256 !== undefined && answer.sha256 !== list.sha256)
      throw new DownloadError(`its SHA-256 is ${answer.sha256}, and ${list.sha256} is asked for`)
    const note: CopyNote = { url: source.url, etag: answer.etag, lastModified: answer.lastModified, fetchedAt: job.now }
    const keep = () => {
      if (list.copyPath === undefined) return
      renameSync(path, list.copyPath)
      writeFileSync(`${path}.json`, JSON.stringify(note), { mode: 0o640 })
      renameSync(`${path}.json`, noteOf(list.copyPath))
    }
    return { outcome: 'fetched', path, why: undefined, keep, discard }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return { ...nothing, outcome: 'failed', why: `${list.sourceText}: ${sentenceOf(error)}` }
  }
}

function noteOf(copyPath: string): string {
  return `${copyPath}.json`
}

/** Only a copy that is there, and of this URL, may be answered with "not modified". */
function readNote(list: JobList, url: string): CopyNote | undefined {
  if (list.copyPath === undefined || !existsSync(list.copyPath)) return undefined
  try {
    const note = JSON.parse(readFileSync(noteOf(list.copyPath), 'utf8')) as CopyNote
    return note.url === url ? note : undefined
  } catch {
    return undefined
  }
}

class DownloadError extends Error {
  override readonly name = 'DownloadError'
}

function sentenceOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return sentenceOf(error.errors[0])
  if (code === 'ENOTFOUND') return 'its host name does not resolve'
  if (code === 'ECONNREFUSED') return 'the connection is refused'
  if (code === 'ECONNRESET') return 'the connection was cut'
  if (typeof code === 'string' && code.startsWith('Z_')) return `what it sent cannot be unpacked (${error.message})`
  return error.message
}

interface Download {
  readonly url: string
  readonly proxy: string | undefined
  readonly bearerToken: string | undefined
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  readonly path: string
  readonly maxBytes: number
  readonly limits: DownloadLimits
}

interface Downloaded {
  readonly sha256: string
  readonly etag: string | undefined
  readonly lastModified: string | undefined
}

async function download(what: Download): Promise<Downloaded | 'unchanged'> {
  const { limits } = what
  const abort = new AbortController()
  const timer = setTimeout(
    () => abort.abort(new DownloadError(`it took longer than ${limits.timeoutMs / 1000} s`)),
    limits.timeoutMs,
  )
  try {
    let url = new URL(what.url)
    for (let redirects = 0; ; redirects++) {
      const response = await ask(url, what, abort.signal)
      const status = response.statusCode ?? 0
      if (status === 200) return await store(response, what, abort.signal)
      response.destroy()
      if (status === 304) return 'unchanged'
      const location = response.headers.location
      if (![301, 302, 303, 307, 308].includes(status) || location === undefined)
        throw new DownloadError(`it answers ${status} ${response.statusMessage ?? ''}`.trimEnd())
      if (redirects === limits.redirects) throw new DownloadError(`it redirects more than ${limits.redirects} times`)
      if (!URL.canParse(location, url.href)) throw new DownloadError('it redirects to what is no URL')
      const next = new URL(location, url)
      if (next.protocol !== 'https:' && (next.protocol !== 'http:' || url.protocol === 'https:'))
        throw new DownloadError(`it redirects to ${next.protocol}//, which is not followed`)
      url = next
    }
  } catch (error) {
    throw abort.signal.aborted && abort.signal.reason instanceof Error ? abort.signal.reason : error
  } finally {
    clearTimeout(timer)
  }
}

async function ask(url: URL, what: Download, signal: AbortSignal): Promise<IncomingMessage> {
  const headers: Record<string, string> = { 'user-agent': 'dnstap-bgp', accept: '*/*', 'accept-encoding': 'gzip, br' }
  if (what.etag !== undefined) headers['if-none-match'] = what.etag
  if (what.lastModified !== undefined) headers['if-modified-since'] = what.lastModified
  const isFirstOrigin = url.origin === new URL(what.url).origin
  if (what.bearerToken !== undefined && isFirstOrigin) headers.authorization = `Bearer ${what.bearerToken}`
  else if (url.username !== '' && isFirstOrigin) headers.authorization = basic(url)
  const options: RequestOptions = { headers, signal, agent: false, timeout: what.limits.stallMs }

  if (what.proxy === undefined) return responseTo(url, options)
  const proxy = new URL(what.proxy)
  const proxyHeaders: Record<string, string> = proxy.username === '' ? {} : { 'proxy-authorization': basic(proxy) }
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
  const tunnel = await tunnelTo(target, { ...atProxy, headers: { ...proxyHeaders, host: target } })
  const servername = /^[\d.]+$|:/.test(hostOf(url)) ? '' : url.hostname
  return responseTo(url, { ...options, createConnection: () => connectTls({ socket: tunnel, servername }) })
}

function responseTo(url: URL | undefined, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request =
      url === undefined
        ? httpRequest(options)
        : url.protocol === 'https:'
          ? httpsRequest(url, options)
          : httpRequest(url, options)
    request.on('timeout', () => request.destroy(new DownloadError(`it says nothing for ${Number(options.timeout) / 1000} s`)))
    request.on('error', reject)
    request.on('response', resolve)
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
    request.on('connect', (response, socket) => {
      if (response.statusCode === 200) return resolve(socket)
      socket.destroy()
      reject(new DownloadError(`the proxy answers ${response.statusCode ?? 0} to CONNECT`))
    })
    request.end()
  })
}

async function store(response: IncomingMessage, what: Download, signal: AbortSignal): Promise<Downloaded> {
  const hash = createHash('sha256')
  let total = 0
  const measured = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      total += chunk.length
      if (total > what.maxBytes) throw new DownloadError(`it is over the limit of ${what.maxBytes} bytes`)
      hash.update(chunk)
      yield chunk
    }
  }
  const decoder = decoderOf(response)
  // Opened before anything can fail: a stream that opens by itself may do so after its file was removed.
  const file = (await open(what.path, 'wx', 0o640)).createWriteStream()
  if (decoder === undefined) await pipeline(response, measured, file, { signal })
  else await pipeline(response, decoder, measured, file, { signal })
  if (!response.complete) throw new DownloadError('the connection was cut')
  return { sha256: hash.digest('hex'), etag: response.headers.etag, lastModified: response.headers['last-modified'] }
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
      throw new DownloadError(`its content coding "${coding.slice(0, 40)}" is unknown`)
  }
}

function basic(url: URL): string {
  const text = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return `Basic ${Buffer.from(text, 'utf8').toString('base64')}`
}

/** Without the brackets of an IPv6 literal. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}
