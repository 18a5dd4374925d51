/** What an announcer says to an ingest that holds an answer back: nothing is left to wait for. */
export interface SettledRoutes {
  /** Each peer that confirms was handed a route to these, or does not get one. */
  readonly addresses: readonly string[]
  /** It was so before anybody asked. */
  readonly wereSettled: boolean
}
