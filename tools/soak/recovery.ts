/**
 * Is the whole path up again? Asked of the path itself, not of anybody's health: each resolver reports a new address every second, and
 * the outage is over when one of each resolver, sent after the fault was put right, is in every seat.
 */
import { askReady } from './ready.ts'
import type { Fleet } from './fleet.ts'
import type { Model } from './model.ts'
import { addressOf, PROBES, prefixOf } from './universe.ts'

export class Recovery {
  readonly #fleet: Fleet
  readonly #model: Model
  readonly #lifetimeMs: number
  #sent = 0
  /** Probes on their way, by resolver. */
  #probes: string[][] = []
  #lastMs = -Infinity

  constructor(fleet: Fleet, model: Model, lifetimeMs: number) {
    this.#fleet = fleet
    this.#model = model
    this.#lifetimeMs = lifetimeMs
  }

  begin(): void {
    this.#probes = this.#fleet.resolvers.map(() => [])
    this.#lastMs = -Infinity
  }

  /** Sends the next probes when it is time. */
  probe(nowMs: number): void {
    if (nowMs - this.#lastMs < 1000) return
    this.#lastMs = nowMs
    this.#fleet.resolvers.forEach((resolver, i) => {
      const address = addressOf(false, PROBES + this.#sent++)
      const name = `p${this.#sent}.probe.example`
      if (!resolver.say({ name, addresses: [address], ttlSeconds: 60, atMs: nowMs })) return
      this.#model.maybe('probe', name, address, nowMs, this.#lifetimeMs)
      this.#probes[i].push(prefixOf(address))
    })
  }

  /** Has a probe of each resolver arrived in each of these? */
  arrived(held: ReadonlyMap<string, ReadonlySet<string>>): boolean {
    const seats = [...held.values()]
    return this.#probes.every((probes) => probes.some((prefix) => seats.every((seat) => seat.has(prefix))))
  }

  /** Those of our programs that do not call themselves ready, with what they say. */
  async notReady(): Promise<string[]> {
    const answers = await Promise.all(
      this.#fleet.parts.map(async (part) => {
        if (part.admin === undefined) return undefined
        const { ready, text } = await askReady(part.admin)
        return ready ? undefined : `${part.name}: ${text}`
      }),
    )
    return answers.filter((text) => text !== undefined)
  }
}
