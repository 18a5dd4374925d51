/**
 * The lists of one process: loaded, watched, shown, and shared by the services in it.
 *
 * Ingest takes `names` (a matcher of wire-format names), the cache takes `coverage` (does this list cover this name?). Both see a new version
 * at once, because they look at the same object. A list that could not be loaded makes health degraded and says why.
 */
import { ADMIN_API, AdminError, type AdminHandlers, type ListRow } from '@dnstap-bgp/admin-api'
import type { Config } from '@dnstap-bgp/config'
import { textToName } from '@dnstap-bgp/dns-wire'
import { Matcher } from '@dnstap-bgp/domain-matcher'
import type { MatchExplanation } from '@dnstap-bgp/domain-matcher'
import { foreignText } from '@dnstap-bgp/foreign-text'
import { isLoaded, ListLoader, type ListDifference, type ListStatus, type LoadedLists } from '@dnstap-bgp/list-loader'
import { PolicySource, type ListsVersion, type Policies } from '@dnstap-bgp/policy'
import { StoppedError, type Clock, type Closeable, type Log } from '@dnstap-bgp/runtime'
import { samplesOf, type Health, type Metrics } from '@dnstap-bgp/telemetry'
import { dirname, join } from 'node:path'
import { NamesFile } from './names-file.ts'
import { watchUntriedRegexps } from './untried-regexps.ts'

export type ListsConfig = Pick<Config, 'lists' | 'listState' | 'store' | 'namesFile'>

export interface StartListsDeps {
  readonly clock: Clock
  readonly log: Log
  /**
   * For commands beside a running service with the same configuration: watches nothing and writes nothing. `stop` cancels the load and removes its
   * downloads.
   */
  readonly look?: { readonly askUrls: boolean; readonly stop?: AbortSignal }
  readonly metrics?: Metrics
  readonly health?: Health
  readonly handlers?: AdminHandlers
  /**
   * `names` are for ingest: limit the time that regular expressions take in its matcher, at the price of names that are missed while the time
   * is used up. `coverage` has no such limit: to the cache a missed name would be a name that the list no longer covers.
   */
  readonly limitRegexpTime?: boolean
  /** Keep the file of names that the configuration asks for, for programs beside us. */
  readonly keepNamesFile?: boolean
}

/** One version of the lists, as the cache asks it. */
export interface ListsCoverage {
  /** Of the matcher that this coverage asks. */
  readonly version: ListsVersion
  /** The rule by which the list covers the name (presentation format); undefined when it does not, or an exception wins. */
  ruleFor(list: string, name: string): string | undefined
  /** Lists that are not loaded. Bindings that such a list gave before stay. */
  readonly unloaded: ReadonlySet<string>
  /** The first download of a list is under way. Which names it takes over from removed lists is not known yet. */
  readonly isWaiting: boolean
  /** One sentence for each rule or exception that decides about a name. */
  why(name: string): readonly string[]
  /** Prefixes written in lists that want them routed, by list. */
  readonly addresses: ReadonlyMap<string, readonly string[]>
}

export interface ListsPreview {
  readonly coverage: ListsCoverage
  /** Each list as it would be. */
  readonly lists: readonly ListPreview[]
  /** Names of lists that are not in the configuration any more. */
  readonly removed: readonly string[]
}

export interface ListPreview {
  readonly name: string
  readonly state: ListStatus['state']
  readonly why: string | null
  /** Names, against those in use. */
  readonly added: number
  readonly removed: number
  /** Names whose rules are others: exact instead of suffix, an exception. */
  readonly changed: number
  readonly addressesAdded: number
  readonly addressesRemoved: number
}

/** One version of the lists. An object that is the same as before says the same. */
export interface ListsInUse {
  /** For ingest: names as they arrive. */
  readonly matcher: Matcher
  /** Another one whenever the matcher has other rules. */
  readonly version: ListsVersion
  /** For the cache. */
  readonly coverage: ListsCoverage
}

export interface RunningLists<Settings extends ListsConfig = ListsConfig> extends Closeable {
  /** The configuration and the lists, handed out together when either changes. */
  readonly policies: Policies<Settings, ListsInUse>
  readonly names: { readonly matcher: Matcher; readonly count: number }
  readonly coverage: { readonly current: ListsCoverage }
  readonly loaded: LoadedLists
  explain(name: string): MatchExplanation | undefined
  /** What reconfigure() would bring, without taking it. */
  preview(config: ListsConfig): Promise<ListsPreview>
  /**
   * Reads everything again by this configuration, and hands out the next policy once. URLs are asked; lists that have nothing yet are waited
   * for, some seconds. When the lists cannot be built, the configuration stays what it was and this rejects.
   */
  reconfigure(config: Settings): Promise<void>
  close(): Promise<void>
}

