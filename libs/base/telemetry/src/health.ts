/**
 * How the parts of a process are: each ok, degraded (it works, not as it should) or failed, with a sentence and since when.
 *
 * Parts report as often as they like; a change of state is logged once, and its length when it is over.
 * Ready means that the start is over, every part has started and none has failed: a degraded service still serves. Before the program
 * says that its start is over, parts may be missing from the list, so a list without a bad part proves nothing.
 */
import type { Clock, Log } from '@dnstap-bgp/runtime'

export type HealthState = 'starting' | 'ok' | 'degraded' | 'failed'

export interface ComponentHealth {
  readonly name: string
  readonly state: HealthState
  /** A sentence; empty when there is nothing to say. */
  readonly why: string
  readonly sinceMs: number
}

export interface HealthReport {
  readonly ready: boolean
  /** The worst of all. */
  readonly state: HealthState
  readonly components: readonly ComponentHealth[]
}

export interface HealthComponent {
  ok(why?: string): void
  degraded(why: string): void
  failed(why: string): void
  /** It is no part of this process any more. */
  remove(): void
}

export class Health {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #log: Log
  readonly #components = new Map<string, Component>()
  #isStarted = false

  constructor({ clock, log }: { readonly clock: Pick<Clock, 'now' | 'monotonic'>; readonly log: Log }) {
    this.#clock = clock
    this.#log = log
  }

  /** A new part, `starting` until it says otherwise. A name is taken once. */
  component(name: string): HealthComponent {
    if (this.#components.has(name)) throw new RangeError(`the health component ${name} is there already`)
    const component: Component = {
      name,
      state: 'starting',
      why: '',
      sinceMs: this.#clock.now(),
      sinceMonotonic: this.#clock.monotonic(),
    }
    this.#components.set(name, component)
    return {
      ok: (why = '') => this.#change(component, 'ok', why),
      degraded: (why) => this.#change(component, 'degraded', why),
      failed: (why) => this.#change(component, 'failed', why),
      remove: () => {
        this.#components.delete(name)
      },
    }
  }

  /** The start is over: every part is in the list now. */
  started(): void {
    this.#isStarted = true
  }

  report(): HealthReport {
    const components = [...this.#components.values()].map(({ name, state, why, sinceMs }) => ({ name, state, why, sinceMs }))
    const best: HealthState = this.#isStarted ? 'ok' : 'starting'
    const worst = components.reduce<HealthState>((worst, { state }) => (BADNESS[state] > BADNESS[worst] ? state : worst), best)
    return { ready: BADNESS[worst] < BADNESS.starting, state: worst, components }
  }

  #change(component: Component, state: HealthState, why: string): void {
    component.why = why
    if (component.state === state) return
    const { name } = component
    const before = component.state
    const lastedMs = Math.round(this.#clock.monotonic() - component.sinceMonotonic)
    component.state = state
    component.sinceMs = this.#clock.now()
    component.sinceMonotonic = this.#clock.monotonic()
    const fields = { component: name, before, ...(why === '' ? {} : { why }), lastedMs }
    if (state === 'failed') this.#log.error(fields, `${name} has failed.`)
    else if (state === 'degraded') this.#log.warn(fields, `${name} is degraded.`)
    else if (before === 'starting') this.#log.debug(fields, `${name} has started.`)
    else this.#log.info(fields, `${name} is well again.`)
  }
}

interface Component {
  readonly name: string
  state: HealthState
  why: string
  sinceMs: number
  sinceMonotonic: number
}

const BADNESS: Readonly<Record<HealthState, number>> = { ok: 0, degraded: 1, starting: 2, failed: 3 }
