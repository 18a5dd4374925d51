/** For tests: stores on disk made by hand. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BindingTable } from '@dnstap-bgp/ip-store'
import type { IpStore, Sighting } from '@dnstap-bgp/ip-store'
import { NO_LIMITS } from '@dnstap-bgp/ip-store/conformance'
import { expect } from 'vitest'
import { Batch, encodeHead } from '../src/part-format.ts'
import { StoreFileError } from '../src/store-file-error.ts'

const STORE = '0123456789abcdef'

export interface PartMade {
  readonly number: number
  /** Where the part before ends. */
  readonly end?: number
  readonly store?: string
  readonly batches: readonly ((batch: Batch) => void)[]
}

/** The octets of a part. */
export function partOf({ number, end = 0, store = STORE, batches }: PartMade): Uint8Array {
  const batch = new Batch()
  const octets: Uint8Array[] = [encodeHead({ number, store, end })]
  for (const [index, fill] of batches.entries()) {
    batch.clear()
    fill(batch)
    octets.push(batch.seal(index).slice())
  }
  return Buffer.concat(octets)
}

export function tableOf(sightings: readonly Sighting[]): BindingTable {
  const table = new BindingTable({ epoch: 'made by hand' })
  table.observe(sightings, NO_LIMITS)
  return table
}

/** A store of one part. */
export function storeWith(path: string, sightings: readonly Sighting[], anchor?: string): void {
  const table = tableOf(sightings)
  const fill = (batch: Batch) => {
    if (anchor !== undefined) batch.anchor(anchor)
    for (let slot = 0; slot < table.slots; slot++) batch.row(table, slot)
  }
  mkdirSync(path)
  writeFileSync(join(path, '1.part'), partOf({ number: 1, batches: [fill] }))
}

/** Why a store is not opened. Fails when it is. */
export async function refusalOf(opening: Promise<IpStore>): Promise<StoreFileError> {
  const error = await opening.then(
    async (store) => {
      await store.close()
      throw new Error('it was opened')
    },
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreFileError)
  return error as StoreFileError
}
