/** BgpConnection collision (RFC 4271 §6.8, RFC 6286 §2.3): which of two connections with the same peer is closed. */

/** Who opened the connection: we did, or the peer. */
export type Side = 'outgoing' | 'incoming'

export interface Speaker {
  readonly asn: number
  readonly bgpIdentifier: number
}

/**
 * The connection that was opened by the speaker with the higher BGP Identifier stays. With equal identifiers, possible between two ASes,
 * the higher AS number decides. So both ends come to the same answer by themselves.
 */
export function losingSide(we: Speaker, peer: Speaker): Side {
  const weAreHigher = we.bgpIdentifier === peer.bgpIdentifier ? we.asn > peer.asn : we.bgpIdentifier > peer.bgpIdentifier
  return weAreHigher ? 'incoming' : 'outgoing'
}
