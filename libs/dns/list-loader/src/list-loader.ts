/**
 * Keeps the operator's lists loaded: at the start, when a file changes, when a URL has news, when told to.
 *
 * Ingest and the cache run one each and take `matcher` from the newest version; commands take a look (`readOnly`).
 *
 *   file changed, SIGHUP ──────────────────────▶ wish ─┐
 *   refresh time ──▶ download (download.ts) ──▶ wish ─┴▶ build (build-lists.ts, in a worker) ──▶ version ──▶ listeners
 *
 * Builds run one after the other; wishes that come meanwhile are gathered into the next. URLs are asked outside of builds, each for itself, so
 * that a slow server delays its own list only. What a bad list means is judged in the build; here is only when to look, and saying what came of
 * it. An edited definition takes effect when its source was read by it; until then the rules that were in use stay (`readAs`).
 */
import { Matcher } from '@dnstap-bgp/domain-matcher'
import { reveal, StoppedError, type Clock, type Log, type Timer } from '@dnstap-bgp/runtime'
import { randomInt } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { BuildJob, BuildResult, JobList, JobSource } from './build-job.ts'
import { CopyRetries } from './copy-retries.ts'
import type { DownloadLimits, Received } from './download.ts'
import { receiveWithIncludes, type ReceivedList } from './receive-includes.ts'
import { copyPathOf, findCopy, readNote, removeLeftovers } from './kept-copies.ts'
import { isCurrent, isLoaded, ListsError, readingOf, readsAlike } from './list-definition.ts'
import type { ListDefinition, ListDifference, ListStatus, LoadedLists } from './list-definition.ts'
import { signatureOf, splitFragment, urlFragment } from './list-files.ts'
import { runBuild } from './run-build.ts'
import { Settling } from './settling.ts'
import { splitLines } from './shared-text.ts'
import { SourceWatcher } from './source-watcher.ts'

export interface ListLoaderConfig {
  readonly lists: readonly ListDefinition[]
  /** Where last good versions are kept; undefined: a restart needs every URL, and takes files as they are. */
  readonly stateFolder: string | undefined
  /** Of one list, unpacked. */
  readonly maxListBytes?: number
  readonly download?: Partial<DownloadLimits>
  /** Look after files by themselves; false: only reload() does. */
  readonly watch?: boolean
  /** A changed file must stay as it is for so long before it is read. */
  readonly settleMs?: number
  /** A file that changes all the time is read after so long. */
  readonly longestSettleMs?: number
  /** Files are looked at so often even if nobody said that they changed. */
  readonly pollIntervalMs?: number
  /** Only a look: nothing is kept, nothing removed, and nobody is asked unless load() says so. For commands beside a running service. */
  readonly readOnly?: boolean
  /** How long a start waits for URLs of which there is nothing yet, and a preview for those that are slow. */
  readonly patienceMs?: number
}

export interface ListLoaderDeps {
  readonly clock: Clock
  readonly log: Log
  /** For jitter; 0 to 1. */
  readonly random?: () => number
}

export interface LoadOptions {
  /** Ask URLs also where there is a copy, and wait for what they say. */
  readonly askUrls?: boolean
}

export interface ReloadOptions {
  /** Take these lists whatever they hold: they may have shrunk, or be empty. */
  readonly accept?: readonly string[]
  /** Only these; all if undefined. */
  readonly only?: readonly string[]
}