/** @throws ListsError, one sentence, when a list cannot be had at the start */
export async function startLists<Settings extends ListsConfig>(
  config: Settings,
  deps: StartListsDeps,
): Promise<RunningLists<Settings>> {
  const { clock, log } = deps
  const loader = new ListLoader(
    {
      lists: config.lists,
      stateFolder: stateFolderOf(config),
      watch: deps.look === undefined,
      readOnly: deps.look !== undefined,
    },
    { clock, log },
  )
  const giveUp = () => void loader.close()
  deps.look?.stop?.addEventListener('abort', giveUp)
  let loaded: LoadedLists
  try {
    loaded = await loader.load({ askUrls: deps.look?.askUrls === true })
  } finally {
    deps.look?.stop?.removeEventListener('abort', giveUp)
  }
  let version: ListsVersion = Symbol('lists')
  let coverage = coverageOf(loaded, version)
  const filterOf = ({ matcher }: LoadedLists) =>
    deps.limitRegexpTime === true ? new Matcher(matcher.buffer, { now: () => clock.monotonic() }) : matcher
  let filter = filterOf(loaded)
  const namesFile =
    deps.keepNamesFile === true && config.namesFile !== undefined ? new NamesFile(config.namesFile, log) : undefined
  namesFile?.write(loaded.matcher)
  const untried = watchUntriedRegexps(() => [...new Set([loaded.matcher, filter])], deps)
  const policies = new PolicySource<Settings, ListsInUse>(config, { matcher: filter, version, coverage })
  const health = deps.health?.component('lists')
  const look = () => {
    const troubles = loaded.lists.flatMap(troublesOf)
    if (troubles.length === 0) health?.ok()
    else health?.degraded(foreignText(troubles.join(' '), MAX_HEALTH_TEXT))
  }
  look()
  const take = (fresh: LoadedLists) => {
    const sameRules = fresh.matcher === loaded.matcher && sameAddresses(fresh, loaded) && sameUnloaded(fresh, loaded)
    const isOtherMatcher = fresh.matcher !== loaded.matcher
    loaded = fresh
    look()
    if (isOtherMatcher) {
      filter = filterOf(fresh)
      namesFile?.write(fresh.matcher)
      version = Symbol('lists')
    }
    if (sameRules) return false
    coverage = coverageOf(fresh, version)
    return true
  }
  const handOut = (settings: Settings) => policies.next(settings, { matcher: filter, version, coverage })
  /** While a configuration is on its way in: lists wait, to come into force together with it. */
  let reconfiguring = 0
  let newest = loaded
  loader.onChange((fresh) => {
    newest = fresh
    if (reconfiguring === 0 && take(fresh)) handOut(policies.current.config)
  })
  const running: RunningLists<Settings> = {
    policies,
    names: {
      get matcher() {
        return filter
      },
      get count() {
        return loaded.lists.reduce((sum, list) => sum + list.names, 0)
      },
    },
    coverage: {
      get current() {
        return coverage
      },
    },
    get loaded() {
      return loaded
    },
    explain: (name) => loaded.matcher.explain(name),
    async preview(config) {
      const next = await loader.preview(config.lists)
      const lists = next.lists.map(({ name, state, why }, i): ListPreview => ({
        name,
        state,
        why: why ?? null,
        ...pick(next.differences[i]),
      }))
      const removed = loaded.lists.map(({ name }) => name).filter((name) => !lists.some((list) => list.name === name))
      return { coverage: coverageOf(next, Symbol('preview')), lists, removed }
    },
    async reconfigure(fresh) {
      reconfiguring++
      let built = false
      try {
        await loader.reconfigure(fresh.lists)
        built = true
      } finally {
        reconfiguring--
        const changed = take(newest)
        if (built) handOut(fresh)
        else if (changed) handOut(policies.current.config)
      }
    },
    async close() {
      untried.close()
      await loader.close()
      await namesFile?.close()
    },
  }
  if (deps.handlers !== undefined) addHandlers(deps.handlers, loader, running)
  if (deps.metrics !== undefined) describeListMetrics(deps.metrics, () => loaded)
  return running
}

function coverageOf(loaded: LoadedLists, version: ListsVersion): ListsCoverage {
  const { matcher } = loaded
  let addresses: ReadonlyMap<string, readonly string[]> | undefined
  return {
    version,
    ruleFor(list, name) {
      const wire = textToName(name)
      if (wire === undefined) return undefined
      const verdict = matcher.match(wire, 0)
      if (verdict < 0) return undefined
      const feeds = matcher.verdict(verdict)
      for (let i = 0; i < feeds.length; i++) if (feeds[i].list === list) return feeds[i].rule
      return undefined
    },
    unloaded: new Set(unloadedOf(loaded).map((list) => list.name)),
    isWaiting: loaded.lists.some((list) => list.state === 'waiting'),
    why: (name) => matcher.explain(name)?.why ?? [],
    get addresses() {
      addresses ??= new Map(
        loaded.lists.filter((list) => list.addresses > 0).map((list) => [list.name, loaded.addressesOf(list.name)]),
      )
      return addresses
    },
  }
}

