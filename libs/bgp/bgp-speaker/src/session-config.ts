/** Builds the configuration of a PeerFsm (bgp-session) from the speaker's and the peer's. */
import type { SessionConfig } from '@dnstap-bgp/bgp-session'
import { Role } from '@dnstap-bgp/bgp-wire'
import { parseAddress } from '@dnstap-bgp/ip'
import { type PeerRole, type SpeakerConfig, type SpeakerPeerConfig } from './config.ts'

export function sessionConfig(speaker: SpeakerConfig, peer: SpeakerPeerConfig, dice: () => number): SessionConfig {
  const restartTimeSeconds = speaker.gracefulRestartSeconds ?? 0
  const longLivedStaleTimeSeconds = speaker.longLivedStaleSeconds ?? 0
  const identifier = parseAddress(speaker.bgpIdentifier)
  if (identifier?.length !== 4) throw new Error(`no BGP Identifier: ${speaker.bgpIdentifier}`)
  return {
    localAsn: peer.localAsn ?? speaker.asn,
    peerAsn: peer.asn,
    bgpIdentifier: new DataView(identifier.buffer, identifier.byteOffset).getUint32(0),
    families: peer.families ?? ['ipv4', 'ipv6'],
    passive: peer.passive === true,
    holdTimeSeconds: peer.holdTimeSeconds,
    connectRetrySeconds: peer.connectRetrySeconds,
    extendedNextHop: true,
    ...(restartTimeSeconds > 0 && peer.gracefulRestart !== false
      ? {
          gracefulRestart: {
            restartTimeSeconds,
            restarting: true,
            ...(longLivedStaleTimeSeconds > 0 ? { longLivedStaleTimeSeconds } : {}),
          },
        }
      : {}),
    ...(peer.role === undefined ? {} : { role: ROLES[peer.role], strictRole: peer.strictRole === true }),
    jitter: dice,
  }
}

const ROLES: Record<PeerRole, Role> = {
  provider: Role.provider,
  rs: Role.routeServer,
  'rs-client': Role.routeServerClient,
  customer: Role.customer,
  peer: Role.peer,
}
