/**
 * Addresses that no answer of a stranger may turn into a route, whatever name it came for.
 *
 * IANA's special-purpose registries (RFC 6890 and its updates: every block that is not globally reachable, and the anycast blocks that
 * are), multicast (RFC 5771, RFC 4291 §2.7), and the addresses that everybody depends on: well-known public resolvers and the metadata
 * address of the clouds. IPv6 outside 2000::/3 is no global unicast at all (RFC 4291 §2.4).
 */
import { parsePrefix } from './prefix.ts'
import { PrefixSet } from './prefix-set.ts'

/** Ranges that an operator may allow (`allowPrivate`), with the reason as it is shown. */
export const PRIVATE_PREFIXES: readonly (readonly [prefix: string, reason: string])[] = [
  ['10.0.0.0/8', 'private use (RFC 1918)'],
  ['172.16.0.0/12', 'private use (RFC 1918)'],
  ['192.168.0.0/16', 'private use (RFC 1918)'],
  ['100.64.0.0/10', 'shared address space (RFC 6598)'],
  ['fc00::/7', 'unique local (RFC 4193)'],
]

/** Ranges that are never routed. */
export const SPECIAL_PURPOSE_PREFIXES: readonly (readonly [prefix: string, reason: string])[] = [
  ['0.0.0.0/8', 'this network (RFC 791)'],
  ['127.0.0.0/8', 'loopback (RFC 1122)'],
  ['169.254.0.0/16', 'link local (RFC 3927)'],
  ['192.0.0.0/24', 'IETF protocol assignments (RFC 6890)'],
  ['192.0.2.0/24', 'documentation (RFC 5737)'],
  ['192.31.196.0/24', 'AS112 (RFC 7535)'],
  ['192.52.193.0/24', 'AMT (RFC 7450)'],
  ['192.88.99.0/24', 'deprecated 6to4 relay anycast (RFC 7526)'],
  ['192.175.48.0/24', 'AS112 (RFC 7534)'],
  ['198.18.0.0/15', 'benchmarking (RFC 2544)'],
  ['198.51.100.0/24', 'documentation (RFC 5737)'],
  ['203.0.113.0/24', 'documentation (RFC 5737)'],
  ['224.0.0.0/4', 'multicast (RFC 5771)'],
  ['240.0.0.0/4', 'reserved (RFC 1112)'],
  ['255.255.255.255/32', 'limited broadcast (RFC 919)'],
  ['::/3', 'not global unicast (RFC 4291)'],
  ['::/128', 'unspecified address (RFC 4291)'],
  ['::1/128', 'loopback (RFC 4291)'],
  ['::ffff:0.0.0.0/96', 'IPv4-mapped (RFC 4291)'],
  ['64:ff9b::/96', 'IPv4-IPv6 translation (RFC 6052)'],
  ['64:ff9b:1::/48', 'IPv4-IPv6 translation (RFC 8215)'],
  ['100::/64', 'discard only (RFC 6666)'],
  ['2001::/23', 'IETF protocol assignments (RFC 2928)'],
  ['2001::/32', 'Teredo (RFC 4380)'],
  ['2001:db8::/32', 'documentation (RFC 3849)'],
  ['2002::/16', '6to4 (RFC 3056)'],
  ['2620:4f:8000::/48', 'AS112 (RFC 7534)'],
  ['3fff::/20', 'documentation (RFC 9637)'],
  ['4000::/2', 'not global unicast (RFC 4291)'],
  ['8000::/1', 'not global unicast (RFC 4291)'],
  ['fe80::/10', 'link local (RFC 4291)'],
  ['ff00::/8', 'multicast (RFC 4291)'],
]

