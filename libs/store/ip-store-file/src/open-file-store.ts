/** Opens the embedded store: who may, what stands there, and what goes on without a disk. */
import { reasonOf } from '@dnstap-bgp/runtime'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorCode, isPassing } from './disk-fault.ts'
import { FileIpStore } from './file-ip-store.ts'
import type { FileStoreConfig, FileStoreDependencies } from './file-ip-store.ts'
import { lockFile } from './file-lock.ts'
import type { FileLock } from './file-lock.ts'
import { storeAt } from './store-at.ts'
import { StoreFileError } from './store-file-error.ts'

/**
 * A disk that is full or fails is no reason not to open: the store is `memory-only` then, and returns by itself.
 * @throws StoreFileError when the path cannot be used; what stands there is as it was
 */
export async function openFileStore(config: FileStoreConfig, dependencies: FileStoreDependencies): Promise<FileIpStore> {
  const { path } = config
  const takeLock = () => {
    makeFolder(dirname(path))
    return lockFile(`${path}.lock`, path)
  }
  storeAt(path).close() // says first that it is no store of ours, before a lock file appears beside it
  const lock = tryToLock(path, takeLock)
  let store: FileIpStore | undefined
  try {
    if (lock !== undefined) finishMove(path)
    const found = storeAt(path)
    try {
      store = new FileIpStore(config, dependencies, takeLock)
      await store.load(found, lock)
      return store
    } finally {
      found.close()
    }
  } catch (error) {
    store?.dispose()
    lock?.release()
    throw unusable(path, error)
  }
}

/** Undefined: there is no room for a lock file. The writer tries again, and writes nothing before. */
function tryToLock(path: string, takeLock: () => FileLock): FileLock | undefined {
  try {
    return takeLock()
  } catch (error) {
    if (isPassing(error)) return undefined
    throw unusable(path, error)
  }
}

/** The last process may have ended while it put new parts in place of what stood here (StoreWriter), or just after. */
function finishMove(path: string): void {
  try {
    if (!existsSync(path) && existsSync(`${path}.new`) && existsSync(`${path}.old`)) renameSync(`${path}.new`, path)
    if (!existsSync(path)) return
    rmSync(`${path}.old`, { recursive: true, force: true })
    rmSync(`${path}.new`, { recursive: true, force: true })
  } catch (error) {
    if (!isPassing(error)) throw error
  }
}

/** Its last step not `recursive`, which tells of a full disk as of a folder that is missing. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true })
  mkdirSync(path)
}

function unusable(path: string, error: unknown): unknown {
  if (error instanceof StoreFileError || errorCode(error) === '') return error
  return new StoreFileError('unusable', `the store ${path} cannot be opened: ${reasonOf(error)}`, { cause: error })
}
