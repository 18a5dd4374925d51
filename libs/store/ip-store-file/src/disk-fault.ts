/** What the system says when a disk does not take our octets, in words for the operator. */
import { reasonOf } from '@dnstap-bgp/runtime'
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'its disk is full',
  EDQUOT: 'the quota on its disk is used up',
  EROFS: 'its file system is read-only',
  EIO: 'its disk reports errors',
  EFBIG: 'no file of this process may be larger',
}

/** Faults that pass without anybody editing the configuration: room is made, a disk is mounted for writing again. */
const PASSING: readonly string[] = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']

export function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? ''
}

export function isPassing(error: unknown): boolean {
  return PASSING.includes(errorCode(error))
}

/** A part of a sentence: `its disk is full (ENOSPC)`. */
export function inWords(error: unknown): string {
  const code = errorCode(error)
  const words = WORDS[code]
  return words === undefined ? reasonOf(error) : `${words} (${code})`
}

/** Octets that this process may still write where `path` is. Unknown counts as enough: a try tells. */
export function roomAt(path: string): number {
  try {
    const { bavail, bfree, bsize } = statfsSync(dirname(path))
    return (process.getuid?.() === 0 ? bfree : bavail) * bsize
  } catch {
    return Infinity
  }
}
