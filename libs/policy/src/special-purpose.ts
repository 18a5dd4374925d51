/**
 * IANA's special-purpose registries (RFC 6890 and its updates: every block that is not globally reachable, and the anycast blocks that are),
 * and multicast (RFC 5771, RFC 4291 §2.7): data for the never list. IPv6 outside 2000::/3 is no global unicast at all (RFC 4291 §2.4).
 */

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
