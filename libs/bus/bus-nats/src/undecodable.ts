/** What others wrote and we could not read: counted by name, told rarely. A stranger may send any number of such messages. */
import { RateLimitedLog, type Clock, type Log } from '@dnstap-bgp/runtime'

/** A codec's sentence may be long; the log needs its beginning. */
const MAX_WHY = 200

export class Undecodable {
  readonly #log: RateLimitedLog
  readonly #byName = new Map<string, number>()

  constructor(log: Log, clock: Clock) {
    this.#log = new RateLimitedLog(log, clock)
  }

  /** In all. */
  get count(): number {
    let sum = 0
    for (const count of this.#byName.values()) sum += count
    return sum
  }

  get byName(): ReadonlyMap<string, number> {
    return this.#byName
  }

  /** A name that we read is in the metric from the beginning. */
  expect(name: string): void {
    if (!this.#byName.has(name)) this.#byName.set(name, 0)
  }

  note(name: string, lengthBytes: number, error: unknown): void {
    this.#byName.set(name, (this.#byName.get(name) ?? 0) + 1)
    const why = (error instanceof Error ? error.message : String(error)).slice(0, MAX_WHY)
    this.#log.warn({ name, lengthBytes, why }, 'dropped a message that cannot be decoded')
  }
}
