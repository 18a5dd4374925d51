/** Our OPEN. It remembers that the peer refused our capabilities, so that the next OPEN comes without them (RFC 5492 §3). */
import { CapabilityCode, ErrorCode, NO_CAPABILITIES, OpenErrorSubcode, encodeOpen } from '@dnstap-bgp/bgp-wire'
import type { Capabilities, Notification, Open } from '@dnstap-bgp/bgp-wire'
import type { Settings } from './config.ts'

export class CapabilityOffer {
  readonly #settings: Settings
  #restarting: boolean
  /** The peer refused our optional parameters, so the next OPEN has none. */
  #withholdsAll = false

  constructor(settings: Settings) {
    this.#settings = settings
    this.#restarting = settings.gracefulRestart?.restarting ?? false
  }

  open(): Open {
    const { localAsn, holdTimeSeconds, bgpIdentifier } = this.#settings
    const capabilities = this.#withholdsAll ? NO_CAPABILITIES : this.#capabilities()
    return { asn: localAsn, holdTimeSeconds, bgpIdentifier, capabilities }
  }

  encode(): Uint8Array {
    return encodeOpen(this.open(), !this.#withholdsAll)
  }

  /** Codes of the capabilities left out, because the peer refused them. */
  get withheld(): readonly number[] {
    return this.#withholdsAll ? codesOf(this.#capabilities()) : []
  }

  /** A session came up: later OPENs no longer say that we have just restarted. */
  established(): void {
    this.#restarting = false
  }

  /** Offers everything again: another router may have taken the peer's place. */
  offerAll(): void {
    this.#withholdsAll = false
  }

  /**
   * A NOTIFICATION answered our OPEN. If the peer knows no optional parameters (2/4), the next OPEN has none (RFC 5492 §3); true if so.
   * Unsupported Capability (2/7) names what the peer misses in our OPEN, so leaving out more would not help.
   */
  refused({ code, subcode }: Notification, refused: Open): boolean {
    if (code !== ErrorCode.OPEN_MESSAGE_ERROR || subcode !== OpenErrorSubcode.UNSUPPORTED_OPTIONAL_PARAMETER) return false
    if (hasNoCapabilities(refused)) return false
    this.#withholdsAll = true
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
            // F is always set: routers forward the packets, so our restart does not interrupt forwarding.
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

/** Is this an OPEN of ours without optional parameters? */
export function hasNoCapabilities(open: Open): boolean {
  return open.capabilities === NO_CAPABILITIES
}

function codesOf(capabilities: Capabilities): number[] {
  const { families, routeRefresh, extendedNextHop, extendedMessage, role, gracefulRestart } = capabilities
  const present: readonly (readonly [number, boolean])[] = [
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
  return present.filter(([, isPresent]) => isPresent).map(([code]) => code)
}
