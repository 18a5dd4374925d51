/** Where a BGP peer is: an address, a host name or a prefix, perhaps with a port. */
import { parseAddress } from '@dnstap-bgp/ip'
import { parseEndpoint, prefix } from './network-values.ts'
import { whyNoNextHop } from './next-hop.ts'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'
import { string } from './values.ts'

export type PeerRemote =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'hostname'; readonly hostname: string }
  /** Passive only: any peer from this range. */
  | { readonly kind: 'prefix'; readonly prefix: string }

export interface PeerAddress {
  /** As the operator wrote it. */
  readonly name: string
  readonly remote: PeerRemote
  readonly port: number | undefined
}

export const peerAddress: Read<PeerAddress> = (value, folder) => {
  const expected = '"host", "host:port", "[IPv6 address]:port" or an IPv6 address'
  const written = string(value, folder)
  if (written instanceof Wrong) return new Wrong(expected)
  if (written.includes('/')) {
    const range = prefix(value, folder)
    return range instanceof Wrong ? range : { name: written, remote: { kind: 'prefix', prefix: range }, port: undefined }
  }
  const found = parseEndpoint(written, 0)
  if (found === undefined) return new Wrong(expected)
  const port = found.port === 0 ? undefined : found.port
  if (parseAddress(found.host) === undefined) return { name: written, remote: { kind: 'hostname', hostname: found.host }, port }
  const why = whyNoPeer(found.host)
  if (why !== undefined) return new Wrong(`the address of a router (this is ${why})`)
  return { name: written, remote: { kind: 'address', address: found.host }, port }
}

/** Loopback is fine for a peer: a router on the same machine, a tunnel, a test. */
function whyNoPeer(host: string): string | undefined {
  return host === '127.0.0.1' || host === '::1' || /^127\./.test(host)
    ? undefined
    : /^fe[89ab]/.test(host)
      ? undefined
      : whyNoNextHop(host)
}
