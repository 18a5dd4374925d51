/**
 * Last good versions of lists, kept over restarts: the octets as they came, and a note with digest, validators and counts.
 *
 *   NAME-DIGEST.list         a file, or a folder of files; DIGEST is that of the source's address, so that a list can start from another list's copy
 *   NAME-DIGEST.list.json    the note, written after it
 *   NAME-DIGEST.list.includes    a folder with the lists that a v2fly list from a URL includes, if there are any
 *
 * A copy is replaced only by a version that was not refused. Services on one machine may share the folder: they write the same files, by rename.
 * A copy whose digest differs from its note's is not used.
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
  /** The settings that the counts belong to (list-definition.ts, readingOf). */
  readonly reading: string
  readonly sha256: string
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  readonly rules: number
  readonly addresses: number
  /** Unix ms: when its rules last changed. */
  readonly changedAt: number
}

/** Where the copy of a list is kept. `source` is a path or URL without its fragment: the copy holds everything that a fragment chooses from. */
export function copyPathOf(folder: string, list: string, source: string): string {
  return join(folder, `${list.replace(/[^\w.-]/g, '_').slice(0, 60)}${endingOf(source)}`)
}

function endingOf(source: string): string {
  return `-${createHash('sha256').update(source).digest('hex').slice(0, 12)}.list`
}

/**
 * The copy of a list. For a `shared` source without a copy of this list: the newest copy that another list kept, so that a renamed list keeps its
 * names.
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
    return [] // the folder cannot be read: no copy
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

/** Keeps a download: the file and the lists that it includes become the copy. The file may be on another disk. */
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
  /** A folder with the included lists. */
  readonly includes: string | undefined
}

/** A folder with the lists that the copy includes; undefined: none. */
export function includesOfCopy(copyPath: string): string | undefined {
  const folder = includesOf(copyPath)
  return existsSync(folder) ? folder : undefined
}

function includesOf(copyPath: string): string {
  return `${copyPath}.includes`
}

/**
 * Keeps a copy of the operator's file or folder, unless it was written to since the build read it. Such a change is another version, and gets a
 * build of its own.
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
 * The last step: writes the note, which needs room on the disk, then renames. A new copy beside an old note would not be used, so the note is
 * written first.
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

/** Copies a file, and returns the digest of the copy. */
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

/** Names of unfinished files begin with this. */
const LEFTOVER = '.download-'
const LEFTOVER_AGE_MS = 3_600_000

/** A file for a download, in the folder of the copies. */
export function downloadPathIn(folder: string): string {
  return join(folder, `${LEFTOVER}${randomBytes(8).toString('hex')}`)
}

/** Removes unfinished files of a killed process. A young file may belong to a running process, so it stays. */
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
