/**
 * Says that a file or folder may have changed; whoever is told compares signatures (list-files.ts).
 *
 * Watched are folders, not files: editors replace a file by another, and a Kubernetes ConfigMap swaps the link `..data` beside it. A path
 * through symbolic links is watched at both ends. Where the kernel tells nothing (network file systems), the loader's poll finds it.
 */
import { watch, realpathSync, statSync } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { dirname } from 'node:path'

export class SourceWatcher {
  readonly #path: string
  readonly #onHint: () => void
  readonly #watchers = new Map<string, FSWatcher>()

  constructor(path: string, onHint: () => void) {
    this.#path = path
    this.#onHint = onHint
    this.refresh()
  }

  /** Links may lead elsewhere now, a folder may have been replaced: watches what is to be watched today. */
  refresh(): void {
    const wanted = this.#folders()
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue
      watcher.close()
      this.#watchers.delete(folder)
    }
    for (const folder of wanted) if (!this.#watchers.has(folder)) this.#watch(folder)
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#onHint())
      watcher.on('error', () => {
        watcher.close()
        this.#watchers.delete(folder)
      })
      this.#watchers.set(folder, watcher)
    } catch {
      // No such folder, or no watches left: the poll sees to it.
    }
  }

  #folders(): Set<string> {
    const folders = new Set([dirname(this.#path)])
    try {
      const real = realpathSync(this.#path)
      folders.add(dirname(real))
      if (statSync(real).isDirectory()) folders.add(real)
    } catch {
      // It is not there now; its folder tells when it comes.
    }
    return folders
  }
}
