/**
 * Routes that are announced and that the store does not know (any more): they are held for a while, in which lookups and peers may teach it
 * again, and then go, a share at a time. Each loss of memory has its own time; the latest has most of it left.
 */
import { ShardedSet } from './sharded-set.ts'

/** What the store lost at one time. */
export interface Loss {
  readonly prefixes: ShardedSet
  /** How long they stay. */
  leftMs: number
}

export class StaleRoutes {
  readonly #losses: Loss[] = []

  get size(): number {
    return this.#losses.reduce((sum, { prefixes }) => sum + prefixes.size, 0)
  }

  get losses(): readonly Loss[] {
    return this.#losses
  }

  /** How long a prefix is held yet; undefined: it is not. */
  leftMs(prefix: string): number | undefined {
    return this.#losses.find(({ prefixes }) => prefixes.has(prefix))?.leftMs
  }

  /** Later losses come later. */
  add(lost: Loss): void {
    this.#losses.push(lost)
  }

  delete(prefix: string): void {
    for (const { prefixes } of this.#losses) prefixes.delete(prefix)
  }

  pass(elapsedMs: number): void {
    for (const lost of this.#losses) lost.leftMs = Math.max(0, lost.leftMs - elapsedMs)
  }

  /** Takes out some whose time is over. */
  take(most: number): string[] {
    const taken: string[] = []
    for (const { prefixes, leftMs } of this.#losses) {
      if (leftMs > 0) break // later losses wait longer
      for (const prefix of prefixes) {
        if (taken.length === most) return taken
        prefixes.delete(prefix)
        taken.push(prefix)
      }
    }
    while (this.#losses[0]?.prefixes.size === 0 && this.#losses[0].leftMs === 0) this.#losses.shift()
    return taken
  }
}
