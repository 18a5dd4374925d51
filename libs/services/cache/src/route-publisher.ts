/** Publishes route changes to the announcers, and notes why each withdrawn route ended. */
import type { Bus } from '@dnstap-bgp/bus'
import { ROUTE_CHANGES, type RouteChanges } from '@dnstap-bgp/steering'
import type { CacheCounters } from './cache-counters.ts'
import type { CrowdedAddresses } from './crowded-addresses.ts'
import type { Explainer } from './explain.ts'

export interface RoutePublisherDeps {
  readonly bus: Bus
  readonly counters: Pick<CacheCounters, 'announced' | 'withdrawn'>
  readonly explainer: Explainer
  readonly crowded: CrowdedAddresses
  /** Changes of this epoch were published. */
  readonly onPublished: (epoch: string) => void
}

export class RoutePublisher {
  readonly #deps: RoutePublisherDeps

  constructor(deps: RoutePublisherDeps) {
    this.#deps = deps
  }

  /** `why`: what ended the withdrawn routes among them. */
  publish(changes: RouteChanges | undefined, why: string): void {
    if (changes === undefined) return
    const { bus, counters, explainer, onPublished } = this.#deps
    for (const { prefix, lists } of changes.changes) {
      if (lists.length > 0) counters.announced++
      else {
        counters.withdrawn++
        explainer.noteWithdrawal(prefix, why)
      }
    }
    bus.publish(ROUTE_CHANGES, changes)
    onPublished(changes.epoch)
  }

  /** Changes that any replica published, this one included. */
  heard(changes: RouteChanges): void {
    for (const prefix of withdrawnBy(changes)) {
      this.#deps.crowded.withdrawn(prefix)
      this.#deps.explainer.withdrawalHeard(prefix)
    }
  }
}

/** The prefixes that no list owns any more. */
export function withdrawnBy(changes: RouteChanges | undefined): string[] {
  return (changes?.changes ?? []).filter(({ lists }) => lists.length === 0).map(({ prefix }) => prefix)
}
