/**
 * Keeps the operator's lists loaded: at the start, when a file changes, when a URL has news, when told to.
 *
 * Ingest and the cache run one each and take `matcher` from the newest version; check and match ask for a preview. Builds run one after the
 * other in a worker (run-build.ts); wishes that come meanwhile are gathered into the next. What a bad list means is judged there too
 * (build-lists.ts); here is only when to look, and saying what came of it.
 */
import { Matcher } from '@dnstap-bgp/domain-matcher'
import type { Clock, Log, Timer } from '@dnstap-bgp/runtime'
import { createHash, randomInt } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BuildJob, BuildResult, DownloadLimits, JobList, JobSource } from './build-job.ts'
import { ListsError } from './list-definition.ts'
import type { ListDefinition, ListDifference, LoadedLists } from './list-definition.ts'
import { signatureOf, splitFragment } from './list-files.ts'
import { runBuild } from './run-build.ts'
import { splitLines } from './shared-text.ts'
import { SourceWatcher } from './source-watcher.ts'

export interface ListLoaderConfig {
  readonly lists: readonly ListDefinition[]
  /** Where last good copies of URLs are kept; undefined: a restart needs the URL. */
  readonly stateFolder: string | undefined
  /** Of one list, unpacked. */
  readonly maxListBytes?: number
  readonly download?: Partial<DownloadLimits>
  /** Look after files by themselves; false: only reload() does. */
  readonly watch?: boolean
  /** A changed file must stay as it is for so long before it is read. */
  readonly settleMs?: number
  /** Files are looked at so often even if nobody said that they changed. */
  readonly pollIntervalMs?: number
  /** Limit the time that regular expressions take, at the price of missing names (domain-matcher's regexp-budget.ts). For ingest. */
  readonly limitRegexpTime?: boolean
}

export interface ListLoaderDeps {
  readonly clock: Clock
  readonly log: Log
  /** For jitter; 0 to 1. */
  readonly random?: () => number
}

export interface ReloadOptions {
  /** Take these lists whatever they hold: they may have shrunk, or be empty. */
  readonly accept?: readonly string[]
  /** Only these; all if undefined. */
  readonly only?: readonly string[]
  /** The lists are these now. */
  readonly lists?: readonly ListDefinition[]
}

const DEFAULTS = { maxListBytes: 2 ** 30, settleMs: 300, pollIntervalMs: 30_000 }
const DEFAULT_DOWNLOAD: DownloadLimits = { timeoutMs: 300_000, stallMs: 20_000, redirects: 5 }
const FIRST_RETRY_MS = 30_000
const FIRST_REFRESH_MS = 5_000

export class ListLoader {
  readonly #config: ListLoaderConfig
  readonly #clock: Clock
  readonly #log: Log
  readonly #random: () => number
  /** One for all versions: then names lie in the same order in each, and comparing two runs through both from front to back. */
  readonly #seed = randomInt(2 ** 32)
  readonly #cancel = new AbortController()
  readonly #listeners = new Set<(lists: LoadedLists) => void>()
  #definitions: readonly ListDefinition[]
  #current: Version | undefined
  #queued: { readonly wish: Wish; readonly built: Promise<LoadedLists> } | undefined
  #lastBuild: Promise<unknown> = Promise.resolve()

  readonly #signatures = new Map<string, string>() // by source; what was read
  readonly #watchers = new Map<string, SourceWatcher>() // by source
  readonly #settling = new Map<string, Timer>()
  #poll: Timer | undefined
  readonly #refreshes = new Map<string, Timer>() // by list
  readonly #failures = new Map<string, number>() // of a URL, one after the other

  constructor(config: ListLoaderConfig, deps: ListLoaderDeps) {
    this.#config = config
    this.#definitions = config.lists
    this.#clock = deps.clock
    this.#log = deps.log
    this.#random = deps.random ?? Math.random
  }

  /** The newest version; undefined before load(). */
  get current(): LoadedLists | undefined {
    return this.#current
  }