const DEFAULTS = { maxListBytes: 2 ** 30, settleMs: 300, longestSettleMs: 5_000, pollIntervalMs: 30_000, patienceMs: 5_000 }
export const DOWNLOAD_LIMITS: DownloadLimits = { timeoutMs: 300_000, stallMs: 20_000, redirects: 5 }
const FIRST_RETRY_MS = 30_000
/** The loop is held no longer by what has no hurry. */
const PREPARE_MS = 4
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
  #lastReconfiguration: Promise<unknown> = Promise.resolve()

  readonly #signatures = new Map<string, string>() // by source; what was read
  readonly #beside = new Map<string, ReadonlyMap<string, string>>() // by source: signatures of files that its `include:` lines named, by path
  readonly #watchers = new Map<string, SourceWatcher>() // by source
  readonly #settling: Settling
  readonly #copyRetries: CopyRetries
  #poll: Timer | undefined
  readonly #refreshes = new Map<string, Timer>() // by list
  readonly #failures = new Map<string, number>() // of a URL, one after the other
  readonly #asking = new Map<string, Asking>() // by list
  /** What the server called the version in use, to ask only for another. By list. */
  readonly #validators = new Map<string, Validators>()

  constructor(config: ListLoaderConfig, deps: ListLoaderDeps) {
    this.#config = config
    this.#definitions = config.lists
    this.#clock = deps.clock
    this.#log = deps.log
    this.#random = deps.random ?? Math.random
    this.#settling = new Settling({
      clock: deps.clock,
      settleMs: config.settleMs ?? DEFAULTS.settleMs,
      longestMs: config.longestSettleMs ?? DEFAULTS.longestSettleMs,
      look: (source) => {
        // First: what is watched from now on is looked at after.
        this.#watchers.get(source)?.refresh()
        return signatureOf(source, this.#filesBeside(source))
      },
      isRead: (source, signature) => signature === this.#signatureRead(source),
      read: (source) => this.#readAgain((list) => list.source.kind === 'path' && list.source.path === source),
    })
    this.#copyRetries = new CopyRetries(deps.clock, (name) => this.#keepAgain(name))
  }

  /** The newest version; undefined before load(). */
  get current(): LoadedLists | undefined {
    return this.#current
  }

  /**
   * The first load. Throws ListsError when a file cannot be had or holds nothing, and there is no last good version of it. A URL is taken from
   * its last good version and asked afterwards; one without is waited for a few seconds, then it is told as waiting, and comes when it comes.
   */
  async load({ askUrls = false }: LoadOptions = {}): Promise<LoadedLists> {
    this.#removeLeftovers()
    const questions = this.#definitions
      .filter((list) => list.source.kind === 'url' && (askUrls || this.#copyOf(list) === undefined))
      .map((list) => this.#ask(list))
    // A look waits until it has seen; a service must open.
    await (this.#config.readOnly === true ? Promise.all(questions.map(({ answering }) => answering)) : this.#patiently(questions))
    const loaded = await this.#wishWith(questions, (wish) => (wish.isFirst = true))
    if (this.#config.readOnly !== true) this.#expectUrls(questions, (list) => this.#schedule(list, FIRST_REFRESH_MS))
    if (this.#config.watch !== false) {
      this.#watch()
      this.#poll = this.#clock.every(this.#config.pollIntervalMs ?? DEFAULTS.pollIntervalMs, () => this.#lookAtAll())
    }
    return loaded
  }

  /** Reads files and asks URLs again; resolves when all have answered. */
  async reload(options: ReloadOptions = {}): Promise<LoadedLists> {
    const accept = new Set(options.accept)
    const lists = this.#definitions.filter(({ name }) => options.only === undefined || options.only.includes(name))
    const files = lists.filter(({ source }) => source.kind === 'path')
    const urls = lists.filter(({ source }) => source.kind === 'url')
    const reading =
      files.length === 0
        ? undefined
        : this.#wish((wish) => {
            for (const { name } of files) {
              wish.names.add(name)
              if (accept.has(name)) wish.accept.add(name)
            }
          })
    await Promise.all([reading, ...urls.map((list) => this.#refresh(list, accept.has(list.name)))])
    return this.#loaded()
  }

  /**
   * The lists are these now. Files are read; a URL that is new or is read by other settings starts from a last good version. One of which there
   * is nothing is waited for, as at the start. All other URLs are asked again, but not waited for.
   */
  reconfigure(lists: readonly ListDefinition[]): Promise<LoadedLists> {
    const reconfigured = this.#lastReconfiguration.then(() => this.#reconfigure(lists)) // the last one wins, however long each waits
    this.#lastReconfiguration = reconfigured.catch(() => undefined)
    return reconfigured
  }

  async #reconfigure(lists: readonly ListDefinition[]): Promise<LoadedLists> {
    const questions = lists.filter((list) => this.#hasNothingYet(list)).map((list) => this.#ask(list))
    await this.#patiently(questions)
    const loaded = await this.#wishWith(questions, (wish) => {
      wish.all = true
      wish.lists = lists
    })
    this.#watch()
    this.#expectUrls(questions, (list) => this.#quietly(this.#refresh(list, false), [list]))
    return loaded
  }

  /** Would the list be waiting, if it were taken now? One that has failed by this definition was waited for already. */
  #hasNothingYet(list: ListDefinition): boolean {
    if (list.source.kind !== 'url' || this.#current?.readAs.has(list.name) === true) return false
    const before = this.#definitions.find(({ name }) => name === list.name)
    return (before === undefined || !isAskedAlike(before, list)) && this.#copyOf(list) === undefined
  }

  /** What reconfigure() would give once URLs have answered, without taking it. Those that do not within seconds are shown as they are now. */
  async preview(lists: readonly ListDefinition[] = this.#definitions): Promise<LoadedLists> {
    const current = this.#loaded()
    const wish = newWish()
    wish.all = true
    const questions = lists.filter(({ source }) => source.kind === 'url').map((list) => this.#ask(list))
    try {
      await this.#patiently(questions)
      for (const { list, answer } of questions) if (answer !== undefined) wish.received.set(list.name, answer)
      const job = { ...this.#jobFor(wish, lists), readOnly: true }
      return versionOf(await runBuild(job, this.#cancel.signal), current)
    } finally {
      void giveUp(questions)
    }
  }

  /** Calls back with each new version; its matcher is the same object as before when no rule changed. Returns how to stop that. */
  onChange(listener: (lists: LoadedLists) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#poll?.cancel()
    for (const timer of this.#refreshes.values()) timer.cancel()
    this.#settling.close()
    this.#copyRetries.close()
    this.#refreshes.clear()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
    this.#listeners.clear()
    this.#cancel.abort(new StoppedError())
    await Promise.allSettled([...this.#asking.values()].map(({ built }) => built))
    await this.#lastReconfiguration
    await this.#lastBuild
  }

  #loaded(): Version {
    if (this.#current === undefined) throw new Error('the lists were not loaded yet')
    return this.#current
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

  /** A wish with what was said until now. When it fails, nobody takes what comes later. */
  async #wishWith(questions: readonly Question[], add: (wish: Wish) => void): Promise<LoadedLists> {
    try {
      this.#cancel.signal.throwIfAborted()
      return await this.#wish((wish) => {
        add(wish)
        for (const question of questions) {
          if (question.answer === undefined) continue
          question.isInTime = true
          this.#addAnswer(wish, question.answer)
        }
      })
    } catch (error) {
      await giveUp(questions)
      throw error
    }
  }

  /** An answer to what is asked otherwise by now does not stand in for the right one. */
  #addAnswer(wish: Wish, answer: Answer): boolean {
    const { name } = answer.list
    const list = (wish.lists ?? this.#definitions).find((one) => one.name === name)
    const other = list !== undefined && isAskedAlike(answer.list, list) ? wish.received.get(name) : answer
    if (other !== undefined) discard(other)
    if (other === answer) return false
    wish.received.set(name, answer)
    return true
  }

  async #build(wish: Wish): Promise<LoadedLists> {
    try {
      return await this.#buildWith(wish)
    } finally {
      for (const answer of wish.received.values()) discard(answer)
    }
  }

  async #buildWith(wish: Wish): Promise<LoadedLists> {
    const definitions = wish.lists ?? this.#definitions
    const job = this.#jobFor(wish, definitions)
    const signatures = new Map<string, string>()
    for (const [index, { source }] of definitions.entries())
      if (source.kind === 'path' && job.lists[index]?.source.kind === 'path')
        signatures.set(source.path, await signatureOf(source.path))
    const result = await runBuild(job, this.#cancel.signal)
    this.#cancel.signal.throwIfAborted()
    if (wish.isFirst) throwIfMissing(definitions, result)

    const before = this.#current
    const current = versionOf(result, before, definitions)
    await prepare(current.matcher, this.#clock)
    this.#cancel.signal.throwIfAborted()
    this.#definitions = definitions
    for (const [source, signature] of signatures) this.#signatures.set(source, signature)
    this.#noteFilesBeside(definitions, result)
    this.#current = current
    this.#noteValidators(job, result)
    this.#tell(before, current)
    if (!this.#cancel.signal.aborted) this.#copyRetries.note(current.lists)
    this.#forgetTimers()
    this.#forgetQuestions()
    for (const listener of this.#listeners) listener(current)
    return current
  }

  #jobFor(wish: Wish, definitions: readonly ListDefinition[]): BuildJob {
    const current = this.#current
    const now = this.#clock.now()
    const lists = definitions.map((list): JobList => {
      const status = current?.lists.find(({ name }) => name === list.name)
      const configured = this.#definitions.find(({ name }) => name === list.name)
      const isEdited = configured === undefined || !readsAlike(configured, list)
      const inUse = current?.readAs.get(list.name)
      const isOther = status !== undefined && (inUse === undefined || !readsAlike(inUse, list))
      const isWanted = wish.isFirst || wish.all || wish.names.has(list.name) || isEdited || status === undefined
      const source = this.#jobSource(list, { isWanted, isEdited, status, answer: wish.received.get(list.name) })
      const { path, sites, attributes } = placeOf(list)
      const copy = this.#copyOf(list)
      return {
        name: list.name,
        source,
        path: list.source.kind === 'path' ? path : undefined,
        sourceText: sourceText(list),
        sites,
        attributes,
        format: list.format,
        match: list.match,
        addresses: list.addresses,
        shortestPrefixIpv4: list.shortestPrefixIpv4,
        shortestPrefixIpv6: list.shortestPrefixIpv6,
        origin: list.origin,
        sha256: list.sha256,
        minimumShare: list.minimumShare,
        accept: wish.accept.has(list.name) ? 'anything' : isOther ? 'less' : 'nothing',
        reading: readingOf(list),
        isOther,
        copyPath: this.#copyPath(list),
        copy,
        note: readNote(copy),
        status,
        checkedAt: isWanted || wish.received.has(list.name) ? now : (status?.checkedAt ?? now),
      }
    })
    return {
      lists,
      seed: this.#seed,
      now,
      previous: current?.matcherBuffer,
      previousAddresses: current?.addressText ?? new Map(),
      maxListBytes: this.#config.maxListBytes ?? DEFAULTS.maxListBytes,
      readOnly: this.#config.readOnly === true,
    }
  }

  #jobSource(list: ListDefinition, { isWanted, isEdited, status, answer }: Circumstances): JobSource {
    if (list.source.kind === 'path')
      return isWanted || status === undefined ? { kind: 'path' } : { kind: 'keep', state: status.state, why: status.why }
    // An answer to another question: the definition was edited since.
    if (answer !== undefined && isAskedAlike(answer.list, list)) {
      const { received, of } = answer
      if (received.outcome === 'fetched')
        return { ...received, kind: 'fetched', includes: 'includes' in received ? received.includes : undefined }
      if (received.outcome === 'unchanged' && status !== undefined && of === status.sha256)
        return { kind: 'keep', state: 'fresh', why: undefined }
      const why = received.outcome === 'unchanged' ? 'it changed while it was asked' : `${sourceText(list)}: ${received.why}`
      return { kind: 'last', state: received.outcome === 'refused' ? 'refused' : 'cached', why, otherwise: 'failed' }
    }
    if (status === undefined || isEdited)
      return { kind: 'last', state: 'cached', why: 'the source was not asked yet', otherwise: 'waiting' }
    return { kind: 'keep', state: status.state, why: status.why }
  }

  #copyPath(list: ListDefinition): string | undefined {
    const folder = this.#config.stateFolder
    return folder === undefined ? undefined : copyPathOf(folder, list.name, placeOf(list).path)
  }

  /** The copy to begin with. */
  #copyOf(list: ListDefinition): string | undefined {
    const { stateFolder } = this.#config
    const isUrl = list.source.kind === 'url'
    return stateFolder === undefined ? undefined : findCopy(stateFolder, list.name, placeOf(list).path, isUrl)
  }

  #removeLeftovers(): void {
    const { stateFolder, readOnly } = this.#config
    if (stateFolder === undefined || readOnly === true) return
    try {
      removeLeftovers(stateFolder, this.#clock.now())
    } catch (error) {
      this.#log.warn({ why: String(error) }, 'What a killed process left in the folder of last good versions cannot be removed.')
    }
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
    for (const source of sources) {
      const paths = [splitFragment(source).path, ...this.#filesBeside(source)]
      const watcher = this.#watchers.get(source)
      if (watcher === undefined) this.#watchers.set(source, new SourceWatcher(paths, () => this.#settling.hint(source)))
      else watcher.refresh(paths)
    }
  }

  #lookAtAll(): void {
    this.#watch()
    for (const source of this.#watchers.keys()) this.#settling.hint(source)
  }

  /** The last good version could not be kept: what is read now is kept, if there is room. */
  #keepAgain(name: string): void {
    const list = this.#definitions.find((one) => one.name === name)
    if (list?.source.kind === 'path') this.#readAgain((one) => one === list)
    else if (list !== undefined) this.#quietly(this.#refresh(list, false), [list])
  }

  #filesBeside(source: string): string[] {
    return [...(this.#beside.get(source)?.keys() ?? [])]
  }

  #noteFilesBeside(definitions: readonly ListDefinition[], { lists }: BuildResult): void {
    const read = new Map<string, Map<string, string>>()
    definitions.forEach(({ source }, index) => {
      const included = lists[index]?.included
      if (source.kind !== 'path' || included === undefined) return
      read.set(source.path, new Map([...(read.get(source.path) ?? []), ...included]))
    })
    for (const [source, files] of read) this.#beside.set(source, files)
  }

  #signatureRead(source: string): string | undefined {
    const own = this.#signatures.get(source)
    return own === undefined ? undefined : [own, ...(this.#beside.get(source)?.values() ?? [])].join('\n')
  }

  #readAgain(isMeant: (list: ListDefinition) => boolean): void {
    const lists = this.#definitions.filter(isMeant)
    const built = this.#wish((wish) => {
      for (const { name } of lists) wish.names.add(name)
    })
    this.#quietly(
      built.then(() => this.#watch()),
      lists,
    )
  }

  /** For what nobody waits for: an error is told, and the version in use stays. */
  #quietly(built: Promise<unknown>, lists: readonly ListDefinition[]): void {
    built.catch((error: unknown) => {
      if (this.#cancel.signal.aborted) return
      this.#log.error(
        { error: String(error), lists: lists.map(({ name }) => name) },
        'Building the lists failed; the version in use stays.',
      )
    })
  }

  // ---- URLs

  /** Asks the URL, apart from the builds: a slow one keeps nobody waiting but itself. */
  #ask(list: ListDefinition): Question {
    const cancel = new AbortController()
    const close = () => cancel.abort()
    if (this.#cancel.signal.aborted) close()
    this.#cancel.signal.addEventListener('abort', close)
    const answering = this.#receive(list, cancel.signal).finally(() => this.#cancel.signal.removeEventListener('abort', close))
    const question: Question = {
      list,
      cancel,
      answer: undefined,
      isInTime: false,
      answering: answering.then((answer) => (question.answer = answer)),
    }
    return question
  }

  async #receive(list: ListDefinition, cancel: AbortSignal): Promise<Answer> {
    const { source } = list
    if (source.kind !== 'url') throw new Error(`list ${list.name} has no URL`)
    const known = this.#validatorsFor(list)
    const received = await receiveWithIncludes(
      {
        url: placeOf(list).path,
        proxy: source.proxy,
        bearerToken: list.bearerToken,
        login: list.login,
        proxyLogin: list.proxyLogin,
        etag: known?.etag,
        lastModified: known?.lastModified,
        folder: this.#config.readOnly === true ? undefined : this.#config.stateFolder,
        maxBytes: this.#config.maxListBytes ?? DEFAULTS.maxListBytes,
        limits: { ...DOWNLOAD_LIMITS, ...this.#config.download },
      },
      cancel,
    )
    return { list, received, of: known?.sha256 }
  }

  /** Waits for all of them, but no longer than a few seconds. */
  async #patiently(questions: readonly Question[]): Promise<void> {
    if (questions.length === 0) return
    let timer: Timer | undefined
    const patience = new Promise<void>((resolve) => {
      timer = this.#clock.after(this.#config.patienceMs ?? DEFAULTS.patienceMs, resolve)
    })
    await Promise.race([Promise.all(questions.map(({ answering }) => answering)), patience])
    timer?.cancel()
  }

  /** After a build that waited for URLs: what is late comes when it comes, what was in time is asked at its time; `otherwise` for the rest. */
  #expectUrls(questions: readonly Question[], otherwise: (list: ListDefinition) => void): void {
    for (const list of this.#definitions) {
      if (list.source.kind !== 'url') continue
      const question = questions.find((one) => one.list === list)
      if (question === undefined) otherwise(list)
      else if (question.isInTime && question.answer !== undefined) this.#scheduleAfter(list, question.answer.received)
      else this.#quietly(this.#take(question, false), [list])
    }
  }

  /** Asks the URL and builds with what it says; who comes while it is being asked waits for the same answer. */
  #refresh(list: ListDefinition, accept: boolean): Promise<unknown> {
    const asking = this.#asking.get(list.name)
    if (asking !== undefined && isAskedAlike(asking.question.list, list)) {
      asking.accept ||= accept
      return asking.built
    }
    this.#refreshes.get(list.name)?.cancel()
    this.#refreshes.delete(list.name)
    return this.#take(this.#ask(list), accept)
  }

  #take(question: Question, accept: boolean): Promise<unknown> {
    const { list } = question
    const take = async () => {
      const answer = await question.answering
      if (this.#cancel.signal.aborted || this.#asking.get(list.name) !== asking) return discard(answer)
      this.#asking.delete(list.name)
      try {
        await this.#wish((wish) => {
          if (this.#addAnswer(wish, answer) && asking.accept) wish.accept.add(list.name)
        })
      } catch (error) {
        // What it said is lost, so it is asked again soon, as if it had said nothing.
        this.#scheduleAfter(list, { outcome: 'failed' })
        throw error
      }
      this.#scheduleAfter(list, answer.received)
    }
    this.#asking.get(list.name)?.question.cancel.abort()
    const asking: Asking = { question, accept, built: Promise.resolve() }
    this.#asking.set(list.name, asking)
    asking.built = take()
    return asking.built
  }

  #scheduleAfter(list: ListDefinition, { outcome }: Pick<Received, 'outcome'>): void {
    const hasFailed = outcome === 'failed' || outcome === 'refused'
    const failures = hasFailed ? (this.#failures.get(list.name) ?? 0) + 1 : 0
    this.#failures.set(list.name, failures)
    const { refreshIntervalMs } = list
    this.#schedule(
      list,
      failures > 0 ? Math.min(refreshIntervalMs, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20)) : refreshIntervalMs,
    )
  }

  #schedule({ name }: ListDefinition, afterMs: number): void {
    this.#refreshes.get(name)?.cancel()
    this.#refreshes.delete(name)
    if (this.#cancel.signal.aborted) return
    const timer = this.#clock.after(afterMs * (0.9 + 0.2 * this.#random()), () => {
      this.#refreshes.delete(name)
      const list = this.#definitions.find((one) => one.name === name && one.source.kind === 'url')
      if (list !== undefined) this.#quietly(this.#refresh(list, false), [list])
    })
    this.#refreshes.set(name, timer)
  }

  #forgetTimers(): void {
    for (const [name, timer] of this.#refreshes) {
      if (this.#definitions.some((list) => list.name === name && list.source.kind === 'url')) continue
      timer.cancel()
      this.#refreshes.delete(name)
      this.#failures.delete(name)
    }
  }

  /** What was asked by a definition that is another now is of no use. */
  #forgetQuestions(): void {
    for (const [name, { question }] of this.#asking) {
      const list = this.#definitions.find((one) => one.name === name)
      if (list !== undefined && isAskedAlike(list, question.list)) continue
      question.cancel.abort()
      this.#asking.delete(name)
    }
  }

  #noteValidators(job: BuildJob, result: BuildResult): void {
    job.lists.forEach(({ name, source, note, path }, index) => {
      const { status, isKept, included } = result.lists[index] ?? {}
      if (path !== undefined || status?.sha256 === undefined || isKept === true) return
      // The bytes in use are those that came now, or those of the copy.
      const isTaken = source.kind === 'fetched' && isCurrent(status)
      const of = isTaken ? source : note?.sha256 === status.sha256 ? note : undefined
      // What could not be kept must come once more; that a list did not change says nothing about those that it includes.
      if (of === undefined || status.notKept !== undefined || (included?.length ?? 0) > 0) this.#validators.delete(name)
      else this.#validators.set(name, { sha256: status.sha256, etag: of.etag, lastModified: of.lastModified })
    })
  }

  /** "Not modified" shall mean: what is in use, as it is read now. */
  #validatorsFor(list: ListDefinition): Validators | undefined {
    const status = this.#current?.lists.find(({ name }) => name === list.name)
    const inUse = this.#current?.readAs.get(list.name)
    const known = this.#validators.get(list.name)
    const isCurrent = status !== undefined && known?.sha256 === status.sha256 && inUse !== undefined && readsAlike(inUse, list)
    return isCurrent ? known : undefined
  }

  // ---- what is said

  #tell(before: Version | undefined, current: Version): void {
    for (const { name, source, names } of before?.lists ?? [])
      if (!current.lists.some((list) => list.name === name)) this.#log.info({ list: name, source, names }, 'The list is gone.')
    for (const status of current.lists) {
      const last = before?.lists.find(({ name }) => name === status.name)
      const difference = current.differences.find(({ name }) => name === status.name)
      const log = this.#log.child({ list: status.name, source: status.source })
      if (status.state !== last?.state || status.why !== last.why) {
        if (status.state === 'refused') log.error({ why: status.why }, 'The list is refused; its last good version stays.')
        else if (status.state === 'waiting')
          log.warn({ why: status.why }, 'The list has no names yet: its first download is under way.')
        else if (status.state === 'failed') log.error({ why: status.why }, 'The list failed; it has no names.')
        else if (status.state === 'cached') log.warn({ why: status.why }, 'The list is taken from its last good copy.')
        else if (status.state === 'degraded') log.warn({ why: status.why }, 'Rules of the list are missing.')
        else if (last !== undefined) log.info({}, 'The list is fresh again.')
      }
      if (status.notKept !== undefined && last?.notKept === undefined)
        log.error({ why: status.notKept }, 'The list is in use, but its last good version cannot be kept for a restart.')
      else if (status.notKept === undefined && last?.notKept !== undefined)
        log.info({}, 'The last good version of the list is kept again.')
      for (const warning of status.warnings)
        if (last?.warnings.includes(warning) !== true) log.warn({}, `${status.name}: ${warning}.`)
      if (isLoaded(status) && (last === undefined || !isLoaded(last) || (difference !== undefined && hasChange(difference)))) {
        const { names, rules, addresses, format, skipped, skippedLines } = status
        const { added, removed, changed } = difference ?? { added: rules, removed: 0, changed: 0 }
        log.info({ names, rules, addresses, format, added, removed, changed }, 'The list is loaded.')
        if (skippedLines.length > 0) log.warn({ skipped, first: skippedLines.slice(0, 5) }, 'Some of the list was skipped.')
      }
    }
  }
}

