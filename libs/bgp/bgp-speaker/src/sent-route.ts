/** A route as a peer was sent it, for people. */
import { formatAddress } from '@dnstap-bgp/ip'
import { formatCommunity, formatLargeCommunity, type LargeCommunity, type PathAttributes } from '@dnstap-bgp/bgp-wire'

export interface SentRoute {
  readonly prefix: string
  /** This and the following are undefined if no route has these attributes any more: an UPDATE is on its way to the peer. */
  readonly nextHop?: string
  readonly asPath?: readonly number[]
  readonly med?: number
  readonly localPref?: number
  /** With large communities, as operators write them. */
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
