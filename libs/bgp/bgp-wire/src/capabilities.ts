/**
 * Capabilities (RFC 5492): what a speaker can do, from its OPEN.
 *
 * One object with a field for each capability that we know; the others are kept by code, for operators. A known capability whose value does
 * not have the layout of its RFC is kept among the unknown ones: we do not understand it, and that is no reason to refuse the session.
 *
 * Left out: ADD-PATH, ORF, dynamic capability. We announce one path per prefix and keep none.
 */
import { CapabilityCode, SAFI_UNICAST, afiOf, familyOfAfi } from './numbers.ts'
import type { Family } from './numbers.ts'
import { copyOctets, readUint16, readUint32, foreignTextIn, uint16, uint32, utf8Octets } from './network-order.ts'

export interface GracefulRestartFamily {
  readonly family: Family
  /** F: forwarding state was kept over the restart. */
  readonly forwarding: boolean
}

export interface LongLivedFamily extends GracefulRestartFamily {
  readonly staleTimeSeconds: number
}

export interface Capabilities {
  /** Multiprotocol (RFC 4760). Empty: none was named, which means IPv4 unicast only (§8). */
  readonly families: readonly Family[]
  /** AFI and SAFI of families that we do not speak. */
  readonly otherFamilies: readonly (readonly [afi: number, safi: number])[]
  readonly routeRefresh: boolean
  readonly enhancedRouteRefresh: boolean
  readonly extendedMessage: boolean
  /** Families whose NLRI may have an IPv6 next hop (RFC 8950). */
  readonly extendedNextHop: readonly Family[]
  readonly fourOctetAsn?: number
  readonly gracefulRestart?: {
    /** R: this speaker has just restarted. */
    readonly restarting: boolean
    /** N of RFC 8538: routes are also kept after a NOTIFICATION or an expired hold timer. */
    readonly notification: boolean
    /** At most 4095. */
    readonly restartTimeSeconds: number
    readonly families: readonly GracefulRestartFamily[]
  }
  readonly longLivedGracefulRestart?: readonly LongLivedFamily[]
  /** RFC 9234; also undefined if the peer named different roles, see `conflictingRoles`. */
  readonly role?: number
  readonly conflictingRoles: boolean
  readonly fqdn?: { readonly hostName: string; readonly domainName: string }
  readonly unknown: readonly { readonly code: number; readonly value: Uint8Array }[]
}

export const NO_CAPABILITIES: Capabilities = {
  families: [],
  otherFamilies: [],
  routeRefresh: false,
  enhancedRouteRefresh: false,
  extendedMessage: false,
  extendedNextHop: [],
  conflictingRoles: false,
  unknown: [],
}

/** Each capability: Code (1) | Length (1) | Value. */
export function encodeCapabilities(capabilities: Capabilities): number[] {
  const octets: number[] = []
  const put = (code: number, value: readonly number[]) => octets.push(code, value.length, ...value)
  for (const family of capabilities.families)
    put(CapabilityCode.MULTIPROTOCOL_EXTENSIONS, [...uint16(afiOf(family)), 0, SAFI_UNICAST])
  if (capabilities.routeRefresh) put(CapabilityCode.ROUTE_REFRESH, [])
  if (capabilities.extendedNextHop.length > 0) {
    const IPV6_AFI = 2
    put(
      CapabilityCode.EXTENDED_NEXT_HOP_ENCODING,
      capabilities.extendedNextHop.flatMap((family) => [...uint16(afiOf(family)), ...uint16(SAFI_UNICAST), ...uint16(IPV6_AFI)]),
    )
  }
  if (capabilities.extendedMessage) put(CapabilityCode.BGP_EXTENDED_MESSAGE, [])
  if (capabilities.role !== undefined) put(CapabilityCode.BGP_ROLE, [capabilities.role])
  const restart = capabilities.gracefulRestart
  if (restart !== undefined) {
    const flags = (restart.restarting ? 0x8 : 0) | (restart.notification ? 0x4 : 0)
    put(CapabilityCode.GRACEFUL_RESTART, [
      ...uint16((flags << 12) | Math.min(restart.restartTimeSeconds, 0xfff)),
      ...restart.families.flatMap(({ family, forwarding }) => [...uint16(afiOf(family)), SAFI_UNICAST, forwarding ? 0x80 : 0]),
    ])
  }
  if (capabilities.fourOctetAsn !== undefined) put(CapabilityCode.FOUR_OCTET_AS_NUMBER, uint32(capabilities.fourOctetAsn))
  if (capabilities.enhancedRouteRefresh) put(CapabilityCode.ENHANCED_ROUTE_REFRESH, [])
  if (capabilities.longLivedGracefulRestart !== undefined) {
    put(
      CapabilityCode.LONG_LIVED_GRACEFUL_RESTART,
      capabilities.longLivedGracefulRestart.flatMap(({ family, forwarding, staleTimeSeconds }) => [
        ...uint16(afiOf(family)),
        SAFI_UNICAST,
        forwarding ? 0x80 : 0,
        ...uint32(Math.min(staleTimeSeconds, 0xffffff)).slice(1),
      ]),
    )
  }
  if (capabilities.fqdn !== undefined) {
    const hostName = utf8Octets(capabilities.fqdn.hostName, 64)
    const domainName = utf8Octets(capabilities.fqdn.domainName, 64)
    put(CapabilityCode.FQDN, [hostName.length, ...hostName, domainName.length, ...domainName])
  }
  for (const { code, value } of capabilities.unknown) put(code, [...value])
  return octets
}

