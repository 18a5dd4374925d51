/** The files of a list, their octets and their signatures. Used in the worker, and by the watcher. */
import { createHash } from 'node:crypto'
import { createReadStream, statSync, readdirSync, openSync, readSync, closeSync, existsSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createGunzip } from 'node:zlib'

/** A source that cannot be read; the message is one sentence. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
}

/** A source, and the part of it to take: `geosite.dat#google,netflix@cn`, `data#@cn`. */
export interface Fragment {
  readonly path: string
  readonly sites: string[]
  readonly attributes: string[]
}

/** Splits at `#`, unless there is a file with `#` in its name. */
export function splitFragment(source: string): Fragment {
  const at = source.lastIndexOf('#')
  return at <= 0 || existsSync(source) ? { path: source, sites: [], attributes: [] } : fragmentAt(source, at)
}

/** The same for a URL (RFC 3986 §3.5: the fragment is not sent). */
export function urlFragment(url: string): Fragment {
  const at = url.indexOf('#')
  return at < 0 ? { path: url, sites: [], attributes: [] } : fragmentAt(url, at)
}

function fragmentAt(source: string, at: number): Fragment {
  const items = source
    .slice(at + 1)
    .split(',')
    .filter((item) => item !== '')
  return {
    path: source.slice(0, at),
    sites: items.filter((item) => !item.startsWith('@')),
    attributes: items.filter((item) => item.startsWith('@')).map((item) => item.slice(1)),
  }
}

const MAX_FILES = 10_000

export interface SourceFiles {
  readonly files: readonly string[]
  readonly isFolder: boolean
  /** Names of links in a folder that lead nowhere. */
  readonly dangling: readonly string[]
}

/** The files of a path: itself, or what a folder holds, in the order of their names. Throws SourceError. */
export function filesOf(path: string): SourceFiles {
  try {
    if (!statSync(path).isDirectory()) return { files: [regular(path)], isFolder: false, dangling: [] }
    const names = readdirSync(path)
      .filter((name) => !name.startsWith('.'))
      .sort()
    const found = names.map((name) => ({ name, stat: statSync(join(path, name), { throwIfNoEntry: false }) }))
    const files = found.filter(({ stat }) => stat?.isFile() === true).map(({ name }) => join(path, name))
    const dangling = found.filter(({ stat }) => stat === undefined).map(({ name }) => name)
    if (files.length > MAX_FILES) throw new SourceError(`${path} holds ${files.length} files, and ${MAX_FILES} is the limit`)
    if (files.length === 0) throw new SourceError(`${path} is a folder without files`)
    return { files, isFolder: true, dangling }
  } catch (error) {
    throw asSourceError(path, error)
  }
}

function regular(path: string): string {
  if (!statSync(path).isFile()) throw new SourceError(`${path} is neither a file nor a folder`)
  return path
}

/** Changes when the source or one of the files `beside` it changes. Empty: it cannot be read. */
export async function signatureOf(source: string, beside: readonly string[] = []): Promise<string> {
  return [await signatureOfSource(source), ...beside.map(signatureOfFile)].join('\n')
}

/** The same for one file, without waiting. */
export function signatureOfFile(path: string): string {
  try {
    return signature(path, statSync(path, { bigint: true }))
  } catch {
    return `${path} is not there`
  }
}

async function signatureOfSource(source: string): Promise<string> {
  const { path } = splitFragment(source)
  try {
    const top = await stat(path, { bigint: true })
    if (!top.isDirectory()) return signature(path, top)
    const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort()
    const lines: string[] = []
    for (const name of names.slice(0, MAX_FILES))
      lines.push(
        await stat(join(path, name), { bigint: true }).then(
          (found) => signature(name, found),
          () => `${name} leads nowhere`,
        ),
      )
    return lines.join('\n')
  } catch {
    return ''
  }
}

function signature(name: string, { dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${name} ${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
}

/** The digest of a folder: of the names and digests of its files, in their order. */
export class FolderDigest {
  readonly #hash = createHash('sha256')

  add(file: string, sha256: string): void {
    this.#hash.update(`${basename(file)} ${sha256}\n`)
  }

  get sha256(): string {
    return this.#hash.copy().digest('hex')
  }
}

const CHUNK_BYTES = 1 << 20

/**
 * The bytes of a file, unpacked if it is gzip; a chunk is valid until the next is asked for. `onRead` is shown them as they are in the file.
 * Throws SourceError.
 */
export async function* chunksOf(
  path: string,
  maxBytes: number,
  onRead: (bytes: Uint8Array) => void = () => {},
): AsyncGenerator<Uint8Array> {
  try {
    let total = 0
    for await (const chunk of isGzip(path) ? gunzipped(path, onRead) : packedChunksOf(path, onRead)) {
      total += chunk.length
      if (total > maxBytes) throw new SourceError(`${path} is over the limit of ${maxBytes} bytes`)
      yield chunk
    }
  } catch (error) {
    throw asSourceError(path, error)
  }
}

/** The bytes as they are in the file; a chunk is valid until the next is asked for. Throws what the file system throws. */
export function* packedChunksOf(path: string, onRead: (bytes: Uint8Array) => void = () => {}): Generator<Uint8Array> {
  const file = openSync(path, 'r')
  try {
    const buffer = new Uint8Array(CHUNK_BYTES)
    for (;;) {
      const count = readSync(file, buffer, 0, buffer.length, null)
      if (count === 0) return
      const chunk = buffer.subarray(0, count)
      onRead(chunk)
      yield chunk
    }
  } finally {
    closeSync(file)
  }
}

function isGzip(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const head = new Uint8Array(2)
    return readSync(file, head, 0, 2, 0) === 2 && head[0] === 0x1f && head[1] === 0x8b
  } finally {
    closeSync(file)
  }
}

async function* gunzipped(path: string, onRead: (bytes: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  const unpacked = createGunzip({ chunkSize: CHUNK_BYTES })
  const packed = createReadStream(path)
  packed.on('error', (error) => unpacked.destroy(error))
  packed.on('data', (bytes) => onRead(bytes as Buffer))
  try {
    yield* packed.pipe(unpacked) as AsyncIterable<Uint8Array>
  } finally {
    packed.destroy()
    unpacked.destroy()
  }
}

function asSourceError(path: string, error: unknown): unknown {
  if (error instanceof SourceError || !(error instanceof Error)) return error
  const { code } = error as NodeJS.ErrnoException
  const why =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EACCES' || code === 'EPERM'
        ? 'we may not read it'
        : code === 'ELOOP'
          ? 'its symbolic links go in a circle'
          : error.message
  return code === undefined ? error : new SourceError(`${path}: ${why}`, { cause: error })
}
