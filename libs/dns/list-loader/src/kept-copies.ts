/**
 * The last good version of each list, kept over restarts: its bytes as they came, and a note of what was made of them.
 *
 *   NAME-DIGEST.list         a file, or a folder of files; DIGEST is of where it came from, so that a list may begin with another's copy
 *   NAME-DIGEST.list.json    the note, written after it
 *
 * A copy is replaced only by a version that was taken, so one that is there was good once. Services on one machine may share the folder: both
 * write the same, by rename. A note speaks of the bytes whose digest it has, and of no others: a copy that is not those is not used.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { FolderDigest, packedChunksOf } from './list-files.ts'
import type { SourceFiles } from './list-files.ts'

export interface CopyNote {
  /** By which settings the counts came about (list-definition.ts, readingOf). */
  readonly reading: string
  readonly sha256: string
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  readonly rules: number
  readonly addresses: number
  /** Unix ms: when its rules last changed. */
  readonly changedAt: number
}

/** Where the copy of a list is kept. `source` is a path or URL without its fragment: another choice of the same bytes is no other copy. */
export function copyPathOf(folder: string, list: string, source: string): string {
  return join(folder, `${list.replace(/[^\w.-]/g, '_').slice(0, 60)}${endingOf(source)}`)
}

function endingOf(source: string): string {
  return `-${createHash('sha256').update(source).digest('hex').slice(0, 12)}.list`
}

/**
 * The copy of a list; for a `shared` source, when the list has none, the newest that another list kept of it: a list that was renamed goes on
 * with what it had.
 */
export function findCopy(folder: string, list: string, source: string, shared: boolean): string | undefined {
  const own = copyPathOf(folder, list, source)
  if (hasCopy(own)) return own
  if (!shared) return undefined
  const others = namesIn(folder)
    .filter((name) => name.endsWith(endingOf(source)))
    .map((name) => join(folder, name))
    .filter(hasCopy)
  const written = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return others.sort((a, b) => written(b) - written(a))[0]
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // where nothing can be read there is no copy
  }
}

function hasCopy(copyPath: string): boolean {
  try {
    accessSync(copyPath, constants.R_OK)
    return true
  } catch {
    return false
  }
}

export function readNote(copyPath: string | undefined): CopyNote | undefined {
  if (copyPath === undefined) return undefined
  try {
    const note = JSON.parse(readFileSync(noteOf(copyPath), 'utf8')) as CopyNote | null
    return typeof note?.sha256 === 'string' ? note : undefined
  } catch {
    return undefined
  }
}

/** Throws what the file system throws. */
export function keepNote(copyPath: string, note: CopyNote): void {
  const path = `${copyPath}-${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(path, JSON.stringify(note), { mode: 0o640 })
    renameSync(path, noteOf(copyPath))
  } finally {
    rmSync(path, { force: true })
  }
}

/** Keeps what was fetched: `from`, in the same folder, becomes the copy. */
export function keepFetched(copyPath: string, from: string): void {
  renameSync(from, copyPath)
}

/** Keeps a copy of the operator's file or folder, if that still is what has the digest: it may have been written to since it was judged. */
export function keepFiles(copyPath: string, { files, isFolder }: SourceFiles, sha256: string): boolean {
  const folder = dirname(copyPath)
  mkdirSync(folder, { recursive: true, mode: 0o750 })
  const path = join(folder, `${LEFTOVER}${randomBytes(8).toString('hex')}`)
  try {
    if (isFolder) {
      mkdirSync(path, { mode: 0o750 })
      const whole = new FolderDigest()
      for (const file of files) whole.add(file, copied(file, join(path, basename(file))))
      if (whole.sha256 !== sha256) return false
    } else if (copied(files[0] ?? '', path) !== sha256) return false
    rmSync(copyPath, { recursive: true, force: true })
    renameSync(path, copyPath)
    return true
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

/** Copies, and returns the digest of what was written. */
function copied(from: string, to: string): string {
  const hash = createHash('sha256')
  const target = openSync(to, 'wx', 0o640)
  try {
    for (const chunk of packedChunksOf(from)) {
      hash.update(chunk)
      writeFileSync(target, chunk)
    }
  } finally {
    closeSync(target)
  }
  return hash.digest('hex')
}

/** How the name of what is on its way begins. */
const LEFTOVER = '.download-'
const LEFTOVER_AGE_MS = 3_600_000

/** A file for a download, in the folder of the copies. */
export function downloadPathIn(folder: string): string {
  return join(folder, `${LEFTOVER}${randomBytes(8).toString('hex')}`)
}

/** What a process that was killed left behind. What is young may belong to one that lives. */
export function removeLeftovers(folder: string, now: number): void {
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(LEFTOVER)) continue
    const stat = statSync(join(folder, name), { throwIfNoEntry: false })
    if (stat !== undefined && now - stat.mtimeMs > LEFTOVER_AGE_MS) rmSync(join(folder, name), { recursive: true, force: true })
  }
}

function noteOf(copyPath: string): string {
  return `${copyPath}.json`
}