/** What a URL said. */
interface Answer {
  /** As it was when it was asked. */
  readonly list: ListDefinition
  readonly received: ReceivedList
  /** Digest of the version that "not modified" speaks of. */
  readonly of: string | undefined
}

interface Question {
  readonly list: ListDefinition
  readonly cancel: AbortController
  readonly answering: Promise<Answer>
  /** As soon as it is there. */
  answer: Answer | undefined
  /** It was part of the build that waited for it. */
  isInTime: boolean
}

/** A question whose answer gets a build of its own. */
interface Asking {
  readonly question: Question
  accept: boolean
  built: Promise<unknown>
}

interface Validators {
  readonly sha256: string
  readonly etag: string | undefined
  readonly lastModified: string | undefined
}

interface Circumstances {
  readonly isWanted: boolean
  readonly isEdited: boolean
  readonly status: ListStatus | undefined
  readonly answer: Answer | undefined
}

interface Wish {
  isFirst: boolean
  /** Read all files; or those of the names. */
  all: boolean
  readonly names: Set<string>
  readonly accept: Set<string>
  /** By list. */
  readonly received: Map<string, Answer>
  lists: readonly ListDefinition[] | undefined
}

function newWish(): Wish {
  return { isFirst: false, all: false, names: new Set(), accept: new Set(), received: new Map(), lists: undefined }
}

