/**
 * What the announcer writes routes to: the table, or stages before it. A stage takes `set` and `delete` and passes them on, changed or not:
 * aggregation, when it comes, is one.
 *
 *     announcer ─▶ stage ─▶ stage ─▶ RouteTable ─▶ outputs
 *
 * The announcer compares the table with the cache, so a stage that changes prefixes must leave the announcer a table of its own: such a
 * stage writes to a second RouteTable, which the outputs follow.
 */
import type { RouteAttributes } from '@dnstap-bgp/route-table'

export interface RouteSink {
  /** The route is wanted with these attributes. False if nothing changed. */
  set(prefix: string, attributes: RouteAttributes): boolean
  /** The route is not wanted any more. False if nothing changed. */
  delete(prefix: string): boolean
}

export type RouteStage = (next: RouteSink) => RouteSink

/** The first stage of the chain that ends in `last`. */
export function routeChain(last: RouteSink, stages: readonly RouteStage[]): RouteSink {
  return stages.reduceRight((next, stage) => stage(next), last)
}
