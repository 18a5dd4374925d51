/**
 * Keeps a redirect from leading into this machine or its link: a list server must not make us ask our own admin API, or the metadata service of a
 * cloud. A redirect is allowed if the operator's own URL leads there already.
 *
 * Addresses are checked in the lookup that the connection itself uses, so a second answer cannot differ. A proxy resolves names by itself; then only
 * addresses written in the URL are checked.
 */
import { lookup } from 'node:dns'
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net'

const LOCAL = new BlockList()
LOCAL.addSubnet('0.0.0.0', 8)
LOCAL.addSubnet('127.0.0.0', 8)
LOCAL.addSubnet('169.254.0.0', 16)
LOCAL.addAddress('::', 'ipv6')
LOCAL.addAddress('::1', 'ipv6')
LOCAL.addSubnet('fe80::', 10, 'ipv6')
LOCAL.addAddress('fd00:ec2::254', 'ipv6') // Amazon's metadata service

/** Loopback, link-local, "this host" and metadata services. IPv4-mapped addresses are looked into. */
export function isLocalTarget(address: string): boolean {
  return isIP(address) !== 0 && LOCAL.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}

/** A lookup for net.connect() that fails when the name has such an address, with what `refusal` makes. */
export function lookupElsewhere(refusal: () => Error): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '')
      if (addresses.some(({ address }) => isLocalTarget(address))) return callback(refusal(), '')
      if (options.all === true) return callback(null, addresses)
      callback(null, addresses[0]?.address ?? '', addresses[0]?.family)
    })
  }
}
