/** What stands at the path of a store. */
import { reasonOf } from '@dnstap-bgp/runtime'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { errorCode, inWords } from './disk-fault.ts'
import { LmdbFile } from './lmdb-file.ts'
import { hasName, NAME_BYTES } from './part-format.ts'
import { damaged, foreign, StoreFileError } from './store-file-error.ts'
import { StoredParts } from './stored-parts.ts'

/** `isInTheWay`: a file stands where the folder of parts is wanted. */
export type StoreAt = { readonly isInTheWay: boolean; close(): void } & (
  | { readonly kind: 'nothing' }
  | { readonly kind: 'parts'; readonly parts: StoredParts }
  | { readonly kind: 'lmdb'; readonly file: LmdbFile }
)

/** Looks at heads only, changes nothing. To be closed. @throws StoreFileError when it is nothing that a store may be made of */
export function storeAt(path: string): StoreAt {
  try {
    return look(path)
  } catch (error) {
    if (errorCode(error) === 'EIO') throw damaged(path, `it cannot be read, ${inWords(error)}`)
    if (error instanceof StoreFileError || errorCode(error) === '') throw error
    throw new StoreFileError('unusable', `the store ${path} cannot be read: ${reasonOf(error)}`, { cause: error })
  }
}

function look(path: string): StoreAt {
  const status = statusOf(path)
  if (status === undefined) return { kind: 'nothing', isInTheWay: false, close() {} }
  if (status.isDirectory()) {
    const parts = StoredParts.inFolder(path)
    if (parts === undefined) return { kind: 'nothing', isInTheWay: false, close() {} }
    return { kind: 'parts', parts, isInTheWay: false, close: () => parts.close() }
  }
  if (!status.isFile()) throw foreign(path)
  if (hasOurName(path)) {
    const parts = StoredParts.copy(path)
    return { kind: 'parts', parts, isInTheWay: true, close: () => parts.close() }
  }
  const file = LmdbFile.open(path)
  if (file === undefined) return { kind: 'nothing', isInTheWay: true, close() {} }
  return { kind: 'lmdb', file, isInTheWay: true, close: () => file.close() }
}

function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function hasOurName(path: string): boolean {
  const descriptor = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(NAME_BYTES)
    return hasName(bytes.subarray(0, readSync(descriptor, bytes, 0, NAME_BYTES, 0)))
  } finally {
    closeSync(descriptor)
  }
}