  /**
   * The first load. Throws ListsError when a file cannot be had or holds nothing. A URL is taken from its last good copy if there is one, and
   * asked afterwards; a URL without either is told as failed, and tried again.
   */
  async load(): Promise<LoadedLists> {
    this.#removeLeftovers()
    const loaded = await this.#wish((wish) => (wish.isFirst = true))
    if (this.#config.watch !== false) {
      this.#watch()
      this.#poll = this.#clock.every(this.#config.pollIntervalMs ?? DEFAULTS.pollIntervalMs, () => this.#lookAtAll())
    }
    return loaded
  }

  /** Reads files and asks URLs again. */
  async reload(options: ReloadOptions = {}): Promise<LoadedLists> {
    const loaded = await this.#wish((wish) => {
      if (options.only === undefined) wish.all = true
      for (const name of options.only ?? []) wish.names.add(name)
      for (const name of options.accept ?? []) wish.accept.add(name)
      if (options.lists !== undefined) wish.lists = options.lists
    })
    this.#watch()
    return loaded
  }

  /** What reload() would give, without taking it. */
  async preview(options: ReloadOptions = {}): Promise<LoadedLists> {
    const wish = newWish()
    wish.all = true
    for (const name of options.accept ?? []) wish.accept.add(name)
    const definitions = options.lists ?? this.#definitions
    const job = { ...this.#jobFor(wish, definitions), dryRun: true }
    return versionOf(await runBuild(job, this.#cancel.signal), this.#current, {})
  }

  /** Calls back with each new version; its matcher is the same object as before when no rule changed. Returns how to stop that. */
  onChange(listener: (lists: LoadedLists) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#poll?.cancel()
    for (const timer of [...this.#settling.values(), ...this.#refreshes.values()]) timer.cancel()
    this.#settling.clear()
    this.#refreshes.clear()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
    this.#listeners.clear()
    this.#cancel.abort()
    await this.#lastBuild
  }

  /** Adds to the build that comes next; it starts when the one going on has ended. */
  #wish(add: (wish: Wish) => void): Promise<LoadedLists> {
    if (this.#queued === undefined) {
      const wish = newWish()
      const built = this.#lastBuild.then(() => {
        this.#queued = undefined
        return this.#build(wish)
      })
      this.#queued = { wish, built }
      this.#lastBuild = built.catch(() => undefined)
    }
    add(this.#queued.wish)
    return this.#queued.built
  }

  async #build(wish: Wish): Promise<LoadedLists> {
    const definitions = wish.lists ?? this.#definitions
    const job = this.#jobFor(wish, definitions)
    const signatures = new Map<string, string>()
    for (const { source } of job.lists) if (source.kind === 'path') signatures.set(source.path, await signatureOf(source.path))
    const result = await runBuild(job, this.#cancel.signal)
    this.#cancel.signal.throwIfAborted()
    if (wish.isFirst) throwIfMissing(definitions, result)

    this.#definitions = definitions
    for (const [source, signature] of signatures) this.#signatures.set(source, signature)
    const before = this.#current
    const options = this.#config.limitRegexpTime === true ? { now: () => this.#clock.monotonic() } : {}
    const current = versionOf(result, before, options)
    this.#current = current
    this.#tell(before, current)
    for (const why of result.copyFaults) this.#log.error({ why }, 'a list is in use, but its copy cannot be kept for a restart')
    this.#planRefreshes(job)
    for (const listener of this.#listeners) listener(current)
    return current
  }

  #jobFor(wish: Wish, definitions: readonly ListDefinition[]): BuildJob {
    const current = this.#current
    const lists = definitions.map((list): JobList => {
      const before = this.#definitions.find(({ name }) => name === list.name)
      const isOther = before === undefined || !isSameSource(before, list)
      const status = current?.lists.find(({ name }) => name === list.name)
      const isWanted = wish.all || wish.names.has(list.name) || isOther || status === undefined
      const copyPath = this.#copyPath(list)
      return {
        name: list.name,
        source:
          isWanted || wish.isFirst
            ? jobSource(list, wish.isFirst && copyPath !== undefined && existsSync(copyPath))
            : { kind: 'keep' },
        sourceText: sourceText(list),
        format: list.format,
        match: list.match,
        addresses: list.addresses,
        minimumShare: list.minimumShare,
        accept: wish.accept.has(list.name) || isOther,
        sha256: list.sha256,
        sites: list.source.kind === 'url' ? splitFragment(list.source.url).sites : [],
        copyPath,
        status,
      }
    })
    return {
      lists,
      seed: this.#seed,
      now: this.#clock.now(),
      previous: current?.matcherBuffer,
      previousAddresses: current?.addressText ?? new Map(),
      maxListBytes: this.#config.maxListBytes ?? DEFAULTS.maxListBytes,
      download: { ...DEFAULT_DOWNLOAD, ...this.#config.download },
      dryRun: false,
    }
  }

  /** Named after list and URL, so that a copy is never taken for that of another URL. */
  #copyPath(list: ListDefinition): string | undefined {
    if (list.source.kind !== 'url' || this.#config.stateFolder === undefined) return undefined
    const digest = createHash('sha256').update(list.source.url).digest('hex').slice(0, 12)
    return join(this.#config.stateFolder, `${list.name.replace(/[^\w.-]/g, '_').slice(0, 60)}-${digest}.list`)
  }

  #removeLeftovers(): void {
    const folder = this.#config.stateFolder
    if (folder === undefined || !existsSync(folder)) return
    for (const name of readdirSync(folder)) if (name.startsWith('.download-')) rmSync(join(folder, name), { force: true })
  }

  // ---- files

  #watch(): void {
    if (this.#config.watch === false || this.#cancel.signal.aborted) return
    const sources = new Set(this.#definitions.flatMap(({ source }) => (source.kind === 'path' ? [source.path] : [])))
    for (const [source, watcher] of this.#watchers) {
      if (sources.has(source)) continue
      watcher.close()
      this.#watchers.delete(source)
    }
    for (const source of sources)
      if (!this.#watchers.has(source))
        this.#watchers.set(source, new SourceWatcher(splitFragment(source).path, () => this.#settle(source, undefined)))
  }

  #lookAtAll(): void {
    for (const [source, watcher] of this.#watchers) {
      watcher.refresh()
      if (!this.#settling.has(source)) this.#settle(source, undefined)
    }
  }

  /** Waits until the source stays the same, then reads it if it is not what was read last. */
  #settle(source: string, seen: string | undefined): void {
    this.#settling.get(source)?.cancel()
    const timer = this.#clock.after(this.#config.settleMs ?? DEFAULTS.settleMs, () => {
      void signatureOf(source).then((signature) => {
        if (this.#settling.get(source) !== timer) return // a newer hint has started over
        this.#settling.delete(source)
        if (signature === this.#signatures.get(source)) return
        if (signature !== seen) return this.#settle(source, signature)
        this.#watchers.get(source)?.refresh()
        this.#reloadQuietly(this.#definitions.filter((list) => list.source.kind === 'path' && list.source.path === source))
      })
    })
    this.#settling.set(source, timer)
  }

  /** For what nobody waits for: an error is told, and the version in use stays. */
  #reloadQuietly(lists: readonly ListDefinition[]): void {
    const built = this.#wish((wish) => {
      for (const { name } of lists) wish.names.add(name)
    })
    built.catch((error: unknown) => {
      if (this.#cancel.signal.aborted) return
      this.#log.error(
        { error: String(error), lists: lists.map(({ name }) => name) },
        'building the lists failed; the version in use stays',
      )
      this.#planRefreshes({ lists: [] })
    })
  }

  // ---- URLs

  /** Every URL has one timer; those just asked get a new one. */
  #planRefreshes(job: { readonly lists: readonly JobList[] }): void {
    for (const [name, timer] of this.#refreshes)
      if (!this.#definitions.some((list) => list.name === name && list.source.kind === 'url')) {
        timer.cancel()
        this.#refreshes.delete(name)
      }
    for (const list of this.#definitions) {
      if (list.source.kind !== 'url') continue
      const asked = job.lists.find(({ name }) => name === list.name)?.source.kind
      if (asked !== 'url' && asked !== 'copy' && this.#refreshes.has(list.name)) continue
      const status = this.#current?.lists.find(({ name }) => name === list.name)
      const failures =
        asked === 'url' && status?.state !== 'fresh' && status?.state !== 'refused' ? (this.#failures.get(list.name) ?? 0) + 1 : 0
      this.#failures.set(list.name, failures)
      const intervalMs =
        asked === 'copy'
          ? FIRST_REFRESH_MS
          : failures > 0
            ? Math.min(list.refreshIntervalMs, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20))
            : list.refreshIntervalMs
      this.#refreshes.get(list.name)?.cancel()
      const timer = this.#clock.after(intervalMs * (0.9 + 0.2 * this.#random()), () => {
        this.#refreshes.delete(list.name)
        this.#reloadQuietly([list])
      })
      this.#refreshes.set(list.name, timer)
    }
  }

  // ---- what is said

  #tell(before: Version | undefined, current: Version): void {
    for (const status of current.lists) {
      const last = before?.lists.find(({ name }) => name === status.name)
      const difference = current.differences.find(({ name }) => name === status.name)
      const log = this.#log.child({ list: status.name, source: status.source })
      if (status.state !== last?.state || status.why !== last.why) {
        if (status.state === 'refused') log.error({ why: status.why }, 'The list is refused; its last good version stays.')
        else if (status.state === 'failed') log.error({ why: status.why }, 'The list failed; it has no names.')
        else if (status.state === 'cached') log.warn({ why: status.why }, 'The list is taken from its last good copy.')
        else if (last !== undefined) log.info({}, 'The list is fresh again.')
      }
      if (last === undefined || (difference !== undefined && hasChange(difference))) {
        const { names, rules, addresses, format, skipped, skippedLines } = status
        const { added, removed, changed } = difference ?? { added: rules, removed: 0, changed: 0 }
        log.info({ names, rules, addresses, format, added, removed, changed }, 'The list is loaded.')
        if (skippedLines.length > 0) log.warn({ skipped, first: skippedLines }, 'Some of the list was skipped.')
      }
    }
  }
}

