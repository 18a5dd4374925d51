/**
 * A copy of the table in one file, made while the table goes on changing: every row once, then what changed meanwhile, in rounds, until
 * so little is left that it is taken in one go. So the copy is the table as it was at one moment, the last one.
 *
 * The head is written last. It says where the copy ends: a copy cut short is no copy.
 */
import { open, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BindingTable } from '@dnstap-bgp/ip-store'
import { Batch, BATCH_BYTES, COPY, encodeHead, HEAD_BYTES } from './part-format.ts'
import { syncFolder, writeAll } from './part-log.ts'

/** Written in one turn of the loop: some 3 ms. */
const ROWS_AT_ONCE = 2_048

export class StoreCopy {
  readonly #table: BindingTable
  readonly #batch = new Batch()
  #changed = new Set<number>()
  #batches = 0
  #end = HEAD_BYTES

  constructor(table: BindingTable) {
    this.#table = table
  }

  /** To be told of every slot that changes while the copy is made. */
  changed(slot: number): void {
    this.#changed.add(slot)
  }

  /** In place of what stands at `path`, if it comes to its end; else that stays. @returns its length @throws as the system does */
  async writeTo(path: string, anchor: () => string): Promise<number> {
    const unfinished = `${path}-part`
    try {
      const file = await open(unfinished, 'w')
      try {
        await this.#write(file, anchor)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(unfinished, path)
      await syncFolder(dirname(path))
      return this.#end
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {})
      throw error
    }
  }

  async #write(file: FileHandle, anchor: () => string): Promise<void> {
    this.#batch.clear()
    this.#batch.anchor(anchor())
    await this.#rows(file, everySlot(this.#table))
    while (this.#changed.size > ROWS_AT_ONCE) {
      const slots = this.#changed
      this.#changed = new Set()
      await this.#rows(file, slots)
    }
    await this.#appendBatch(file)
    for (const slot of this.#changed) this.#row(slot)
    await this.#appendBatch(file)
    await writeAll(file, encodeHead({ number: COPY, store: '0'.repeat(16), end: this.#end }), 0)
  }

  async #rows(file: FileHandle, slots: Iterable<number>): Promise<void> {
    let rows = 0
    for (const slot of slots) {
      this.#row(slot)
      if (++rows % ROWS_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve))
      if (this.#batch.lengthBytes >= BATCH_BYTES) await this.#appendBatch(file)
    }
    await this.#appendBatch(file)
  }

  #row(slot: number): void {
    if (this.#table.isBound(slot)) this.#batch.row(this.#table, slot)
    else this.#batch.ended(slot)
  }

  async #appendBatch(file: FileHandle): Promise<void> {
    const bytes = this.#batch.seal(this.#batches++)
    await writeAll(file, bytes, this.#end)
    this.#end += bytes.length
    this.#batch.clear()
  }
}

function* everySlot(table: BindingTable): Generator<number> {
  for (let slot = 0; slot < table.slots; slot++) if (table.isBound(slot)) yield slot
}
