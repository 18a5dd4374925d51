/**
 * The last good version of each list, kept over restarts: its bytes as they came, and a note of what was made of them.
 *
 *   NAME-DIGEST.list         a file, or a folder of files; DIGEST is of where it came from, so that a list may begin with another's copy
 *   NAME-DIGEST.list.json    the note, written after it
 *   NAME-DIGEST.list.includes    a folder with what a v2fly list from a URL includes, if it includes anything
 *
 * A copy is replaced only by a version that was taken, so one that is there was good once. Services on one machine may share the folder: both
 * write the same, by rename. A note speaks of the bytes whose digest it has, and of no others: a copy that is not those is not used.
 */
import { foreignText } from '@dnstap-bgp/foreign-text'
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

/** Replaces the note alone. Throws what the file system throws. */
export function keepNote(copyPath: string, note: CopyNote): void {
  replace(copyPath, note, undefined)
}

/** Keeps what was fetched: the file becomes the copy, with what it includes. It may lie on another disk. */
export function keepFetched(copyPath: string, { path: from, includes }: Fetched, note: CopyNote): void {
  const folder = dirname(copyPath)
  mkdirSync(folder, { recursive: true, mode: 0o750 })
  const isHere = dirname(from) === folder
  const path = isHere ? from : downloadPathIn(folder)
  const itsIncludes = isHere || includes === undefined ? includes : downloadPathIn(folder)
  try {
    if (!isHere) copied(from, path)
    if (!isHere && includes !== undefined && itsIncludes !== undefined) {
      mkdirSync(itsIncludes, { mode: 0o750 })
      for (const name of readdirSync(includes)) copied(join(includes, name), join(itsIncludes, name))
    }
    replace(copyPath, note, path, itsIncludes)
  } finally {
    if (!isHere) for (const one of [path, itsIncludes]) if (one !== undefined) rmSync(one, { recursive: true, force: true })
  }
}

interface Fetched {
  readonly path: string
  /** A folder with what it includes. */
  readonly includes: string | undefined
}

/** A folder with what the copy includes; undefined: nothing. */
export function includesOfCopy(copyPath: string): string | undefined {
  const folder = includesOf(copyPath)
  return existsSync(folder) ? folder : undefined
}

function includesOf(copyPath: string): string {
  return `${copyPath}.includes`
}

/**
 * Keeps a copy of the operator's file or folder, if that still is what the note speaks of: what was written to it since it was judged is another
 * version, and gets a build of its own.
 */
export function keepFiles(copyPath: string, { files, isFolder }: SourceFiles, note: CopyNote): void {
  const folder = dirname(copyPath)
  mkdirSync(folder, { recursive: true, mode: 0o750 })
  const path = downloadPathIn(folder)
  try {
    if (isFolder) {
      mkdirSync(path, { mode: 0o750 })
      const whole = new FolderDigest()
      for (const file of files) whole.add(file, copied(file, join(path, basename(file))))
      if (whole.sha256 !== note.sha256) return
    } else if (copied(files[0] ?? '', path) !== note.sha256) return
    replace(copyPath, note, path)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

/**
 * The last step: what needs room is written, the rest is renaming. A note that finds no room must not leave a new copy beside an old note, which would
 * keep the copy from being used.
 */
function replace(copyPath: string, note: CopyNote, path: string | undefined, includes?: string): void {
  const notePath = downloadPathIn(dirname(copyPath))
  try {
    writeFileSync(notePath, JSON.stringify(note), { mode: 0o640 })
    if (path !== undefined) {
      // A folder cannot be renamed over.
      if (statSync(copyPath, { throwIfNoEntry: false })?.isDirectory() === true)
        rmSync(copyPath, { recursive: true, force: true })
      rmSync(includesOf(copyPath), { recursive: true, force: true })
      if (includes !== undefined) renameSync(includes, includesOf(copyPath))
      renameSync(path, copyPath)
    }
    renameSync(notePath, noteOf(copyPath))
  } finally {
    rmSync(notePath, { force: true })
  }
}

/** One sentence about a copy that could not be written. */
export function whyNotKept(copyPath: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  const folder = dirname(copyPath)
  if (code === 'ENOSPC' || code === 'EDQUOT') return `there is no room for its copy in ${folder} (${code})`
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return `its copy cannot be written to ${folder} (${code})`
  return foreignText(error instanceof Error ? error.message : String(error), 300)
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
