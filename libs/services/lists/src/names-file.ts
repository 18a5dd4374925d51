/**
 * Keeps a file with the names of all lists current, for programs beside us: dnsdist looks names up in it (`dnstap-bgp resolver-config dnsdist`).
 *
 * A CDB (cdb.ts) whose keys are names in wire format, lower case. It is written beside the old one and takes its place by a rename, so that a
 * reader has one or the other, whole. Of a rule only its name is there: not whether it covers the name, its subdomains or both. Keywords and
 * regular expressions are left out, and so is what an exception says.
 *
 * The loop is not held: between pieces of 64 KiB the file system is waited for.
 */
import { listedNames, type Matcher } from '@dnstap-bgp/domain-matcher'
import { reasonOf, type Closeable, type Log } from '@dnstap-bgp/runtime'
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { CDB_HEADER_BYTES, CdbIndex } from './cdb.ts'

const CHUNK_BYTES = 64 * 1024
/** A record has 8 octets beside a name of at most 255. */
const MAX_RECORD_BYTES = 263
const FILE_MODE = 0o644

export class NamesFile implements Closeable {
  readonly #path: string
  readonly #log: Log
  #next: Matcher | undefined
  #writing: Promise<void> | undefined
  #isClosed = false

  constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
  }

  /** The lists changed. While a file is being written only the last version is kept for afterwards. */
  write(matcher: Matcher): void {
    if (this.#isClosed) return
    this.#next = matcher
    this.#writing ??= this.#writeAll()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#next = undefined
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    for (let matcher = this.#next; matcher !== undefined; matcher = this.#next) {
      this.#next = undefined
      try {
        const names = await writeNames(this.#path, matcher)
        this.#log.info({ file: this.#path, names }, 'The file of names is written.')
      } catch (error) {
        this.#log.error(
          { file: this.#path, reason: reasonOf(error) },
          'The file of names could not be written; the old one stays.',
        )
      }
    }
    this.#writing = undefined
  }
}

/** Returns how many names are in the file. */
export async function writeNames(path: string, matcher: Matcher): Promise<number> {
  const beside = `${path}.new-${process.pid}`
  let names = 0
  try {
    const file = await open(beside, 'w', FILE_MODE)
    try {
      names = await writeCdb(file, matcher)
      await setTime(file, path)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
  return names
}

async function writeCdb(file: FileHandle, matcher: Matcher): Promise<number> {
  const index = new CdbIndex()
  const chunk = new Uint8Array(CHUNK_BYTES)
  let names = 0
  let used = 0
  let at = CDB_HEADER_BYTES
  const flush = async (bytes: Uint8Array) => {
    await file.write(bytes, 0, bytes.length, at)
    at += bytes.length
  }
  for (const name of listedNames(matcher)) {
    used += index.add(name, chunk, used)
    names++
    if (used <= CHUNK_BYTES - MAX_RECORD_BYTES) continue
    await flush(chunk.subarray(0, used))
    used = 0
  }
  await flush(chunk.subarray(0, used))
  const tables = index.tables()
  let table = tables.next()
  for (; table.done !== true; table = tables.next()) await flush(table.value)
  await file.write(table.value, 0, CDB_HEADER_BYTES, 0)
  return names
}

/** dnsdist takes a file over when its time, in whole seconds, is a later one. */
async function setTime(file: FileHandle, path: string): Promise<void> {
  const before = await stat(path).then(
    ({ mtimeMs }) => Math.floor(mtimeMs / 1000),
    () => -Infinity,
  )
  const seconds = Math.max(Math.floor(Date.now() / 1000), before + 1)
  await file.utimes(seconds, seconds)
}
