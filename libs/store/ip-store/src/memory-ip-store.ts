/**
 * The IP store without a disk: BindingTable behind the port. Its bindings end with the process.
 *
 * Each method does its whole work before it returns its promise, so calls take effect in the order they are made.
 */
import type { RouteChanges, RoutesChunk, StoreHead } from '@dnstap-bgp/steering'
import { BindingTable } from './binding-table.ts'
import type { BindingTableOptions } from './binding-table.ts'
import type {
  Binding,
  BindingKey,
  Expired,
  IpStore,
  NewDeadline,
  Observed,
  Sighting,
  StoreCounts,
  StoreLimits,
  StoreState,
} from './ip-store.ts'

/** How many routes or bindings are handed out at once. */
const PART = 2_000
/** Some 2 ms of our loop. */
export const EXPIRE_BATCH = 500

export interface MemoryIpStoreOptions extends Omit<BindingTableOptions, 'journal'> {
  /** A clock that does not step, in whole or broken milliseconds. */
  readonly now: () => number
  /** Why this store stands in for one that would survive a restart, as a sentence. */
  readonly memoryOnly?: string
}

export class MemoryIpStore implements IpStore {
  readonly state: StoreState
  readonly expireBatch = EXPIRE_BATCH
  readonly #now: () => number
  readonly #table: BindingTable

  constructor(options: MemoryIpStoreOptions) {
    this.#table = new BindingTable(options)
    this.#now = options.now
    this.state = options.memoryOnly === undefined ? { kind: 'ready' } : { kind: 'memory-only', why: options.memoryOnly }
  }

  now(): number {
    return this.#now()
  }

  async head(): Promise<StoreHead> {
    return this.#table.log.head
  }

  async counts(): Promise<StoreCounts> {
    return this.#table.counts()
  }

  async observe(sightings: readonly Sighting[], limits: StoreLimits): Promise<Observed> {
    return this.#table.observe(sightings, limits)
  }

  async expire(nowMs: number, limit: number): Promise<Expired> {
    return this.#table.expire(nowMs, limit)
  }

  async forget(keys: readonly BindingKey[]): Promise<RouteChanges | undefined> {
    return this.#table.forget(keys)
  }

  async reschedule(deadlines: readonly NewDeadline[]): Promise<void> {
    this.#table.reschedule(deadlines)
  }

  bindings(): AsyncIterable<readonly Binding[]> {
    return bindingParts(this.#table)
  }

  async bindingsOf(prefix: string): Promise<readonly Binding[]> {
    return this.#table.bindingsOf(prefix)
  }

  async bindingsNamed(name: string): Promise<readonly Binding[]> {
    return this.#table.bindingsNamed(name)
  }

  snapshot(): AsyncIterable<RoutesChunk> {
    return routeParts(this.#table)
  }

  async changesSince(head: StoreHead, limit: number): Promise<RouteChanges | 'up-to-date' | 'gap'> {
    return this.#table.log.since(head, limit)
  }

  onState(): void {}

  onDeadline(): void {}

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}

/** All bindings of a table, in parts; it may change between them. */
export async function* bindingParts(table: BindingTable): AsyncGenerator<readonly Binding[]> {
  for (let at: number | undefined = 0; at !== undefined;) {
    const part = table.bindingsFrom(at, PART)
    if (part.bindings.length > 0) yield part.bindings
    at = part.next
  }
}

/** All routes of a table, in parts that bear the head of the first. */
export async function* routeParts(table: BindingTable): AsyncGenerator<RoutesChunk> {
  const head = table.log.head
  let parts = 0
  for (let at: number | undefined = 0; at !== undefined; parts++) {
    const part = table.routesFrom(at, PART)
    at = part.next
    if (part.routes.length > 0 || parts === 0) yield { ...head, routes: part.routes }
  }
}
