/**
 * Follows one prefix until every peer that confirms was handed it: the UPDATE has left our process for the kernel.
 *
 * A peer without a session, and one that does not get the route, is not waited for. So without any peer that is up the answer is yes: nothing
 * is left to wait for.
 */
import type { RouteStanding } from '@dnstap-bgp/route-table'

export interface SendProgress {
  readonly written: number
  readonly taken: number
}

/** The part of a peer that is asked here. */
export interface ConfirmingPeer {
  readonly isUp: boolean
  readonly progress: SendProgress
  standing(prefix: string): RouteStanding
}

export class Confirmation<Peer extends ConfirmingPeer = ConfirmingPeer> {
  readonly #prefix: string
  /** Octets that each peer must have taken: those written when the route was first seen among what it was told. */
  readonly #marks = new Map<Peer, number>()

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** Has each of the peers that confirm been handed the route? */
  isComplete(peers: Iterable<Peer>): boolean {
    let isComplete = true
    for (const peer of peers) {
      const standing = peer.isUp ? peer.standing(this.#prefix) : 'not for it'
      if (standing !== 'told') this.#marks.delete(peer)
      if (standing === 'due') isComplete = false
      if (standing !== 'told') continue
      const { written, taken } = peer.progress
      const mark = this.#marks.get(peer) ?? written
      this.#marks.set(peer, mark)
      if (taken < mark) isComplete = false
    }
    return isComplete
  }
}
