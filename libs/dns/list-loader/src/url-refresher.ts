/**
 * Downloads lists from URLs: each list at its own interval, and sooner after a failure.
 *
 *   timer, refresh() ──▶ fetch() ──▶ download ──▶ build queue ──▶ next timer
 *
 * Downloads run outside of builds, so a slow server delays its own list only.
 */
import { growingPauseMs, type Clock, type Timer } from '@dnstap-bgp/runtime'
import type { BuildJob, BuildResult } from './build-job.ts'
import type { BuildQueue } from './build-queue.ts'
import { addFetched } from './build-request.ts'
import type { Received } from './download.ts'
import { discardResult, fetchesAlike, type FetchRequest, type FetchResult } from './fetch-request.ts'
import type { ListDefinition } from './list-definition.ts'
import type { BuiltLists } from './lists-version.ts'
import type { LoaderSettings } from './loader-config.ts'
import { placeOf } from './plan-job.ts'
import { receiveWithIncludes } from './receive-includes.ts'
import { Validators } from './validators.ts'

const FIRST_RETRY_MS = 30_000

export interface UrlRefresherOptions {
  readonly settings: LoaderSettings
  readonly clock: Clock
  /** For jitter; 0 to 1. */
  readonly random: () => number
  /** Aborted when the loader closes. */
  readonly closing: AbortSignal
  readonly queue: BuildQueue
  /** The lists as configured now, and the version in use. */
  readonly configured: () => readonly ListDefinition[]
  readonly current: () => BuiltLists | undefined
  /** Logs when a build fails that no caller waits for. */
  readonly logFailure: (built: Promise<unknown>, list: ListDefinition) => void
}

/** A download whose result gets a build of its own. */
interface Refresh {
  readonly fetch: FetchRequest
  accept: boolean
  built: Promise<unknown>
}

export class UrlRefresher {
  readonly #options: UrlRefresherOptions
  readonly #refreshes = new Map<string, Refresh>() // by list
  readonly #timers = new Map<string, Timer>() // by list
  readonly #failures = new Map<string, number>() // by list: failed downloads in a row
  readonly #validators = new Validators()

  constructor(options: UrlRefresherOptions) {
    this.#options = options
  }

  /** Starts a download. The caller takes its result, or hands it to `continueAfterBuild()`. */
  fetch(list: ListDefinition): FetchRequest {
    const { closing } = this.#options
    const cancel = new AbortController()
    const close = () => cancel.abort()
    if (closing.aborted) close()
    closing.addEventListener('abort', close)
    const received = this.#receive(list, cancel.signal).finally(() => closing.removeEventListener('abort', close))
    const request: FetchRequest = {
      list,
      cancel,
      result: undefined,
      isInBuild: false,
      done: received.then((result) => (request.result = result)),
    }
    return request
  }

  /** Waits until all downloads have ended, at most `patienceMs`. */
  async waitBriefly(fetches: readonly FetchRequest[]): Promise<void> {
    if (fetches.length === 0) return
    const { clock, settings } = this.#options
    let timer: Timer | undefined
    const patience = new Promise<void>((resolve) => {
      timer = clock.after(settings.patienceMs, resolve)
    })
    await Promise.race([Promise.all(fetches.map(({ done }) => done)), patience])
    timer?.cancel()
  }

  /** Downloads the list and builds with the result. A call during a download waits for the same result. */
  refresh(list: ListDefinition, accept: boolean): Promise<unknown> {
    const underWay = this.#refreshes.get(list.name)
    if (underWay !== undefined && fetchesAlike(underWay.fetch.list, list)) {
      underWay.accept ||= accept
      return underWay.built
    }
    this.#cancelTimer(list.name)
    return this.#buildWhenDone(this.fetch(list), accept)
  }

  /** The same when no caller waits: a failure is logged. */
  refreshInBackground(list: ListDefinition): void {
    this.#options.logFailure(this.refresh(list, false), list)
  }

  /**
   * After a build that waited for downloads: a list whose download went into the build is downloaded again at its interval, and a download that was
   * late gets a build of its own. `otherwise` is called for every other URL.
   */
  continueAfterBuild(fetches: readonly FetchRequest[], otherwise: (list: ListDefinition) => void): void {
    for (const list of this.#options.configured()) {
      if (list.source.kind !== 'url') continue
      const fetch = fetches.find((other) => other.list === list)
      if (fetch === undefined) otherwise(list)
      else if (fetch.isInBuild && fetch.result !== undefined) this.#scheduleAfter(list, fetch.result.received)
      else this.#options.logFailure(this.#buildWhenDone(fetch, false), list)
    }
  }

