/** What two OPENs agree on: the checks of RFC 4271 §6.2 that need our own OPEN, and the capabilities that both sides have. */
import {
  CapabilityCode,
  MAX_EXTENDED_MESSAGE_LENGTH,
  MAX_MESSAGE_LENGTH,
  OpenErrorSubcode,
  Role,
  SAFI_UNICAST,
  afiOf,
  openError,
  uint32,
} from '@dnstap-bgp/bgp-wire'
import type { BgpError, Capabilities, Family, Open } from '@dnstap-bgp/bgp-wire'
import type { Settings } from './config.ts'

export interface Negotiated {
  readonly peerAsn: number
  readonly peerBgpIdentifier: number
  /** iBGP. */
  readonly internal: boolean
  readonly families: readonly Family[]
  readonly fourOctetAsn: boolean
  /** 4096, or 65535. */
  readonly maxMessageLength: number
  readonly extendedMessage: boolean
  readonly routeRefresh: boolean
  readonly enhancedRouteRefresh: boolean
  /** Families other than IPv6 whose routes may have an IPv6 next hop (RFC 8950). */
  readonly extendedNextHop: readonly Family[]
  /** The smaller of both; 0: no KEEPALIVEs and no hold timer. */
  readonly holdTimeSeconds: number
  readonly keepaliveSeconds: number
  /** Present when both offered it: the peer keeps our routes while we restart. */
  readonly gracefulRestart?: {
    /** How long it keeps them: what we asked for. */
    readonly restartTimeSeconds: number
    /** RFC 8538: also after a NOTIFICATION or an expired hold timer. */
    readonly notification: boolean
    readonly families: readonly Family[]
    /** The peer has just restarted. */
    readonly peerRestarting: boolean
    readonly peerRestartTimeSeconds: number
    /** Families that the peer itself restarts with; none: it only helps us restart. */
    readonly peerFamilies: readonly Family[]
    readonly peerForwarding: readonly Family[]
  }
  /** Stale time by family, if both offered it (RFC 9494). */
  readonly longLivedGracefulRestart?: readonly { readonly family: Family; readonly staleTimeSeconds: number }[]
  readonly peerRole?: number
  readonly peerHostName?: string
  /** Codes of the peer's capabilities that we do not know. */
  readonly unknownCapabilities: readonly number[]
}

/** What the two OPENs agree on, or the error that answers theirs. */
export function negotiate(settings: Settings, ours: Open, theirs: Open): Negotiated | BgpError {
  const { peerAsn } = settings
  if (peerAsn !== 'any' && theirs.asn !== peerAsn) {
    return openError(OpenErrorSubcode.BAD_PEER_AS, `AS ${theirs.asn}, not ${peerAsn}`, uint32(theirs.asn))
  }
  const internal = theirs.asn === ours.asn
  // RFC 6286 §2.2: a BGP Identifier is unique within one AS only.
  if (internal && theirs.bgpIdentifier === ours.bgpIdentifier) {
    return openError(OpenErrorSubcode.BAD_BGP_IDENTIFIER, 'the peer has our own BGP Identifier', uint32(theirs.bgpIdentifier))
  }
  const a = ours.capabilities
  const b = theirs.capabilities
  const roleError = internal ? undefined : roleMismatch(a.role, b, settings.strictRole)
  if (roleError !== undefined) return roleError
  const families = offeredFamilies(a).filter((family) => offeredFamilies(b).includes(family))
  if (families.length === 0) {
    const wanted = settings.families.flatMap((family) => [
      CapabilityCode.MULTIPROTOCOL_EXTENSIONS,
      4,
      0,
      afiOf(family),
      0,
      SAFI_UNICAST,
    ])
    return openError(OpenErrorSubcode.UNSUPPORTED_CAPABILITY, 'no address family in common', wanted)
  }
  const holdTimeSeconds = Math.min(ours.holdTimeSeconds, theirs.holdTimeSeconds)
  const extendedMessage = a.extendedMessage && b.extendedMessage
  const restart = a.gracefulRestart
  const peerRestart = b.gracefulRestart
  // RFC 9494 §4.2: without graceful restart the long-lived kind does not count.
  const longLived = restart !== undefined && peerRestart !== undefined ? a.longLivedGracefulRestart : undefined
  return {
    peerAsn: theirs.asn,
    peerBgpIdentifier: theirs.bgpIdentifier,
    internal,
    families,
    fourOctetAsn: a.fourOctetAsn !== undefined && b.fourOctetAsn !== undefined,
    maxMessageLength: extendedMessage ? MAX_EXTENDED_MESSAGE_LENGTH : MAX_MESSAGE_LENGTH,
    extendedMessage,
    routeRefresh: a.routeRefresh && b.routeRefresh,
    enhancedRouteRefresh: a.enhancedRouteRefresh && b.enhancedRouteRefresh,
    extendedNextHop: families.filter((family) => a.extendedNextHop.includes(family) && b.extendedNextHop.includes(family)),
    holdTimeSeconds,
    keepaliveSeconds: holdTimeSeconds / 3,
    ...(restart === undefined || peerRestart === undefined
      ? {}
      : {
          gracefulRestart: {
            restartTimeSeconds: restart.restartTimeSeconds,
            notification: restart.notification && peerRestart.notification,
            families,
            peerRestarting: peerRestart.restarting,
            peerRestartTimeSeconds: peerRestart.restartTimeSeconds,
            peerFamilies: peerRestart.families.map((one) => one.family),
            peerForwarding: peerRestart.families.filter((one) => one.forwarding).map((one) => one.family),
          },
        }),
    ...(longLived === undefined || b.longLivedGracefulRestart === undefined
      ? {}
      : {
          longLivedGracefulRestart: longLived
            .filter(({ family }) => families.includes(family))
            .map(({ family, staleTimeSeconds }) => ({ family, staleTimeSeconds })),
        }),
    ...(b.role === undefined ? {} : { peerRole: b.role }),
    ...(b.fqdn === undefined ? {} : { peerHostName: b.fqdn.hostName }),
    unknownCapabilities: b.unknown.map(({ code }) => code),
  }
}

/** RFC 4760 §8: a speaker that names no family speaks IPv4 unicast. */
function offeredFamilies(capabilities: Capabilities): readonly Family[] {
  const namesNone = capabilities.families.length === 0 && capabilities.otherFamilies.length === 0
  return namesNone ? ['ipv4'] : capabilities.families
}

/** RFC 9234 §4.2. */
function roleMismatch(ours: number | undefined, theirs: Capabilities, strict: boolean): BgpError | undefined {
  if (ours === undefined) return undefined
  const mismatch = (detail: string) => openError(OpenErrorSubcode.ROLE_MISMATCH, detail)
  if (theirs.conflictingRoles) return mismatch('the peer names several roles')
  if (theirs.role === undefined) return strict ? mismatch('the peer names no role') : undefined
  return COUNTERPART.get(ours) === theirs.role ? undefined : mismatch(`role ${theirs.role} opposite our ${ours}`)
}

const COUNTERPART: ReadonlyMap<number, number> = new Map<number, number>([
  [Role.provider, Role.customer],
  [Role.customer, Role.provider],
  [Role.routeServer, Role.routeServerClient],
  [Role.routeServerClient, Role.routeServer],
  [Role.peer, Role.peer],
])
