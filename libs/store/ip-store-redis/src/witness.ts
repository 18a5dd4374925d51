/**
 * The epoch and the step of the last answer: by them a server that was restarted is told from one that lost data (script-epoch.ts).
 */
export class Witness {
  #epoch: string | undefined
  #step = 0

  get epoch(): string | undefined {
    return this.#epoch
  }

  /** Epoch and step, as scripts take them; both empty when nothing was answered yet. */
  get text(): string {
    return this.#epoch === undefined ? ' ' : `${this.#epoch} ${this.#step}`
  }

  /** Returns the epoch before, when this one is new. */
  hear(epoch: string, step: number): string | undefined {
    if (epoch === this.#epoch) {
      this.#step = Math.max(this.#step, step)
      return undefined
    }
    const before = this.#epoch
    this.#epoch = epoch
    this.#step = step
    return before
  }
}