/** Gathers the capabilities of one OPEN, which may be in several optional parameters. */
export class CapabilityReader {
  readonly #families = new Set<Family>()
  readonly #otherFamilies: (readonly [number, number])[] = []
  readonly #extendedNextHop = new Set<Family>()
  readonly #roles = new Set<number>()
  readonly #flags = { routeRefresh: false, enhancedRouteRefresh: false, extendedMessage: false }
  #last: Pick<Capabilities, 'fourOctetAsn' | 'gracefulRestart' | 'longLivedGracefulRestart' | 'fqdn'> = {}
  readonly #unknown: { code: number; value: Uint8Array }[] = []

  /** Reads ( Code (1) | Length (1) | Value )* (RFC 5492 §4) between `start` and `end`; false if that space is not filled exactly. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start
    while (at < end) {
      if (end - at < 2 || end - at - 2 < bytes[at + 1]) return false
      const code = bytes[at]
      const valueStart = at + 2
      at = valueStart + bytes[at + 1]
      if (!this.#one(code, bytes, valueStart, at)) this.#unknown.push({ code, value: copyOctets(bytes, valueStart, at) })
    }
    return true
  }

  result(): Capabilities {
    const [role] = this.#roles.size === 1 ? this.#roles : []
    return {
      ...this.#last,
      ...this.#flags,
      families: [...this.#families],
      otherFamilies: this.#otherFamilies,
      extendedNextHop: [...this.#extendedNextHop],
      ...(role === undefined ? {} : { role }),
      conflictingRoles: this.#roles.size > 1,
      unknown: this.#unknown,
    }
  }

  /** Reads one value; its layout is at each case. False if the code is unknown or the value does not have that layout. */
  #one(code: number, bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start
    switch (code) {
      case CapabilityCode.MULTIPROTOCOL_EXTENSIONS: {
        // AFI (2) | Reserved (1) | SAFI (1), RFC 4760 §8
        if (length !== 4) return false
        const afi = readUint16(bytes, start)
        const family = familyOfAfi(afi, bytes[start + 3])
        if (family !== undefined) this.#families.add(family)
        else this.#otherFamilies.push([afi, bytes[start + 3]])
        return true
      }
      case CapabilityCode.ROUTE_REFRESH: // empty, RFC 2918 §2
        if (length !== 0) return false
        this.#flags.routeRefresh = true
        return true
      case CapabilityCode.ENHANCED_ROUTE_REFRESH: // empty, RFC 7313 §3.1
        if (length !== 0) return false
        this.#flags.enhancedRouteRefresh = true
        return true
      case CapabilityCode.BGP_EXTENDED_MESSAGE: // empty, RFC 8654 §3
        if (length !== 0) return false
        this.#flags.extendedMessage = true
        return true
      case CapabilityCode.EXTENDED_NEXT_HOP_ENCODING:
        // ( NLRI AFI (2) | NLRI SAFI (2) | Next Hop AFI (2) )*, RFC 8950 §4
        if (length % 6 !== 0) return false
        for (let at = start; at < end; at += 6) {
          const family = familyOfAfi(readUint16(bytes, at), readUint16(bytes, at + 2))
          if (family === 'ipv4' && readUint16(bytes, at + 4) === 2) this.#extendedNextHop.add(family)
        }
        return true
      case CapabilityCode.BGP_ROLE: // Role (1), RFC 9234 §4.1
        if (length !== 1) return false
        this.#roles.add(bytes[start])
        return true
      case CapabilityCode.FOUR_OCTET_AS_NUMBER: // AS (4), RFC 6793 §3
        if (length !== 4) return false
        this.#last = { ...this.#last, fourOctetAsn: readUint32(bytes, start) }
        return true
      case CapabilityCode.GRACEFUL_RESTART: {
        // R N 0 0 | Restart Time (12 bits) | ( AFI (2) | SAFI (1) | F ... (1) )*, RFC 4724 §3; the last such capability counts
        if (length < 2 || length % 4 !== 2) return false
        const families: GracefulRestartFamily[] = []
        for (let at = start + 2; at < end; at += 4) {
          const family = familyOfAfi(readUint16(bytes, at), bytes[at + 2])
          if (family !== undefined) families.push({ family, forwarding: (bytes[at + 3] & 0x80) !== 0 })
        }
        const head = readUint16(bytes, start)
        this.#last = {
          ...this.#last,
          gracefulRestart: {
            restarting: (head & 0x8000) !== 0,
            notification: (head & 0x4000) !== 0,
            restartTimeSeconds: head & 0xfff,
            families,
          },
        }
        return true
      }
      case CapabilityCode.LONG_LIVED_GRACEFUL_RESTART: {
        // ( AFI (2) | SAFI (1) | F ... (1) | Long-Lived Stale Time (3) )*, RFC 9494 §3
        if (length % 7 !== 0) return false
        const families: LongLivedFamily[] = []
        for (let at = start; at < end; at += 7) {
          const family = familyOfAfi(readUint16(bytes, at), bytes[at + 2])
          if (family === undefined) continue
          families.push({
            family,
            forwarding: (bytes[at + 3] & 0x80) !== 0,
            staleTimeSeconds: readUint32(bytes, at + 3) & 0xffffff,
          })
        }
        this.#last = { ...this.#last, longLivedGracefulRestart: families }
        return true
      }
      case CapabilityCode.FQDN: {
        // Host Name Length (1) | Host Name | Domain Name Length (1) | Domain Name, draft-walton-bgp-hostname-capability
        const domainAt = start + 1 + (length > 0 ? bytes[start] : 0)
        if (length < 2 || domainAt >= end || domainAt + 1 + bytes[domainAt] !== end) return false
        const fqdn = {
          hostName: foreignTextIn(bytes, start + 1, domainAt),
          domainName: foreignTextIn(bytes, domainAt + 1, end),
        }
        this.#last = { ...this.#last, fqdn }
        return true
      }
      default:
        return false
    }
  }
}
