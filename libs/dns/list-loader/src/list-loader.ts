/**
 * Keeps the operator's lists loaded: at the start, when a file changes, when a URL has a new version, when told to.
 *
 * libs/services/lists runs one for each process, and its listeners take the newest version. Commands open one with `readOnly`.
 *
 *   file-watch.ts:    file changed ──────────────┐
 *   url-refresher.ts: timer ──▶ download ────────┼──▶ build-queue.ts ──▶ build-lists.ts, in a worker ──▶ version ──▶ listeners
 *   reconfigure(), refresh() ────────────────────┘
 *
 * This file connects these parts, and decides only when to build. The build decides whether a list is good enough to be used. An edited definition
 * takes effect when its source has been read with it; until then the rules in use stay (`readAs`).
 */
import { StoppedError, type Clock, type Log } from '@dnstap-bgp/runtime'
import { randomInt } from 'node:crypto'
import type { BuildResult } from './build-job.ts'
import { BuildQueue } from './build-queue.ts'
import { addFetched, newBuildRequest, type BuildRequest } from './build-request.ts'
import { CopyRetries } from './copy-retries.ts'
import { cancelFetches, discardResult, fetchesAlike, type FetchRequest } from './fetch-request.ts'
import { FileWatch } from './file-watch.ts'
import { removeLeftovers } from './kept-copies.ts'
import { ListsError, type ListDefinition, type LoadedLists } from './list-definition.ts'
import { logChanges } from './list-log.ts'
import { prepareMatcher, versionOf, type BuiltLists } from './lists-version.ts'
import { settingsOf, type ListLoaderConfig, type ListLoaderDeps, type LoaderSettings } from './loader-config.ts'
import { copyOf, planJob, type BuildContext } from './plan-job.ts'
import { runBuild } from './run-build.ts'
import { UrlRefresher } from './url-refresher.ts'

export interface LoadOptions {
  /** Download all URLs, also those with a copy, and wait for them. */
  readonly askUrls?: boolean
}

export interface RefreshOptions {
  /** Take these lists whatever they hold: they may have shrunk, or be empty. */
  readonly accept?: readonly string[]
  /** Only these lists; undefined: all. */
  readonly only?: readonly string[]
}

const FIRST_REFRESH_MS = 5_000

export class ListLoader {
  readonly #settings: LoaderSettings
  readonly #clock: Clock
  readonly #log: Log
  /** The same for all versions: names then lie in the same order in each, so that two versions are compared in one pass. */
  readonly #seed = randomInt(2 ** 32)
  readonly #closing = new AbortController()
  readonly #listeners = new Set<(lists: LoadedLists) => void>()
  readonly #queue = new BuildQueue((request) => this.#build(request))
  readonly #files: FileWatch
  readonly #urls: UrlRefresher
  readonly #copyRetries: CopyRetries
  #configured: readonly ListDefinition[]
  #current: BuiltLists | undefined
  #lastReconfiguration: Promise<unknown> = Promise.resolve()

