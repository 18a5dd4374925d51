/**
 * IPv4 addresses inside IPv6 ones: traffic to the IPv6 address ends at the IPv4 one, behind a translator or at a tunnel's end.
 *
 *   form                        prefix             IPv4 in octets
 *   NAT64 (RFC 6052)            64:ff9b::/96       12-15
 *   NAT64, local (RFC 8215)     64:ff9b:1::/48     by the length of the operator's prefix, RFC 6052 §2.2:
 *                                                  /48: 6 7, 9 10   /56: 7, 9-11   /64: 9-12   /96: 12-15
 *   IPv4-mapped (RFC 4291)      ::ffff:0:0/96      12-15
 *   IPv4-translated (RFC 2765)  ::ffff:0:0:0/96    12-15
 *   IPv4-compatible (RFC 4291)  ::/96              12-15
 *   6to4 (RFC 3056)             2002::/16          2-5
 *   Teredo (RFC 4380)           2001::/32          4-7 the server; 12-15 the client, each bit inverted
 *   ISATAP (RFC 5214)           any, with octets 8-11 = (00 or 02) 00 5e fe: 12-15
 */
import { containsAddress, parsePrefix } from '@dnstap-bgp/ip'
import type { Prefix } from '@dnstap-bgp/ip'

export interface EmbeddedIpv4 {
  /** The form, for people. */
  readonly form: string
  readonly prefix: Prefix
}

/** Every IPv4 address (of a wider prefix: every range of them) that the IPv6 prefix stands for; none for most. */
export function embeddedIpv4(prefix: Prefix): readonly EmbeddedIpv4[] {
  const { bytes, lengthBits } = prefix
  if (bytes.length !== 16) return NONE
  const found: EmbeddedIpv4[] = []
  for (const { form, range, at, inverted } of FORMS) {
    if (lengthBits < range.lengthBits ? !containsAddress(prefix, range.bytes) : !containsAddress(range, bytes)) continue
    found.push({ form, prefix: ipv4At(prefix, at, inverted) })
  }
  if (containsAddress(LOCAL_NAT64, bytes) && lengthBits >= LOCAL_NAT64.lengthBits) found.push(...inLocalNat64(prefix))
  if (lengthBits >= 96 && isIsatap(bytes)) found.push({ form: 'ISATAP (RFC 5214)', prefix: ipv4At(prefix, LAST_FOUR) })
  return found
}

const NONE: readonly EmbeddedIpv4[] = []
const LAST_FOUR = [12, 13, 14, 15]

const FORMS = [
  { form: 'NAT64 (RFC 6052)', range: rangeOf('64:ff9b::/96'), at: LAST_FOUR, inverted: false },
  { form: 'IPv4-mapped (RFC 4291)', range: rangeOf('::ffff:0.0.0.0/96'), at: LAST_FOUR, inverted: false },
  { form: 'IPv4-translated (RFC 2765)', range: rangeOf('::ffff:0:0:0/96'), at: LAST_FOUR, inverted: false },
  { form: 'IPv4-compatible (RFC 4291)', range: rangeOf('::/96'), at: LAST_FOUR, inverted: false },
  { form: '6to4 (RFC 3056)', range: rangeOf('2002::/16'), at: [2, 3, 4, 5], inverted: false },
  { form: 'the server of Teredo (RFC 4380)', range: rangeOf('2001::/32'), at: [4, 5, 6, 7], inverted: false },
  { form: 'the client of Teredo (RFC 4380)', range: rangeOf('2001::/32'), at: LAST_FOUR, inverted: true },
]

const LOCAL_NAT64 = rangeOf('64:ff9b:1::/48')
/** RFC 6052 §2.2: where the IPv4 address stands, and from which octet on all are zero. Octet 8 is zero in all of them. */
const LOCAL_FORMS = [
  { at: [6, 7, 9, 10], zeroFrom: 11 },
  { at: [7, 9, 10, 11], zeroFrom: 12 },
  { at: [9, 10, 11, 12], zeroFrom: 13 },
  { at: LAST_FOUR, zeroFrom: 16 },
]

/**
 * The length of the operator's prefix is not known here, so each form that the octets can be is looked at. One that gives 0.0.0.0 is no
 * reading of its own where another gives an address.
 */
function inLocalNat64(prefix: Prefix): EmbeddedIpv4[] {
  const { bytes } = prefix
  const possible = LOCAL_FORMS.filter(({ zeroFrom }) => bytes[8] === 0 && bytes.subarray(zeroFrom).every((octet) => octet === 0))
  const read = [...possible, ...(possible.length === 0 ? LOCAL_FORMS.slice(-1) : [])].map(({ at }) => ({
    form: 'NAT64 (RFC 8215)',
    prefix: ipv4At(prefix, at),
  }))
  const said = read.filter((one) => one.prefix.bytes.some((octet) => octet !== 0))
  return said.length > 0 ? said : read
}

function isIsatap(bytes: Uint8Array): boolean {
  return (bytes[8] & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe
}

/** The IPv4 prefix whose octets stand there; as long as the IPv6 prefix reaches into them. */
function ipv4At({ bytes, lengthBits }: Prefix, at: readonly number[], inverted = false): Prefix {
  const octets = new Uint8Array(4)
  let ipv4Bits = 0
  for (const [index, octet] of at.entries()) {
    const bits = Math.min(8, Math.max(0, lengthBits - 8 * octet))
    ipv4Bits += bits
    octets[index] = (inverted ? bytes[octet] ^ 0xff : bytes[octet]) & (0xff00 >> bits)
  }
  return { bytes: octets, lengthBits: ipv4Bits }
}

function rangeOf(text: string): Prefix {
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw new RangeError(`not a prefix: ${text}`)
  return prefix
}
