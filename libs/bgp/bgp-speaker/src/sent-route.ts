/** A route as a peer was told it, for people. */
import { formatAddress } from '@dnstap-bgp/ip'
import { formatCommunity, formatLargeCommunity, type LargeCommunity, type PathAttributes } from '@dnstap-bgp/bgp-wire'

export interface SentRoute {
  readonly prefix: string
  /** Undefined, as all that follows: by now nobody is told this any more, and the peer is about to hear something else. */
  readonly nextHop?: string
  readonly asPath?: readonly number[]
  readonly med?: number
  readonly localPref?: number
  /** Large ones too, as operators write them. */
  readonly communities?: readonly string[]
}

export function sentRoute(prefix: string, attributes: PathAttributes | undefined): SentRoute {
  if (attributes === undefined) return { prefix }
  const { nextHop, asPath, med, localPref, communities = [], largeCommunities = [] } = attributes
  return {
    prefix,
    nextHop: formatAddress(nextHop),
    asPath,
    ...(med === undefined ? {} : { med }),
    ...(localPref === undefined ? {} : { localPref }),
    communities: communityTexts(communities, largeCommunities),
  }
}

/** `64496:100`, `no-export`, `64496:1:2`. */
export function communityTexts(communities: readonly number[], largeCommunities: readonly LargeCommunity[]): string[] {
  return [...communities.map(formatCommunity), ...largeCommunities.map(formatLargeCommunity)]
}
