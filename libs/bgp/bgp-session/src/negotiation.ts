/**
 * From two OPENs to what a session may do: the checks of RFC 4271 §6.2 that need our side, and what both have in common.
 *
 * `Offer` is our OPEN as it goes out; it remembers what the peer refused, so that the next one comes without (RFC 5492 §3).
 */
import {
  BgpError,
  CapabilityCode,
  ErrorCode,
  MAX_EXTENDED_MESSAGE_LENGTH,
  MAX_MESSAGE_LENGTH,
  NO_CAPABILITIES,
  OpenErrorSubcode,
  Role,
  SAFI_UNICAST,
  afiOf,
  encodeOpen,
} from '@dnstap-bgp/bgp-wire'
import type { Capabilities, Family, Notification, Open } from '@dnstap-bgp/bgp-wire'
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
  /** Families whose routes may have an IPv6 next hop though they are IPv4. */
  readonly extendedNextHop: readonly Family[]
  /** The smaller of both; 0: neither keepalives nor hold timer. */
  readonly holdTimeSeconds: number
  readonly keepaliveSeconds: number
  /** Present when both offered it: the peer keeps our routes while we restart. */
  readonly gracefulRestart?: {
    /** How long it keeps them: what we asked for. */
    readonly restartTimeSeconds: number
    /** RFC 8538: over NOTIFICATIONs and hold timer expiry as well. */
    readonly notification: boolean
    readonly families: readonly Family[]
    /** The peer's own: it has just restarted, and whether it kept forwarding. */
    readonly peerRestarting: boolean
    readonly peerRestartTimeSeconds: number
    /** What it restarts itself with; none: it only helps us. */
    readonly peerFamilies: readonly Family[]
    readonly peerForwarding: readonly Family[]
  }
  /** Stale time by family, where both offered it. */
  readonly longLivedGracefulRestart?: readonly { readonly family: Family; readonly staleTimeSeconds: number }[]
  readonly peerRole?: number
  readonly peerHostName?: string
  /** What the peer can do that we have no name for. */
  readonly unknownCapabilities: readonly number[]
}

export class Offer {
  readonly #settings: Settings
  #restarting: boolean
  /** The peer refused our optional parameters: none are sent. */
  #isBare = false

  constructor(settings: Settings) {
    this.#settings = settings
    this.#restarting = settings.gracefulRestart?.restarting ?? false
  }

  open(): Open {
    const { localAsn, holdTimeSeconds, bgpIdentifier } = this.#settings
    const capabilities = this.#isBare ? NO_CAPABILITIES : this.#capabilities()
    return { asn: localAsn, holdTimeSeconds, bgpIdentifier, capabilities }
  }

  encode(): Uint8Array {
    return encodeOpen(this.open(), !this.#isBare)
  }

  /** Codes of the capabilities left out because the peer knows none. */
  get withheld(): readonly number[] {
    return this.#isBare ? codesOf(this.#capabilities()) : []
  }

  /** A session came up: from now on we are no longer the one that has just restarted. */
  established(): void {
    this.#restarting = false
  }

  /** The peer may have been replaced meanwhile: offer everything again. */
  forget(): void {
    this.#isBare = false
  }

  /**
   * A peer that knows no optional parameters (2/4) gets an OPEN without (RFC 5492 §3); true when the next one will differ from what was
   * refused. Unsupported Capability (2/7) is another thing: its data says what the peer wants from us and did not find, so leaving out
   * more would not help.
   */
  refused({ code, subcode }: Notification, refused: Open): boolean {
    if (code !== ErrorCode.OPEN_MESSAGE_ERROR || subcode !== OpenErrorSubcode.UNSUPPORTED_OPTIONAL_PARAMETER) return false
    if (isBare(refused)) return false
    this.#isBare = true
    return true
  }

  #capabilities(): Capabilities {
    const settings = this.#settings
    const restart = settings.gracefulRestart
    const families = settings.families.map((family) => ({ family, forwarding: true }))
    const staleTimeSeconds = restart?.longLivedStaleTimeSeconds
    const isExternal = settings.peerAsn !== 'any' && settings.peerAsn !== settings.localAsn
    return {
      ...NO_CAPABILITIES,
      families: settings.families,
      routeRefresh: settings.routeRefresh,
      enhancedRouteRefresh: settings.routeRefresh,
      extendedMessage: settings.extendedMessage,
      extendedNextHop: settings.extendedNextHop && settings.families.includes('ipv4') ? ['ipv4'] : [],
      fourOctetAsn: settings.localAsn,
      ...(restart === undefined
        ? {}
        : {
            // F is always set: the packets are not ours to forward, so a restart of ours never interrupts them.
            gracefulRestart: {
              restarting: this.#restarting,
              notification: true,
              restartTimeSeconds: restart.restartTimeSeconds,
              families,
            },
          }),
      ...(staleTimeSeconds === undefined
        ? {}
        : { longLivedGracefulRestart: families.map((family) => ({ ...family, staleTimeSeconds })) }),
      ...(settings.role !== undefined && isExternal ? { role: settings.role } : {}),
    }
  }
}

/** Is it an OPEN of ours without optional parameters? */
export function isBare(open: Open): boolean {
  return open.capabilities === NO_CAPABILITIES
}

/** What the two OPENs agree on, or the error that answers theirs. */
export function negotiate(settings: Settings, ours: Open, theirs: Open): Negotiated | BgpError {
  const { peerAsn } = settings
  if (peerAsn !== 'any' && theirs.asn !== peerAsn) {
    return openError(OpenErrorSubcode.BAD_PEER_AS, `AS ${theirs.asn}, not ${peerAsn}`, asnOctets(theirs.asn))
  }
  const internal = theirs.asn === ours.asn
  // RFC 6286 §2.2: within one AS nobody else may have our identifier; elsewhere somebody may.
  if (internal && theirs.bgpIdentifier === ours.bgpIdentifier) {
    return openError(OpenErrorSubcode.BAD_BGP_IDENTIFIER, 'the peer has our own BGP Identifier', asnOctets(theirs.bgpIdentifier))
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

function codesOf(capabilities: Capabilities): number[] {
  const { families, routeRefresh, extendedNextHop, extendedMessage, role, gracefulRestart } = capabilities
  const isThere: readonly (readonly [number, boolean])[] = [
    [CapabilityCode.MULTIPROTOCOL_EXTENSIONS, families.length > 0],
    [CapabilityCode.ROUTE_REFRESH, routeRefresh],
    [CapabilityCode.EXTENDED_NEXT_HOP_ENCODING, extendedNextHop.length > 0],
    [CapabilityCode.BGP_EXTENDED_MESSAGE, extendedMessage],
    [CapabilityCode.BGP_ROLE, role !== undefined],
    [CapabilityCode.GRACEFUL_RESTART, gracefulRestart !== undefined],
    [CapabilityCode.FOUR_OCTET_AS_NUMBER, capabilities.fourOctetAsn !== undefined],
    [CapabilityCode.ENHANCED_ROUTE_REFRESH, capabilities.enhancedRouteRefresh],
    [CapabilityCode.LONG_LIVED_GRACEFUL_RESTART, capabilities.longLivedGracefulRestart !== undefined],
  ]
  return isThere.filter(([, is]) => is).map(([code]) => code)
}

/** RFC 4760 §8: who names no family speaks IPv4 unicast. */
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

function asnOctets(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
}

function openError(subcode: number, detail: string, data: readonly number[] = []): BgpError {
  return new BgpError(ErrorCode.OPEN_MESSAGE_ERROR, subcode, Uint8Array.from(data), detail)
}
