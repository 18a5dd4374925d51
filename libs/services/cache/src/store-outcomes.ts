/** Counts what became of resolutions, and notes why one was refused: for metrics, `explain`, health and the log. */
import type { Outcome, Sighting, StoreLimits } from '@dnstap-bgp/ip-store'
import { sourceOf, type Resolution } from '@dnstap-bgp/steering'
import type { NotAdmitted, Refused } from './admission.ts'
import type { AwaitedRoutes } from './awaited-routes.ts'
import type { CacheCounters } from './cache-counters.ts'
import type { Explainer } from './explain.ts'
import { ALL, type LimitNotes } from './limit-notes.ts'
import { addressOfPrefix } from './sent-resolution.ts'

export interface OutcomesDeps {
  readonly awaited: AwaitedRoutes
  readonly counters: Pick<CacheCounters, 'outcomes' | 'refused'>
  readonly explainer: Explainer
  readonly limitNotes: LimitNotes
  readonly limits: () => StoreLimits
}

/** A ceiling or a rate refused the sighting. */
type Full = Exclude<Outcome, 'new' | 'refreshed' | 'stale'>

export class StoreOutcomes {
  readonly #deps: OutcomesDeps

  constructor(deps: OutcomesDeps) {
    this.#deps = deps
  }

  /** Admission refused the resolution: the store never saw it. */
  notAdmitted(resolution: Resolution, refused: NotAdmitted): void {
    this.#deps.counters.refused[refused.refusal]++
    this.#deps.explainer.noteRefusal(resolution, refused)
    this.#deps.awaited.refused(resolution.address)
  }

  /** The store answered. Returns the refusal when a ceiling or the list's rate refused the sighting. */
  answered(sighting: Sighting, outcome: Outcome): Refused | undefined {
    const { counters } = this.#deps
    if (outcome === 'no-new-route') counters.refused.rate++
    else counters.outcomes[outcome]++
    return outcome === 'new' || outcome === 'refreshed' || outcome === 'stale' ? undefined : this.#noteFull(sighting, outcome)
  }

  #noteFull(sighting: Sighting, outcome: Full): Refused {
    const { awaited, explainer, limitNotes, limits } = this.#deps
    const { list, name, prefix } = sighting
    const refused: Refused =
      outcome === 'no-new-route'
        ? { refusal: 'rate', why: `list "${list}" makes new routes too fast` }
        : { refusal: outcome, why: FULL[outcome] }
    awaited.refused(addressOfPrefix(prefix))
    explainer.noteRefusal({ ...sighting, address: addressOfPrefix(prefix), source: sourceOf(sighting.source) }, refused)
    if (outcome === 'full-routes') limitNotes.refusedRoute(ALL, limits().routes)
    else if (outcome === 'full-routes-per-list') limitNotes.refusedRoute(list, limits().routesPerList.get(list) ?? Infinity)
    else if (outcome !== 'no-new-route') limitNotes.refusedBinding(outcome, name, prefix)
    return refused
  }
}

const FULL: Record<Exclude<Full, 'no-new-route'>, string> = {
  'full-names-per-prefix': 'the address already has as many names as it may have',
  'full-prefixes-per-name': 'the name already has as many addresses as it may have',
  'full-routes-per-list': 'the list already has as many routes as it may have',
  'full-routes': 'there are already as many routes as there may be',
}
