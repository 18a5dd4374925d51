/**
 * A file system of a few megabytes that a test may fill: a limit on a file's size does not show how a full disk behaves. Only root can
 * mount it; smallDiskMissing() says why it cannot be had.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, truncateSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type SmallDiskKind = 'tmpfs' | 'ext4'

const CHUNK = Buffer.alloc(64 * 1024, 0x55)
const FILLER = 'filler'

export interface SmallDisk {
  readonly kind: SmallDiskKind
  /** Where it is mounted. */
  readonly path: string
  readonly freeBytes: number
  /** Somebody else's file takes the room, down to so many octets. */
  fill(leaveBytes?: number): void
  makeRoom(): void
  /** Its file system fails from now on, as after an error of the device: it is read-only until remove(). ext4 only. */
  fail(): void
  remove(): void
}

const reasons = new Map<SmallDiskKind, string>()

/** Why there can be none of this kind here; empty when there can. */
export function smallDiskMissing(kind: SmallDiskKind): string {
  const known = reasons.get(kind)
  if (known !== undefined) return known
  let reason = ''
  try {
    makeSmallDisk(kind, 4 * 2 ** 20).remove()
  } catch (error) {
    reason = `no ${kind} can be mounted: ${(error as Error).message.trim()}`
  }
  reasons.set(kind, reason)
  return reason
}

export function makeSmallDisk(kind: SmallDiskKind, bytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-small-disk-'))
  const path = join(folder, 'disk')
  mkdirSync(path)
  try {
    if (kind === 'tmpfs') run('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path)
    else {
      const image = join(folder, 'image')
      closeSync(openSync(image, 'w'))
      truncateSync(image, bytes)
      run('mkfs.ext4', '-q', '-m', '0', image)
      run('mount', '-o', 'loop', image, path)
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  const disk: SmallDisk = {
    kind,
    path,
    get freeBytes() {
      const { bavail, bsize } = statfsSync(path)
      return bavail * bsize
    },
    fill(leaveBytes = 0) {
      disk.makeRoom()
      writeUntilFull(join(path, FILLER), Math.max(0, disk.freeBytes - leaveBytes))
    },
    makeRoom: () => rmSync(join(path, FILLER), { force: true }),
    fail: () => run('mount', '-o', 'remount,abort', path),
    remove() {
      process.removeListener('exit', disk.remove)
      spawnSync('umount', ['-l', path])
      rmSync(folder, { recursive: true, force: true })
    },
  }
  process.once('exit', disk.remove)
  return disk
}

function writeUntilFull(path: string, bytes: number): void {
  const file = openSync(path, 'w')
  try {
    for (let done = 0; done < bytes;) done += writeSync(file, CHUNK, 0, Math.min(CHUNK.length, bytes - done))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`)
}
