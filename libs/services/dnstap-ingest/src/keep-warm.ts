/**
 * Which names the resolvers with `warm` are asked for: those that the lists name exactly, or those that clients used, before our start too.
 *
 * Names in use come from the facts that clients' answers make (onFact). What was in use before our start is asked of the cache, once, until
 * it answers: the names that clients looked up last come first.
 */
import type { Bus } from '@dnstap-bgp/bus'
import type { ProbedResolver, ResolverProbes } from '@dnstap-bgp/resolver-probe'
import { MAX_WARM_NAMES } from '@dnstap-bgp/resolver-probe'
import { nextTurn, Timers, type Clock, type Closeable } from '@dnstap-bgp/runtime'
import { BINDINGS } from '@dnstap-bgp/steering'
import type { FactObserver } from './fact-filter.ts'

/** What the matcher must offer for `warm = "exact"`. */
export interface ExactNames {
  /** The names that a list has exactly; undefined now and then, so that others get their turn. */
  exactNames(): Iterable<string | undefined>
}

/** The cache may start after us. */
const ASK_AGAIN_MS = 5000
/** Names in hand while the cache's bindings are read. */
const MAX_IN_HAND = 4 * MAX_WARM_NAMES

export interface KeepWarmDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly probes: ResolverProbes
}

export class KeepWarm implements Closeable {
  readonly observer: FactObserver
  readonly #deps: KeepWarmDeps
  readonly #timers: Timers
  #isClosed = false
  /** Counts the lists that were taken over. */
  #version = 0

  constructor(deps: KeepWarmDeps) {
    this.#deps = deps
    this.#timers = new Timers(deps.clock)
    this.observer = {
      onFact({ resolution: { chain, name } }, _isNew, isForUs, sender) {
        // Asking for what the client asked for makes the resolver follow the whole chain.
        if (!isForUs) deps.probes.onUse(sender, chain[0] ?? name)
      },
    }
  }

  /** These were begun anew. */
  begin(resolvers: readonly ProbedResolver[]): void {
    const learning = resolvers.filter(({ config }) => config.warm?.names === 'learnt')
    if (learning.length > 0) void this.#walk(learning)
  }

  /** The lists are these now. */
  async list(matcher: ExactNames): Promise<void> {
    const version = ++this.#version
    if (this.#listing.length === 0) return
    const names = new Set<string>()
    for (const name of matcher.exactNames()) {
      if (name === undefined) await nextTurn()
      else names.add(name)
      if (version !== this.#version || this.#isClosed) return
      if (names.size >= MAX_WARM_NAMES) break
    }
    const nowMs = this.#deps.clock.monotonic()
    for (const { warm } of this.#listing) warm?.set.list(names, nowMs)
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#timers.close()
    return Promise.resolve()
  }

  get #listing(): ProbedResolver[] {
    return [...this.#deps.probes.resolvers.values()].filter(({ config }) => config.warm?.names === 'exact')
  }

  async #walk(resolvers: readonly ProbedResolver[]): Promise<void> {
    const { bus, clock } = this.#deps
    const seen = new Map<string, number>()
    try {
      for await (const part of bus.askStream(BINDINGS, undefined)) {
        if (this.#isClosed) return
        for (const { chain, name, seenAtMs, source } of part) {
          if (source.kind !== 'resolver') continue
          const asked = chain[0] ?? name
          seen.set(asked, Math.max(seen.get(asked) ?? 0, seenAtMs))
        }
        if (seen.size > MAX_IN_HAND) keepNewest(seen)
      }
    } catch {
      // The cache is away, or went away midway.
      this.#timers.after(ASK_AGAIN_MS, () => void this.#walk(resolvers))
      return
    }
    keepNewest(seen)
    const used = [...seen].map(([name, seenAtMs]) => ({ name, ageMs: Math.max(0, clock.now() - seenAtMs) }))
    for (const { warm } of resolvers) warm?.set.walk(used, clock.monotonic())
  }
}

/** The newest first, as many as can be kept warm. */
function keepNewest(seen: Map<string, number>): void {
  const newest = [...seen].sort(([, one], [, other]) => other - one).slice(0, MAX_WARM_NAMES)
  seen.clear()
  for (const [name, seenAtMs] of newest) seen.set(name, seenAtMs)
}
