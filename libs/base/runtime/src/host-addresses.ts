/**
 * The addresses of hosts that are known by name, followed as they change.
 *
 * Every name is looked up each minute, each five seconds while it has not been found at all. When a look-up fails, the last known addresses
 * stay. Nobody waits for a look-up: on a resolver's own machine the resolver may be waiting for this start.
 */
import { lookup } from 'node:dns/promises'
import type { Clock, Timer } from './clock.ts'

/** All addresses of a host name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

export interface HostAddressesDeps {
  readonly clock: Clock
  readonly resolve?: Resolve | undefined
  /** The name was looked up; the addresses may be those of the last time. */
  readonly onFound?: (name: string, addresses: readonly string[]) => void
  readonly onFailure?: (name: string, error: unknown) => void
}

const FIRST_LOOKUP_PERIOD_MS = 5000
const LOOKUP_PERIOD_MS = 60_000

export class HostAddresses {
  readonly #deps: HostAddressesDeps
  readonly #resolve: Resolve
  #names: ReadonlySet<string> = new Set()
  readonly #found = new Map<string, readonly string[]>()
  #timer: Timer | undefined
  #sinceAllMs = 0
  /** A look-up may take longer than the time to the next one; more of them would hold up Node's few threads. */
  readonly #lookingUp = new Set<string>()

  constructor(deps: HostAddressesDeps) {
    this.#deps = deps
    this.#resolve = deps.resolve ?? resolveAll
  }

  /** Follows these names from now on, and no others. Those that are new are looked up at once. */
  follow(names: Iterable<string>): void {
    this.#names = new Set(names)
    for (const name of this.#found.keys()) if (!this.#names.has(name)) this.#found.delete(name)
    if (this.#names.size === 0) return this.close()
    this.#timer ??= this.#deps.clock.every(FIRST_LOOKUP_PERIOD_MS, () => this.#look())
    this.#lookUp(this.#unfound())
  }

  /** As the last look-up gave them, by name. */
  get all(): ReadonlyMap<string, readonly string[]> {
    return this.#found
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#names = new Set()
  }

  #look(): void {
    this.#sinceAllMs += FIRST_LOOKUP_PERIOD_MS
    const isTimeForAll = this.#sinceAllMs >= LOOKUP_PERIOD_MS
    if (isTimeForAll) this.#sinceAllMs = 0
    this.#lookUp(isTimeForAll ? [...this.#names] : this.#unfound())
  }

  #unfound(): string[] {
    return [...this.#names].filter((name) => !this.#found.has(name))
  }

  #lookUp(names: readonly string[]): void {
    for (const name of names.filter((one) => !this.#lookingUp.has(one))) {
      this.#lookingUp.add(name)
      this.#resolve(name)
        .then(
          (addresses) => this.#take(name, addresses),
          (error: unknown) => this.#deps.onFailure?.(name, error),
        )
        .finally(() => this.#lookingUp.delete(name))
    }
  }

  #take(name: string, addresses: readonly string[]): void {
    if (!this.#names.has(name)) return
    this.#found.set(name, addresses)
    this.#deps.onFound?.(name, addresses)
  }
}

async function resolveAll(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address)
}