  /** Downloads the list after this time, ± 10 %. */
  schedule({ name }: ListDefinition, afterMs: number): void {
    const { clock, random, closing, configured } = this.#options
    this.#cancelTimer(name)
    if (closing.aborted) return
    const timer = clock.after(afterMs * (0.9 + 0.2 * random()), () => {
      this.#timers.delete(name)
      const list = configured().find((other) => other.name === name && other.source.kind === 'url')
      if (list !== undefined) this.refreshInBackground(list)
    })
    this.#timers.set(name, timer)
  }

  /** Call after each build: notes validators, and forgets lists that are gone or were edited. */
  noteBuild(job: BuildJob, result: BuildResult): void {
    this.#validators.note(job, result)
    const configured = this.#options.configured()
    for (const name of this.#timers.keys()) {
      if (configured.some((list) => list.name === name && list.source.kind === 'url')) continue
      this.#cancelTimer(name)
      this.#failures.delete(name)
    }
    for (const [name, { fetch }] of this.#refreshes) {
      const list = configured.find((other) => other.name === name)
      if (list !== undefined && fetchesAlike(list, fetch.list)) continue
      fetch.cancel.abort()
      this.#refreshes.delete(name)
    }
  }

  cancelTimers(): void {
    for (const name of this.#timers.keys()) this.#cancelTimer(name)
  }

  /** Resolves when the downloads under way have ended, however they end. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#refreshes.values()].map(({ built }) => built))
  }

  async #receive(list: ListDefinition, cancel: AbortSignal): Promise<FetchResult> {
    const { source } = list
    if (source.kind !== 'url') throw new Error(`list ${list.name} has no URL`)
    const { settings, current } = this.#options
    const known = this.#validators.of(list, current())
    const received = await receiveWithIncludes(
      {
        url: placeOf(list).path,
        proxy: source.proxy,
        bearerToken: list.bearerToken,
        login: list.login,
        proxyLogin: list.proxyLogin,
        etag: known?.etag,
        lastModified: known?.lastModified,
        folder: settings.readOnly ? undefined : settings.stateFolder,
        maxBytes: settings.maxListBytes,
        limits: settings.download,
      },
      cancel,
    )
    return { list, received, knownSha256: known?.sha256 }
  }

  #buildWhenDone(fetch: FetchRequest, accept: boolean): Promise<unknown> {
    const { closing, queue, configured } = this.#options
    const { list } = fetch
    const build = async () => {
      const result = await fetch.done
      if (closing.aborted || this.#refreshes.get(list.name) !== refresh) return discardResult(result)
      this.#refreshes.delete(list.name)
      try {
        await queue.add((request) => {
          if (addFetched(request, result, configured()) && refresh.accept) request.accept.add(list.name)
        })
      } catch (error) {
        // The result is lost with the build. Download again soon, as after a failed download.
        this.#scheduleAfter(list, { outcome: 'failed' })
        throw error
      }
      this.#scheduleAfter(list, result.received)
    }
    this.#refreshes.get(list.name)?.fetch.cancel.abort()
    const refresh: Refresh = { fetch, accept, built: Promise.resolve() }
    this.#refreshes.set(list.name, refresh)
    refresh.built = build()
    return refresh.built
  }

  #scheduleAfter(list: ListDefinition, { outcome }: Pick<Received, 'outcome'>): void {
    const hasFailed = outcome === 'failed' || outcome === 'refused'
    const failures = hasFailed ? (this.#failures.get(list.name) ?? 0) + 1 : 0
    this.#failures.set(list.name, failures)
    const { refreshIntervalMs } = list
    const retry = { firstMs: FIRST_RETRY_MS, longestMs: refreshIntervalMs }
    this.schedule(list, failures > 0 ? growingPauseMs(failures, retry) : refreshIntervalMs)
  }

  #cancelTimer(name: string): void {
    this.#timers.get(name)?.cancel()
    this.#timers.delete(name)
  }
}
