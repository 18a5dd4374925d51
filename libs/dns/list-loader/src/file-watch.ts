/**
 * Watches the files and folders of lists, and asks for a build when a file is not the one that was read.
 *
 *   kernel event, poll ──▶ settling.ts: wait until the file stays the same ──▶ readAgain()
 */
import type { Clock, Timer } from '@dnstap-bgp/runtime'
import type { BuildJob, BuildResult } from './build-job.ts'
import type { ListDefinition } from './list-definition.ts'
import { signatureOf, splitFragment } from './list-files.ts'
import type { LoaderSettings } from './loader-config.ts'
import { Settling } from './settling.ts'
import { SourceWatcher } from './source-watcher.ts'

export interface FileWatchOptions {
  readonly clock: Clock
  readonly settings: LoaderSettings
  /** The lists as configured now. */
  readonly configured: () => readonly ListDefinition[]
  /** Reads the lists with this source again. */
  readonly readAgain: (source: string) => void
}

export class FileWatch {
  readonly #options: FileWatchOptions
  readonly #watchers = new Map<string, SourceWatcher>() // by source
  readonly #settling: Settling
  #poll: Timer | undefined
  #isClosed = false
  /** By source: its signature when it was read last. */
  readonly #signatures = new Map<string, string>()
  /** By source, then by path: signatures of the files that its `include:` lines name. */
  readonly #included = new Map<string, ReadonlyMap<string, string>>()

  constructor(options: FileWatchOptions) {
    this.#options = options
    const { clock, settings, readAgain } = options
    this.#settling = new Settling({
      clock,
      settleMs: settings.settleMs,
      longestMs: settings.longestSettleMs,
      look: (source) => {
        // Watch first, then take the signature: a change in between is then reported.
        this.#watchers.get(source)?.refresh()
        return signatureOf(source, this.#includedBy(source))
      },
      isRead: (source, signature) => signature === this.#signatureRead(source),
      read: readAgain,
    })
  }

  start(): void {
    const { clock, settings } = this.#options
    if (!settings.watch || this.#isClosed) return
    this.update()
    this.#poll = clock.every(settings.pollIntervalMs, () => {
      this.update()
      for (const source of this.#watchers.keys()) this.#settling.hint(source)
    })
  }

  /** Watches the files that are configured and included now. */
  update(): void {
    if (!this.#options.settings.watch || this.#isClosed) return
    const sources = new Set(this.#options.configured().flatMap(({ source }) => (source.kind === 'path' ? [source.path] : [])))
    for (const [source, watcher] of this.#watchers) {
      if (sources.has(source)) continue
      watcher.close()
      this.#watchers.delete(source)
    }
    for (const source of sources) {
      const paths = [splitFragment(source).path, ...this.#includedBy(source)]
      const watcher = this.#watchers.get(source)
      if (watcher === undefined) this.#watchers.set(source, new SourceWatcher(paths, () => this.#settling.hint(source)))
      else watcher.refresh(paths)
    }
  }

  /** Signatures of the files that a job reads. Take them before the build: a file written during the build then counts as changed. */
  async signaturesOf(definitions: readonly ListDefinition[], job: BuildJob): Promise<Map<string, string>> {
    const signatures = new Map<string, string>()
    for (const [index, { source }] of definitions.entries())
      if (source.kind === 'path' && job.lists[index]?.source.kind === 'path')
        signatures.set(source.path, await signatureOf(source.path))
    return signatures
  }

  /** Call after each build. */
  noteRead(signatures: ReadonlyMap<string, string>, definitions: readonly ListDefinition[], { lists }: BuildResult): void {
    for (const [source, signature] of signatures) this.#signatures.set(source, signature)
    const included = new Map<string, Map<string, string>>()
    definitions.forEach(({ source }, index) => {
      const files = lists[index]?.included
      if (source.kind !== 'path' || files === undefined) return
      included.set(source.path, new Map([...(included.get(source.path) ?? []), ...files]))
    })
    for (const [source, files] of included) this.#included.set(source, files)
  }

  close(): void {
    this.#isClosed = true
    this.#poll?.cancel()
    this.#settling.close()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #includedBy(source: string): string[] {
    return [...(this.#included.get(source)?.keys() ?? [])]
  }

  #signatureRead(source: string): string | undefined {
    const own = this.#signatures.get(source)
    return own === undefined ? undefined : [own, ...(this.#included.get(source)?.values() ?? [])].join('\n')
  }
}
