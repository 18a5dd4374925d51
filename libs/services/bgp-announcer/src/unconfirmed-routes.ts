/**
 * Routes from before a restart, until the cache says which routes there are. They stay for a limited time, even if the cache is never heard.
 */
import type { RouteTable } from '@dnstap-bgp/route-table'

export class UnconfirmedRoutes {
  readonly #table: RouteTable
  #leftMs: number
  #going: Iterator<readonly [string, unknown]> | undefined

  constructor(table: RouteTable, leftMs: number) {
    this.#table = table
    this.#leftMs = leftMs
  }

  get leftMs(): number {
    return this.#leftMs
  }

  pass(elapsedMs: number): void {
    this.#leftMs = Math.max(0, this.#leftMs - elapsedMs)
  }

  /** Some of them if their time is over, but none that a snapshot under way has confirmed. */
  take(most: number, isConfirmed: (prefix: string) => boolean): string[] {
    if (this.#leftMs > 0) return []
    this.#going ??= this.#table.entries()
    const taken: string[] = []
    for (let looked = 0; looked < most; looked++) {
      const { done, value } = this.#going.next()
      if (done === true) {
        this.#going = undefined
        break
      }
      if (!isConfirmed(value[0])) taken.push(value[0])
    }
    return taken
  }
}
