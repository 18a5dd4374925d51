/**
 * Downloads a list from a URL into a file, within the limits that hostile and broken servers make necessary.
 *
 *     receive ─▶ a folder with room (download-place.ts) ─▶ GETs along redirects (ask-for-list.ts) ─▶ unpacked, measured, written
 *
 * It uses node:http, because fetch() has no proxy in Node 20. Content codings are unpacked on the way, in zlib's threads. The size limit applies to
 * the unpacked octets, so a bomb ends at the limit. A redirect never leads from https to http.
 */
import { foreignText } from '@dnstap-bgp/foreign-text'
import type { SecretText } from '@dnstap-bgp/runtime'
import { open } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { askFor } from './ask-for-list.ts'
import { BadContent, DownloadError, isBadContent, MAX_SHOWN, NoRoom, NotThere, whyDownloadFailed } from './download-error.ts'
import { foldersFor, isNoRoom, makePlaceIn, noRoomIn, removePlace, type DownloadPlace } from './download-place.ts'
import type { Login } from './list-definition.ts'
import { isLocalTarget } from './local-target.ts'

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
  folders: readonly string[] = foldersFor(request.folder),
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
  let place: DownloadPlace | undefined
  try {
    place = makePlaceIn(folder, folder !== request.folder)
    const { path, discard } = place
    const answer = await download(request, path, cancel)
    if (answer !== 'unchanged') return { outcome: 'fetched', path, discard, ...answer }
    removePlace(place)
    return { outcome: 'unchanged' }
  } catch (error) {
    removePlace(place)
    if (isNoRoom(error)) throw noRoomIn(folder, request.folder, error)
    if (!(error instanceof Error)) throw error
    return {
      outcome: isBadContent(error) ? 'refused' : 'failed',
      why: whyDownloadFailed(error),
      ...(error instanceof NotThere ? { isMissing: true } : {}),
    }
  }
}

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
      const response = await askFor(url, { ...what, stallMs: limits.stallMs, mayBeLocal }, abort.signal)
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

function isConditional({ etag, lastModified }: DownloadRequest): boolean {
  return etag !== undefined || lastModified !== undefined
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
