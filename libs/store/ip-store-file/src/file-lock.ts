/**
 * One process at a time: a lock the system lets go of when its holder dies, however it dies.
 *
 * Node cannot flock(). But a lock taken by flock(2) belongs to the open file, not to the process that asked, so the `flock` command
 * takes it on a descriptor we lend it, ends, and leaves it with us. It holds between containers that share a volume, where process
 * ids mean nothing. Where there is no such command, or the file's system knows no such lock, the file names its holder (process id,
 * start time, boot) and a holder that is no longer there has lost it; that sees no holder in another container.
 *
 * The file stays when the lock goes: removing it would race. On a full or read-only disk a file that is there can be locked all the
 * same, it just does not name its holder. Where it is not there and cannot be made, there is no lock.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { isPassing } from './disk-fault.ts'
import { bootId } from './store-clock.ts'
import { StoreFileError } from './store-file-error.ts'

/** What flock(1) exits with; anything else says that it could not tell. */
const TAKEN = 0
const HELD = 1

export interface FileLock {
  release(): void
}

/** @throws StoreFileError 'locked' with who holds it, as far as is known; or as the system does, when there is no file to lock */
export function lockFile(path: string, store: string, command = 'flock'): FileLock {
  const descriptor = openToLock(path)
  const holder = readFileSync(path, 'latin1')
  const { status } = spawnSync(command, ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] })
  const isHeld = status === HELD || (status !== TAKEN && isAlive(holder))
  if (isHeld) {
    closeSync(descriptor)
    const [pid] = holder.split(' ')
    const who = pid === undefined || pid === '' ? 'another process' : `process ${pid}`
    throw new StoreFileError('locked', `the store ${store} is in use by ${who}; each instance needs a store of its own`)
  }
  try {
    nameHolder(descriptor, `${process.pid} ${startOf(process.pid)} ${bootId()}\n`)
  } catch (error) {
    if (status !== TAKEN) {
      closeSync(descriptor)
      throw error // the name is all the lock there is
    }
  }
  return {
    release: () => {
      try {
        nameHolder(descriptor, '')
      } catch {
        // a name that stays is no lock
      }
      closeSync(descriptor)
    },
  }
}

function openToLock(path: string): number {
  try {
    return openSync(path, 'a+')
  } catch (error) {
    if (isPassing(error) && existsSync(path)) return openSync(path, 'r')
    throw error
  }
}

function nameHolder(descriptor: number, name: string): void {
  ftruncateSync(descriptor, 0)
  writeSync(descriptor, name)
}

function isAlive(holder: string): boolean {
  const [pid, start, boot] = holder.trim().split(' ')
  if (pid === undefined || start === undefined || pid === '') return false
  return boot === bootId() && start === startOf(Number(pid)) && start !== ''
}

/** When a process started, in ticks since boot: field 22 of its stat, after the name in parentheses. */
function startOf(pid: number): string {
  const stat = read(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // no such process, or no /proc
  }
}