interface Wish {
  isFirst: boolean
  all: boolean
  readonly names: Set<string>
  readonly accept: Set<string>
  lists: readonly ListDefinition[] | undefined
}

function newWish(): Wish {
  return { isFirst: false, all: false, names: new Set(), accept: new Set(), lists: undefined }
}

interface Version extends LoadedLists {
  readonly matcherBuffer: SharedArrayBuffer
  readonly addressText: ReadonlyMap<string, SharedArrayBuffer>
}

function versionOf(result: BuildResult, before: Version | undefined, options: { readonly now?: () => number }): Version {
  const matcherBuffer = result.matcher ?? before?.matcherBuffer
  if (matcherBuffer === undefined) throw new Error('the first build gave no matcher')
  const matcher = result.matcher === undefined && before !== undefined ? before.matcher : new Matcher(matcherBuffer, options)
  return {
    matcher,
    matcherBuffer,
    addressText: result.addresses,
    lists: result.lists.map(({ status }) => status),
    differences: before === undefined ? [] : result.lists.map(({ difference }) => difference),
    addressesOf: (list) => splitLines(result.addresses.get(list)),
  }
}

function throwIfMissing(definitions: readonly ListDefinition[], result: BuildResult): void {
  const problems = result.lists.flatMap(({ status }) => {
    const isPath = definitions.some(({ name, source }) => name === status.name && source.kind === 'path')
    return isPath && status.state === 'failed' ? [{ list: status.name, why: status.why ?? 'it cannot be read' }] : []
  })
  if (problems.length > 0) throw new ListsError(problems)
}

function jobSource(list: ListDefinition, fromCopy: boolean): JobSource {
  const { source } = list
  if (source.kind === 'path') return { kind: 'path', path: source.path }
  if (fromCopy) return { kind: 'copy' }
  return { kind: 'url', url: splitFragment(source.url).path, proxy: source.proxy, bearerToken: list.bearerToken?.reveal() }
}

/** Without user and password. */
function sourceText({ source }: ListDefinition): string {
  if (source.kind === 'path') return source.path
  if (!URL.canParse(source.url)) return source.url
  const url = new URL(source.url)
  url.username = ''
  url.password = ''
  return url.href
}

function isSameSource(a: ListDefinition, b: ListDefinition): boolean {
  const place = ({ source }: ListDefinition) => (source.kind === 'path' ? source.path : source.url)
  return place(a) === place(b) && a.format === b.format && a.match === b.match && a.addresses === b.addresses
}

function hasChange(difference: ListDifference): boolean {
  const { added, removed, changed, addressesAdded, addressesRemoved } = difference
  return added + removed + changed + addressesAdded + addressesRemoved > 0
}