function unloadedOf(loaded: LoadedLists): ListStatus[] {
  return loaded.lists.filter((list) => !isLoaded(list))
}

function sameUnloaded(a: LoadedLists, b: LoadedLists): boolean {
  const text = (lists: LoadedLists) => unloadedOf(lists).map(({ name, state }) => `${name} ${state}`)
  return text(a).join('\n') === text(b).join('\n')
}

function sameAddresses(a: LoadedLists, b: LoadedLists): boolean {
  if (a === b) return true
  const counts = (lists: LoadedLists) => lists.lists.map((list) => `${list.name} ${list.addresses}`).join('\n')
  return a.differences.every((one) => one.addressesAdded === 0 && one.addressesRemoved === 0) && counts(a) === counts(b)
}

const MAX_HEALTH_TEXT = 4000

/** What health says about a list. */
function troublesOf({ name, state, why, notKept }: ListStatus): string[] {
  const troubles: string[] = []
  if (state !== 'fresh') troubles.push(`List "${name}" is ${state}: ${foreignText(why ?? '', 1000)}.`)
  if (notKept !== undefined) troubles.push(`List "${name}" is in use, but not kept for a restart: ${notKept}.`)
  return troubles
}

function pick({ added, removed, changed, addressesAdded, addressesRemoved }: ListDifference) {
  return { added, removed, changed, addressesAdded, addressesRemoved }
}

/** Where last good versions lie: where the operator says, beside the store, or where systemd says that state belongs. */
export function stateFolderOf(config: ListsConfig): string | undefined {
  if (config.listState !== undefined) return config.listState
  if (config.store.kind === 'file') return join(dirname(config.store.path), 'lists')
  const folder = process.env['STATE_DIRECTORY']?.split(':')[0]
  return folder === undefined || folder === '' ? undefined : join(folder, 'lists')
}

function addHandlers(handlers: AdminHandlers, loader: ListLoader, lists: RunningLists): void {
  handlers.add(ADMIN_API.lists, () => lists.loaded.lists.map(listRow))
  handlers.add(ADMIN_API.acceptList, ({ body: { list: name } }) => {
    const known = lists.loaded.lists.map((list) => list.name)
    if (!known.includes(name)) throw new AdminError(404, `there is no such list; there are ${known.join(', ')}`)
    return rowsOf(loader.refresh({ accept: [name], only: [name] }))
  })
  handlers.add(ADMIN_API.reloadLists, () => rowsOf(loader.refresh()))
  handlers.add(ADMIN_API.match, ({ query: { name } }) => lists.explain(name) ?? { name, why: ['it is no domain name'] })
}

async function rowsOf(loading: Promise<LoadedLists>): Promise<ListRow[]> {
  try {
    return (await loading).lists.map(listRow)
  } catch (error) {
    if (error instanceof StoppedError) throw new AdminError(503, error.message, { cause: error })
    throw error
  }
}

/** A list as the operator sees it. */
export function listRow(list: ListStatus): ListRow {
  const { skippedLines, changedAt, checkedAt, losses: _, ...rest } = list
  return {
    ...rest,
    why: list.why ?? null,
    notKept: list.notKept ?? null,
    changed: new Date(changedAt).toISOString(),
    checked: new Date(checkedAt).toISOString(),
    firstSkipped: skippedLines
      .slice(0, 3)
      .map((line) => `${line.file === undefined ? '' : `${line.file}:`}${line.line}: ${line.reason}: ${line.text}`),
  }
}

function describeListMetrics(metrics: Metrics, loaded: () => LoadedLists): void {
  const perList = (value: (list: ListStatus) => number) => () =>
    samplesOf('list', Object.fromEntries(loaded().lists.map((list) => [list.name, value(list)])))
  metrics.gauge({ name: 'list_names', help: 'Distinct names of a list.', labels: ['list'], read: perList((list) => list.names) })
  metrics.gauge({ name: 'list_rules', help: 'Distinct rules of a list.', labels: ['list'], read: perList((list) => list.rules) })
  metrics.gauge({
    name: 'list_addresses',
    help: 'Addresses and prefixes in a list.',
    labels: ['list'],
    read: perList((list) => list.addresses),
  })
  metrics.gauge({
    name: 'list_fresh',
    help: '1 if the rules in use are those of the source now, else 0.',
    labels: ['list'],
    read: perList((list) => (list.state === 'fresh' ? 1 : 0)),
  })
  metrics.gauge({
    name: 'list_changed_timestamp_seconds',
    help: 'When the rules of a list last changed: Unix time.',
    labels: ['list'],
    read: perList((list) => list.changedAt / 1000),
  })
  metrics.gauge({
    name: 'list_skipped_lines',
    help: 'Lines of a list that became no rule, by reason.',
    labels: ['list', 'reason'],
    read: () =>
      loaded().lists.flatMap((list) =>
        Object.entries(list.skipped).map(([reason, value]) => ({ labels: { list: list.name, reason }, value })),
      ),
  })
}
