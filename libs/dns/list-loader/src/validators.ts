/**
 * What a server called the version in use of each list (ETag, Last-Modified), so that the list is downloaded only when there is another version.
 */
import type { BuildJob, BuildResult } from './build-job.ts'
import { isCurrent, readsAlike, type ListDefinition } from './list-definition.ts'
import type { BuiltLists } from './lists-version.ts'

export interface ListValidators {
  readonly sha256: string
  readonly etag: string | undefined
  readonly lastModified: string | undefined
}

export class Validators {
  readonly #known = new Map<string, ListValidators>() // by list

  /** Call after each build. */
  note(job: BuildJob, result: BuildResult): void {
    job.lists.forEach(({ name, source, note, path }, index) => {
      const { status, isKept, included } = result.lists[index] ?? {}
      if (path !== undefined || status?.sha256 === undefined || isKept === true) return
      // The bytes in use are those of this download, or those of the copy.
      const isTaken = source.kind === 'fetched' && isCurrent(status)
      const from = isTaken ? source : note?.sha256 === status.sha256 ? note : undefined
      // A version that could not be kept must be downloaded again. And an unchanged list says nothing about the lists that it includes.
      if (from === undefined || status.notKept !== undefined || (included?.length ?? 0) > 0) this.#known.delete(name)
      else this.#known.set(name, { sha256: status.sha256, etag: from.etag, lastModified: from.lastModified })
    })
  }

  /** Validators of the version in use, if that version was read with the same definition. */
  of(list: ListDefinition, current: BuiltLists | undefined): ListValidators | undefined {
    const status = current?.lists.find(({ name }) => name === list.name)
    const inUse = current?.readAs.get(list.name)
    const known = this.#known.get(list.name)
    const isInUse = status !== undefined && known?.sha256 === status.sha256 && inUse !== undefined && readsAlike(inUse, list)
    return isInUse ? known : undefined
  }
}
