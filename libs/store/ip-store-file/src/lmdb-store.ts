/**
 * Stores of dnstap-bgp 2.0 before it had parts: an LMDB file with a row for each slot. It is read once and written anew as parts.
 *
 *   key 2^32 - 1   'dnstap-bgp ip-store 1'     key 2^32 - 2   the anchor of store time     other keys   slots
 */
import type { LmdbFile } from './lmdb-file.ts'
import { ANCHOR_SLOT, MAX_SLOT, VERSION } from './part-format.ts'
import { foreign, StoreFileError } from './store-file-error.ts'
import type { RowReader } from './stored-parts.ts'

const NAME_KEY = 0xffff_ffff
const NAME = 'dnstap-bgp ip-store '

/** @throws StoreFileError when the file is not ours or damaged */
export async function readLmdbStore(path: string, file: LmdbFile, to: RowReader & { corruptRow(): void }): Promise<void> {
  const text = (row: { bytes: Uint8Array; at: number; end: number }) =>
    new TextDecoder().decode(row.bytes.subarray(row.at, row.end))
  const anchor = file.lastRows().find(({ key }) => key === ANCHOR_SLOT)
  if (anchor !== undefined) to.anchor(text(anchor))
  let name: string | undefined
  let rows = 0
  for (const page of file.rows()) {
    for (const row of page) {
      if (row.key === NAME_KEY) name = text(row)
      if (row.key >= ANCHOR_SLOT) continue
      rows++
      if (row.key < MAX_SLOT) to.row(row.key, 0, row.bytes, row.view, row.at, row.end)
      else to.corruptRow()
    }
    await to.pause()
  }
  checkName(path, name, rows)
}

function checkName(path: string, name: string | undefined, rows: number): void {
  if (name === undefined && rows === 0) return // killed before its first row
  if (name === undefined || !name.startsWith(NAME)) throw foreign(path)
  const version = name.slice(NAME.length)
  if (version === '1') return
  throw new StoreFileError(
    'newer',
    `the store ${path} is of version ${version}; this version of dnstap-bgp reads ${VERSION} and older`,
  )
}