/** Compiles regular expressions before the matcher is used, a few milliseconds at a time: the first name would wait for all of them. */
async function prepare(matcher: Matcher, clock: Clock): Promise<void> {
  let began = clock.monotonic()
  for (const _ of matcher.prepare()) {
    if (clock.monotonic() - began < PREPARE_MS) continue
    await new Promise<void>((resolve) => clock.after(0, resolve))
    began = clock.monotonic()
  }
}

/** Nobody wants what these say any more. */
async function giveUp(questions: readonly Question[]): Promise<void> {
  for (const { cancel } of questions) cancel.abort()
  for (const { answering } of questions) discard(await answering)
}

/** Removes what was fetched, unless it became the copy. */
function discard({ received }: Answer): void {
  if (received.outcome !== 'fetched') return
  rmSync(received.discard, { recursive: true, force: true })
  if ('includes' in received) rmSync(received.includes, { recursive: true, force: true })
}

interface Version extends LoadedLists {
  readonly matcherBuffer: SharedArrayBuffer
  readonly addressText: ReadonlyMap<string, SharedArrayBuffer>
  /** The definition by which the rules in use were read: an edit takes until the source was read again. */
  readonly readAs: ReadonlyMap<string, ListDefinition>
}

function versionOf(result: BuildResult, before: Version | undefined, definitions: readonly ListDefinition[] = []): Version {
  const matcherBuffer = result.matcher ?? before?.matcherBuffer
  if (matcherBuffer === undefined) throw new Error('the first build gave no matcher')
  const matcher = result.matcher === undefined && before !== undefined ? before.matcher : new Matcher(matcherBuffer)
  const readAs = new Map<string, ListDefinition>()
  for (const { status, isKept } of result.lists) {
    const list = isKept ? before?.readAs.get(status.name) : definitions.find(({ name }) => name === status.name)
    if (list !== undefined && isLoaded(status)) readAs.set(status.name, list)
  }
  return {
    matcher,
    matcherBuffer,
    addressText: result.addresses,
    readAs,
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

function placeOf({ source }: ListDefinition): { path: string; sites: string[]; attributes: string[] } {
  return source.kind === 'path' ? splitFragment(source.path) : urlFragment(source.url)
}

function sourceText({ source }: ListDefinition): string {
  return source.kind === 'path' ? source.path : source.url
}

/** Would both be asked the same, and the answer be read the same? */
function isAskedAlike(a: ListDefinition, b: ListDefinition): boolean {
  const how = ({ source, bearerToken, login, proxyLogin }: ListDefinition) =>
    JSON.stringify([
      source.kind === 'url' ? source.proxy : undefined,
      bearerToken === undefined ? undefined : reveal(bearerToken),
      ...[login, proxyLogin].map((one) => (one === undefined ? undefined : [one.user, reveal(one.password)])),
    ])
  return readsAlike(a, b) && how(a) === how(b)
}

function hasChange(difference: ListDifference): boolean {
  const { added, removed, changed, addressesAdded, addressesRemoved } = difference
  return added + removed + changed + addressesAdded + addressesRemoved > 0
}
