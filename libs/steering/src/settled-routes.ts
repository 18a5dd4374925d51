/** What an announcer or a cache says to an ingest that holds an answer back: nothing is left to wait for. */
export interface SettledRoutes {
  readonly addresses: readonly string[]
  /**
   * `routed`: each peer that confirms was handed the routes a moment ago, or does not get them. `before`: likewise, and before anybody asked.
   * `refused`: there will be no routes.
   */
  readonly how: SettledHow
}

export type SettledHow = 'routed' | 'before' | 'refused'
