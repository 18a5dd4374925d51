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
  readonly #watchers = new Map<string, { readonly identity: string; readonly watcher: FSWatcher }>() // by folder

  constructor(path: string, onHint: () => void) {
    this.#path = path
    this.#onHint = onHint
    this.refresh()
  }

  /** Links may lead elsewhere now, a folder may have been replaced: watches what is to be watched today. */
  refresh(): void {
    const wanted = this.#folders()
    for (const [folder, watched] of this.#watchers) {
      if (wanted.get(folder) === watched.identity) continue
      watched.watcher.close()
      this.#watchers.delete(folder)
    }
    for (const [folder, identity] of wanted) if (!this.#watchers.has(folder)) this.#watch(folder, identity)
  }

  close(): void {
    for (const { watcher } of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #watch(folder: string, identity: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#onHint())
      watcher.on('error', () => {
        watcher.close()
        this.#watchers.delete(folder)
      })
      this.#watchers.set(folder, { identity, watcher })
    } catch {
      // No watches left, or it went in this moment: the poll sees to it.
    }
  }

  /** By path, which folder it is: another of the same name is another, and the kernel watches the one it was given. */
  #folders(): Map<string, string> {
    const folders = new Map<string, string>()
    const add = (folder: string) => {
      const stat = statSync(folder, { bigint: true, throwIfNoEntry: false })
      if (stat?.isDirectory() === true) folders.set(folder, `${stat.dev}:${stat.ino}`)
    }
    try {
      add(dirname(this.#path))
      const real = realpathSync(this.#path)
      add(dirname(real))
      add(real)
    } catch {
      // It is not there now; its folder tells when it comes.
    }
    return folders
  }
}
