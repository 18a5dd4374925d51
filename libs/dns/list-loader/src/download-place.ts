/** Where a download is written: the first folder that has room. A full or read-only disk must not keep a list from being updated. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NoRoom } from './download-error.ts'
import { downloadPathIn } from './kept-copies.ts'

export interface DownloadPlace {
  readonly path: string
  /** What to remove if the file is not kept. */
  readonly discard: string
}

/** A folder in memory, for when every disk is full. */
const IN_MEMORY = '/dev/shm'

/** The state folder, the folder of temporary files, memory. */
export function foldersFor(folder: string | undefined): string[] {
  const wanted = [...(folder === undefined ? [] : [folder]), tmpdir(), ...(existsSync(IN_MEMORY) ? [IN_MEMORY] : [])]
  return [...new Set(wanted)]
}

export function makePlaceIn(folder: string, isTemporary: boolean): DownloadPlace {
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
export function isNoRoom(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException
  return NO_ROOM.has(code) && FILE_CALLS.has(syscall)
}

export function noRoomIn(folder: string, configured: string | undefined, error: unknown): NoRoom {
  const { code } = error as NodeJS.ErrnoException
  const setting = configured === undefined ? 'TMPDIR' : '[lists] state'
  return new NoRoom(
    `there is no room for what it sends: ${folder} cannot be written (${code ?? 'unknown error'}); ${setting} names another folder`,
    { cause: error },
  )
}

export function removePlace(place: DownloadPlace | undefined): void {
  if (place !== undefined) rmSync(place.discard, { recursive: true, force: true })
}
