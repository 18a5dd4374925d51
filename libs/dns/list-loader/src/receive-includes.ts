/**
 * A v2fly list from a URL includes its neighbours: `include:other` in https://lists.example/data/google means https://lists.example/data/other.
 * They are downloaded into a folder beside the list, and so are the lists that they include.
 *
 * A list that the server does not have is left out, and the build reports that the list is not whole. A list that cannot be downloaded now (a timeout,
 * an error of the server) fails the whole download, and the last good version stays.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { receive, type DownloadRequest, type Received } from './download.ts'
import { downloadPathIn } from './kept-copies.ts'

export type ReceivedList = Received | (Extract<Received, { outcome: 'fetched' }> & { readonly includes: string })

const MAX_INCLUDES = 2000
/** The same limit as in domain-list, v2fly.ts. */
const MAX_INCLUDED_BYTES = 1 << 26
/** No slash: an include never leads out of the folder. */
const LIST_NAME = /^[a-z0-9_!][a-z0-9_!.-]{0,127}$/

/** Downloads the list, and the lists that it includes. */
export async function receiveWithIncludes(request: DownloadRequest, cancel: AbortSignal): Promise<ReceivedList> {
  const received = await receive(request, cancel)
  if (received.outcome !== 'fetched') return received
  const names = await includedNames(received.path)
  if (names.size === 0) return received
  const includes = downloadPathIn(dirname(received.path))
  const discard = () => {
    for (const path of [received.discard, includes]) rmSync(path, { recursive: true, force: true })
  }
  try {
    mkdirSync(includes, { mode: 0o750 })
    const fault = await receiveAll(names, includes, request, cancel)
    if (fault === undefined) return { ...received, includes }
    discard()
    return fault
  } catch (error) {
    discard()
    if (!(error instanceof Error) || !('code' in error)) throw error
    return { outcome: 'failed', why: `there is no room for what it includes (${String(error.code)})` }
  }
}

/** Adds to `names` what the included lists include. Returns what went wrong. */
async function receiveAll(
  names: Set<string>,
  includes: string,
  request: DownloadRequest,
  cancel: AbortSignal,
): Promise<Received | undefined> {
  const until = AbortSignal.any([cancel, AbortSignal.timeout(request.limits.timeoutMs)])
  let left = MAX_INCLUDED_BYTES
  for (const name of names) {
    if (names.size > MAX_INCLUDES) return { outcome: 'refused', why: `it includes more than ${MAX_INCLUDES} lists` }
    const url = new URL(name, request.url).href
    const one = await receive(
      { ...request, url, etag: undefined, lastModified: undefined, folder: includes, maxBytes: left },
      until,
    )
    if (one.outcome === 'unchanged' || ('isMissing' in one && one.isMissing === true)) continue
    if (one.outcome !== 'fetched') return { ...one, why: `include:${name}: ${one.why}` }
    const path = join(includes, name)
    renameSync(one.path, path)
    rmSync(one.discard, { recursive: true, force: true })
    for (const inner of await includedNames(path, (bytes) => (left -= bytes))) names.add(inner)
  }
  return undefined
}

const READ_BYTES = 1 << 20
const WORD = Buffer.from('include:')
const MAX_LINE_BYTES = 4096

/** What stands behind `include:` at the beginning of lines. Other formats have no such lines. */
async function includedNames(path: string, onRead: (bytes: number) => void = () => {}): Promise<Set<string>> {
  const names = new Set<string>()
  const file = await open(path)
  try {
    const buffer = Buffer.alloc(READ_BYTES + MAX_LINE_BYTES)
    let held = 0 // of a line that goes on in the next piece
    for (;;) {
      const { bytesRead } = await file.read(buffer, held, READ_BYTES, null)
      onRead(bytesRead)
      const bytes = buffer.subarray(0, held + bytesRead)
      const end = bytesRead === 0 ? bytes.length : bytes.lastIndexOf(0x0a) + 1
      for (let at = bytes.indexOf(WORD); at >= 0 && at < end; at = bytes.indexOf(WORD, at + 1)) {
        if (at > 0 && bytes[at - 1] !== 0x0a) continue
        const lineEnd = bytes.indexOf(0x0a, at)
        const line = bytes.subarray(at + WORD.length, Math.min(lineEnd < 0 ? bytes.length : lineEnd, at + 200)).toString('latin1')
        const name = line.split(/[\s#]/, 1)[0]?.toLowerCase() ?? ''
        if (LIST_NAME.test(name)) names.add(name)
      }
      if (bytesRead === 0) return names
      held = Math.min(bytes.length - end, MAX_LINE_BYTES)
      buffer.copyWithin(0, bytes.length - held, bytes.length)
    }
  } finally {
    await file.close()
  }
}