/** Hosts that would take far too much with them if a listed name claimed them. */
export const WELL_KNOWN_HOSTS: readonly (readonly [address: string, reason: string])[] = [
  ...['1.1.1.1', '1.0.0.1', '1.1.1.2', '1.0.0.2', '1.1.1.3', '1.0.0.3'].map(
    (ip) => [ip, 'public resolver (Cloudflare)'] as const,
  ),
  ...['2606:4700:4700::1111', '2606:4700:4700::1001'].map((ip) => [ip, 'public resolver (Cloudflare)'] as const),
  ...['8.8.8.8', '8.8.4.4', '2001:4860:4860::8888', '2001:4860:4860::8844'].map(
    (ip) => [ip, 'public resolver (Google)'] as const,
  ),
  ...['9.9.9.9', '149.112.112.112', '9.9.9.10', '149.112.112.10', '9.9.9.11', '149.112.112.11'].map(
    (ip) => [ip, 'public resolver (Quad9)'] as const,
  ),
  ...['2620:fe::fe', '2620:fe::9', '2620:fe::10', '2620:fe::fe:10'].map((ip) => [ip, 'public resolver (Quad9)'] as const),
  ...['208.67.222.222', '208.67.220.220', '2620:119:35::35', '2620:119:53::53'].map(
    (ip) => [ip, 'public resolver (OpenDNS)'] as const,
  ),
  ...['94.140.14.14', '94.140.15.15', '2a10:50c0::ad1:ff', '2a10:50c0::ad2:ff'].map(
    (ip) => [ip, 'public resolver (AdGuard)'] as const,
  ),
  ...['77.88.8.8', '77.88.8.1', '2a02:6b8::feed:0ff', '2a02:6b8:0:1::feed:0ff'].map(
    (ip) => [ip, 'public resolver (Yandex)'] as const,
  ),
  ['169.254.169.254', 'cloud metadata'],
  ['fd00:ec2::254', 'cloud metadata'],
  ['100.100.100.200', 'cloud metadata'],
  ['168.63.129.16', 'cloud metadata'],
]

export interface NeverListOptions {
  readonly allowPrivate: boolean
  /** Prefixes (text) that would be refused but shall pass: more specific than, or equal to, what refuses them. */
  readonly allow: readonly string[]
  /** Further prefixes or addresses, each with its reason. */
  readonly also: readonly (readonly [prefix: string, reason: string])[]
}

/**
 * The never list: why an address may not be routed.
 *
 * The longest matching prefix decides, so a documentation range can be allowed inside a refused block and a single host refused
 * inside an allowed one.
 */
export class NeverList {
  readonly #set = new PrefixSet<string>()
  readonly #options: NeverListOptions

  constructor(options: NeverListOptions) {
    this.#options = options
    // What is added first keeps its reason: the operator's and our own entries explain themselves better than a registry's.
    for (const [text, reason] of options.also) this.#add(text, reason)
    for (const text of options.allow) this.#add(text, ALLOWED)
    for (const [text, reason] of WELL_KNOWN_HOSTS) this.#add(text, reason)
    if (options.allowPrivate) for (const [text] of PRIVATE_PREFIXES) this.#add(text, ALLOWED)
    else for (const [text, reason] of PRIVATE_PREFIXES) this.#add(text, reason)
    for (const [text, reason] of SPECIAL_PURPOSE_PREFIXES) this.#add(text, reason)
  }

  /** The same and these besides. */
  with(also: NeverListOptions['also']): NeverList {
    return new NeverList({ ...this.#options, also: [...this.#options.also, ...also] })
  }

  /** Why a prefix (text, canonical) may not be routed: a range that covers it or lies inside it. Undefined: it may. */
  refuses(prefixText: string): string | undefined {
    const prefix = parsePrefix(prefixText)
    if (prefix === undefined) return `not a prefix: ${prefixText}`
    const covering = this.#set.covering(prefix)
    if (covering !== undefined && covering !== ALLOWED) return covering
    if (prefix.lengthBits === prefix.bytes.length * 8) return undefined
    return this.#set.inside(prefix, (reason) => reason !== ALLOWED)
  }

  #add(text: string, reason: string): void {
    const prefix = parsePrefix(text)
    if (prefix === undefined) throw new RangeError(`not a prefix: ${text}`)
    this.#set.add(prefix, reason)
  }
}

const ALLOWED = 'allowed'
