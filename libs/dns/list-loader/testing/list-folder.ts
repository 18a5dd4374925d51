/** A folder with lists, and loaders of them: set-up of the tests of lists from files. */
import { textToName } from '@dnstap-bgp/dns-wire'
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import { silentLog, systemClock, type Clock } from '@dnstap-bgp/runtime'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import type { ListDefinition, LoadedLists } from '../src/list-definition.ts'
import { ListLoader } from '../src/list-loader.ts'
import type { ListLoaderConfig, ListLoaderDeps } from '../src/loader-config.ts'

/** Makes the folder before each test, and removes it after. */
export function listFolder(): ListFolder {
  const folder = new ListFolder()
  beforeEach(() => folder.open())
  afterEach(() => folder.close())
  return folder
}

export class ListFolder {
  path = ''
  readonly #opened: ListLoader[] = []

  open(): void {
    this.path = mkdtempSync(join(tmpdir(), 'list-loader-'))
  }

  async close(): Promise<void> {
    for (const loader of this.#opened.splice(0)) await loader.close()
    rmSync(this.path, { recursive: true, force: true })
  }

  /** Writes a file; returns its path. */
  file(name: string, ...lines: string[]): string {
    const path = join(this.path, name)
    writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
    return path
  }

  loaderOf(
    lists: readonly ListDefinition[],
    config: Partial<ListLoaderConfig> = {},
    clock: Clock = systemClock,
    log: ListLoaderDeps['log'] = silentLog,
  ): ListLoader {
    const loader = new ListLoader({ lists, stateFolder: undefined, watch: false, settleMs: 10, ...config }, { clock, log })
    this.#opened.push(loader)
    return loader
  }
}

/** The lists that the name is on. */
export function feeds({ matcher }: LoadedLists, name: string): string[] {
  const id = matcher.match(textToName(name)!, 0)
  return id === NO_MATCH ? [] : matcher.verdict(id).map((feed) => feed.list)
}
