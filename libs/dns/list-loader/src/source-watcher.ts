/**
 * Reports that a file or folder may have changed. The listener compares signatures (list-files.ts).
 *
 * watched-places.ts decides which names in which folders count. On network file systems the kernel reports nothing, and the poll finds the change.
 */
import { statSync, watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { watchedPlaces, type WatchedNames } from './watched-places.ts'

interface WatchedFolder {
  /** Device and inode. The kernel goes on watching the old folder when another one takes its name. */
  readonly identity: string
  readonly watcher: FSWatcher
  names: WatchedNames
}

export class SourceWatcher {
  #paths: readonly string[]
  readonly #onHint: () => void
  readonly #folders = new Map<string, WatchedFolder>() // by path

  constructor(paths: readonly string[], onHint: () => void) {
    this.#paths = paths
    this.#onHint = onHint
    this.refresh()
  }

  /** Finds the folders to watch again: symbolic links may have changed, folders may have been replaced, and other files may be included. */
  refresh(paths: readonly string[] = this.#paths): void {
    this.#paths = paths
    const places = watchedPlaces(paths)
    for (const [folder, watched] of this.#folders) {
      const names = places.get(folder)
      if (names !== undefined && watched.identity === identityOf(folder)) {
        watched.names = names
        continue
      }
      watched.watcher.close()
      this.#folders.delete(folder)
    }
    for (const [folder, names] of places) if (!this.#folders.has(folder)) this.#watch(folder, names)
  }

  close(): void {
    for (const { watcher } of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }

  #watch(folder: string, names: WatchedNames): void {
    try {
      const identity = identityOf(folder)
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name === null || this.#counts(folder, name)) this.#onHint()
      })
      watcher.on('error', () => {
        watcher.close()
        this.#folders.delete(folder)
      })
      this.#folders.set(folder, { identity, watcher, names })
    } catch {
      // No watches are left, or the folder went in this moment: the poll finds what changes.
    }
  }

  #counts(folder: string, name: string): boolean {
    const names = this.#folders.get(folder)?.names
    return names === 'all' ? !name.startsWith('.') : names?.has(name) === true
  }
}

function identityOf(folder: string): string {
  const stat = statSync(folder, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? '' : `${stat.dev}:${stat.ino}`
}
