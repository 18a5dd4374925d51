/**
 * The attributes of a route, from the lists that own it: communities of all of them; next hop, LOCAL_PREF and MED of the first list in the
 * configuration that sets one. The same owners always give the same object, so a million routes share a few.
 */
import type { ListConfig } from '@dnstap-bgp/config'
import type { RouteAttributes } from '@dnstap-bgp/route-table'

export class AttributesOfLists {
  readonly #lists: readonly ListConfig[]
  readonly #byOwners = new Map<string, RouteAttributes>()

  constructor(lists: readonly ListConfig[]) {
    this.#lists = lists
  }

  /** `owners`: names of lists, in any order; a name that is not configured here brings no attributes. */
  of(owners: readonly string[]): RouteAttributes {
    const key = owners.length === 1 ? owners[0] : JSON.stringify([...owners].sort())
    let attributes = this.#byOwners.get(key)
    if (attributes === undefined) {
      attributes = this.#make(owners)
      this.#byOwners.set(key, attributes)
    }
    return attributes
  }

  #make(owners: readonly string[]): RouteAttributes {
    const lists = this.#lists.filter((list) => owners.includes(list.name))
    const configured = lists.map((list) => list.name)
    const nextHopIpv4 = lists.find((list) => list.nextHopIpv4 !== undefined)?.nextHopIpv4
    const nextHopIpv6 = lists.find((list) => list.nextHopIpv6 !== undefined)?.nextHopIpv6
    const localPref = lists.find((list) => list.localPref !== undefined)?.localPref
    const med = lists.find((list) => list.med !== undefined)?.med
    const large = new Map(lists.flatMap((list) => list.largeCommunities).map((one) => [one.join(':'), one]))
    return {
      // All owners: when the configuration changes, the attributes are made from these again.
      lists: [...configured, ...owners.filter((owner) => !configured.includes(owner)).sort()],
      ...(nextHopIpv4 === undefined ? {} : { nextHopIpv4 }),
      ...(nextHopIpv6 === undefined ? {} : { nextHopIpv6 }),
      ...(localPref === undefined ? {} : { localPref }),
      ...(med === undefined ? {} : { med }),
      communities: [...new Set(lists.flatMap((list) => list.communities))],
      largeCommunities: [...large.values()],
    }
  }
}