  constructor(config: ListLoaderConfig, { clock, log, random = Math.random }: ListLoaderDeps) {
    this.#settings = settingsOf(config)
    this.#configured = config.lists
    this.#clock = clock
    this.#log = log
    const configured = () => this.#configured
    this.#files = new FileWatch({
      clock,
      settings: this.#settings,
      configured,
      readAgain: (source) => this.#readAgain((list) => list.source.kind === 'path' && list.source.path === source),
    })
    this.#urls = new UrlRefresher({
      settings: this.#settings,
      clock,
      random,
      closing: this.#closing.signal,
      queue: this.#queue,
      configured,
      current: () => this.#current,
      logFailure: (built, list) => this.#logFailure(built, [list]),
    })
    this.#copyRetries = new CopyRetries(clock, (name) => this.#keepAgain(name))
  }

  /** The newest version; undefined before load(). */
  get current(): LoadedLists | undefined {
    return this.#current
  }

  /**
   * The first load. Throws ListsError when a file cannot be read or holds no rule, and there is no last good version of it. A URL starts from its
   * last good version and is downloaded afterwards. A URL without one is waited for, a few seconds; after that the list is `waiting` until the
   * download ends.
   */
  async load({ askUrls = false }: LoadOptions = {}): Promise<LoadedLists> {
    this.#removeLeftovers()
    const fetches = this.#configured
      .filter((list) => list.source.kind === 'url' && (askUrls || this.#copyOf(list) === undefined))
      .map((list) => this.#urls.fetch(list))
    // A command needs the result. A service must start.
    await (this.#settings.readOnly ? Promise.all(fetches.map(({ done }) => done)) : this.#urls.waitBriefly(fetches))
    const loaded = await this.#buildWithFetched(fetches, (request) => (request.isFirst = true))
    if (!this.#settings.readOnly) this.#urls.continueAfterBuild(fetches, (list) => this.#urls.schedule(list, FIRST_REFRESH_MS))
    this.#files.start()
    return loaded
  }

  /** Reads files and downloads URLs again, with the lists as configured; resolves when all have ended. */
  async refresh(options: RefreshOptions = {}): Promise<LoadedLists> {
    const accept = new Set(options.accept)
    const lists = this.#configured.filter(({ name }) => options.only === undefined || options.only.includes(name))
    const files = lists.filter(({ source }) => source.kind === 'path')
    const urls = lists.filter(({ source }) => source.kind === 'url')
    const reading =
      files.length === 0
        ? undefined
        : this.#queue.add((request) => {
            for (const { name } of files) {
              request.names.add(name)
              if (accept.has(name)) request.accept.add(name)
            }
          })
    await Promise.all([reading, ...urls.map((list) => this.#urls.refresh(list, accept.has(list.name)))])
    return this.#loaded()
  }

  /**
   * Takes another configuration (SIGHUP). Files are read; a URL that is new or is read with other settings starts from a last good version, and
   * one without is waited for, as at the start. All other URLs are downloaded again, but not waited for.
   */
  reconfigure(lists: readonly ListDefinition[]): Promise<LoadedLists> {
    // One after the other: the last call wins, however long each waits.
    const reconfigured = this.#lastReconfiguration.then(() => this.#reconfigure(lists))
    this.#lastReconfiguration = reconfigured.catch(() => undefined)
    return reconfigured
  }

  async #reconfigure(lists: readonly ListDefinition[]): Promise<LoadedLists> {
    const fetches = lists.filter((list) => this.#wouldWait(list)).map((list) => this.#urls.fetch(list))
    await this.#urls.waitBriefly(fetches)
    const loaded = await this.#buildWithFetched(fetches, (request) => {
      request.all = true
      request.lists = lists
    })
    this.#files.update()
    this.#urls.continueAfterBuild(fetches, (list) => this.#urls.refreshInBackground(list))
    return loaded
  }

  /** Would the list be `waiting`, if it were configured now? A URL that has failed with this definition was waited for already. */
  #wouldWait(list: ListDefinition): boolean {
    if (list.source.kind !== 'url' || this.#current?.readAs.has(list.name) === true) return false
    const before = this.#configured.find(({ name }) => name === list.name)
    return (before === undefined || !fetchesAlike(before, list)) && this.#copyOf(list) === undefined
  }

  /** The version that reconfigure() would give once all URLs are downloaded, without taking it. A URL that is slow is shown as it is now. */
  async preview(lists: readonly ListDefinition[] = this.#configured): Promise<LoadedLists> {
    const current = this.#loaded()
    const fetches = lists.filter(({ source }) => source.kind === 'url').map((list) => this.#urls.fetch(list))
    try {
      await this.#urls.waitBriefly(fetches)
      const request = { ...newBuildRequest(), all: true, lists }
      for (const { list, result } of fetches) if (result !== undefined) request.fetched.set(list.name, result)
      const job = { ...planJob(request, this.#buildContext()), readOnly: true }
      return versionOf(await runBuild(job, this.#closing.signal), current)
    } finally {
      void cancelFetches(fetches)
    }
  }

  /** Calls back with each new version; its matcher is the same object as before when no rule changed. Returns a function that unsubscribes. */
  onChange(listener: (lists: LoadedLists) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#files.close()
    this.#urls.cancelTimers()
    this.#copyRetries.close()
    this.#listeners.clear()
    this.#closing.abort(new StoppedError())
    await this.#urls.idle()
    await this.#lastReconfiguration
    await this.#queue.idle()
  }

  #loaded(): BuiltLists {
    if (this.#current === undefined) throw new Error('the lists were not loaded yet')
    return this.#current
  }

  /** Builds with the downloads that have ended. When the build fails, the others are cancelled: no list would take their results. */
  async #buildWithFetched(fetches: readonly FetchRequest[], add: (request: BuildRequest) => void): Promise<LoadedLists> {
    try {
      this.#closing.signal.throwIfAborted()
      return await this.#queue.add((request) => {
        add(request)
        for (const fetch of fetches) {
          if (fetch.result === undefined) continue
          fetch.isInBuild = true
          addFetched(request, fetch.result, this.#configured)
        }
      })
    } catch (error) {
      await cancelFetches(fetches)
      throw error
    }
  }

  async #build(request: BuildRequest): Promise<LoadedLists> {
    try {
      return await this.#buildVersion(request)
    } finally {
      for (const result of request.fetched.values()) discardResult(result)
    }
  }

  async #buildVersion(request: BuildRequest): Promise<LoadedLists> {
    const definitions = request.lists ?? this.#configured
    const job = planJob(request, this.#buildContext())
    const signatures = await this.#files.signaturesOf(definitions, job)
    const result = await runBuild(job, this.#closing.signal)
    this.#closing.signal.throwIfAborted()
    if (request.isFirst) throwIfMissing(definitions, result)

    const before = this.#current
    const current = versionOf(result, before, definitions)
    await prepareMatcher(current.matcher, this.#clock)
    this.#closing.signal.throwIfAborted()
    this.#configured = definitions
    this.#current = current
    this.#files.noteRead(signatures, definitions, result)
    this.#urls.noteBuild(job, result)
    logChanges(this.#log, before, current)
    if (!this.#closing.signal.aborted) this.#copyRetries.note(current.lists)
    for (const listener of this.#listeners) listener(current)
    return current
  }

  #buildContext(): BuildContext {
    return {
      settings: this.#settings,
      current: this.#current,
      configured: this.#configured,
      seed: this.#seed,
      now: this.#clock.now(),
    }
  }

  #copyOf(list: ListDefinition): string | undefined {
    return copyOf(list, this.#settings.stateFolder)
  }

  #removeLeftovers(): void {
    const { stateFolder, readOnly } = this.#settings
    if (stateFolder === undefined || readOnly) return
    try {
      removeLeftovers(stateFolder, this.#clock.now())
    } catch (error) {
      this.#log.warn({ why: String(error) }, 'What a killed process left in the folder of last good versions cannot be removed.')
    }
  }

  #readAgain(isMeant: (list: ListDefinition) => boolean): void {
    const lists = this.#configured.filter(isMeant)
    const built = this.#queue.add((request) => {
      for (const { name } of lists) request.names.add(name)
    })
    this.#logFailure(
      built.then(() => this.#files.update()),
      lists,
    )
  }

  /** The last good version could not be kept. The list is read again, and kept if there is room. */
  #keepAgain(name: string): void {
    const list = this.#configured.find((other) => other.name === name)
    if (list?.source.kind === 'path') this.#readAgain((other) => other === list)
    else if (list !== undefined) this.#urls.refreshInBackground(list)
  }

  #logFailure(built: Promise<unknown>, lists: readonly ListDefinition[]): void {
    built.catch((error: unknown) => {
      if (this.#closing.signal.aborted) return
      this.#log.error(
        { error: String(error), lists: lists.map(({ name }) => name) },
        'Building the lists failed; the version in use stays.',
      )
    })
  }
}

function throwIfMissing(definitions: readonly ListDefinition[], result: BuildResult): void {
  const problems = result.lists.flatMap(({ status }) => {
    const isPath = definitions.some(({ name, source }) => name === status.name && source.kind === 'path')
    return isPath && status.state === 'failed' ? [{ list: status.name, why: status.why ?? 'it cannot be read' }] : []
  })
  if (problems.length > 0) throw new ListsError(problems)
}
