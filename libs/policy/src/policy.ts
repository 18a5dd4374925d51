/**
 * Configuration and lists as of one moment: together they decide which addresses are routed. A policy is never changed: a reload, or a change
 * of the lists, hands out the next one, once. Each part compares the settings it depends on with those of the policy before.
 */
export interface Policy<Config, Lists> {
  readonly config: Config
  readonly lists: Lists
  /** Counts up from 1. */
  readonly version: number
}

/**
 * Stands for one version of the lists in this process: the same symbol, the same lists. It cannot be written down, so no message from another
 * process or instance can claim a version.
 */
export type ListsVersion = symbol

export interface Policies<Config, Lists> {
  readonly current: Policy<Config, Lists>
  /** The listener is called after `current` was replaced. */
  onChange(listener: (policy: Policy<Config, Lists>, before: Policy<Config, Lists>) => void): void
}

export class PolicySource<Config, Lists> implements Policies<Config, Lists> {
  #current: Policy<Config, Lists>
  readonly #listeners: ((policy: Policy<Config, Lists>, before: Policy<Config, Lists>) => void)[] = []

  constructor(config: Config, lists: Lists) {
    this.#current = { config, lists, version: 1 }
  }

  get current(): Policy<Config, Lists> {
    return this.#current
  }

  onChange(listener: (policy: Policy<Config, Lists>, before: Policy<Config, Lists>) => void): void {
    this.#listeners.push(listener)
  }

  /** Hands out the next policy. */
  next(config: Config, lists: Lists): void {
    const before = this.#current
    this.#current = { config, lists, version: before.version + 1 }
    for (const listener of this.#listeners) listener(this.#current, before)
  }
}
