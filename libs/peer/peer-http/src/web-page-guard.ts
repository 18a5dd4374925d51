/**
 * Tells requests that a web page made a browser send from those of another gateway.
 *
 * An address that may talk to us is no proof: a browser on that machine, or behind the same NAT, is driven by any page that its user
 * opens. Browsers mark what pages make them send: `Origin` on every POST and every cross-site request, `Sec-Fetch-*` on all requests to
 * trustworthy origins (Fetch Metadata, W3C). No gateway sends either; a script with the fetch() of Node does. A page that had its own name resolved to our address
 * (DNS rebinding) is same-origin to the browser and may come without both, but its Host is the page's name: so we answer only to
 * addresses and to names that are ours. With a bearer token the Host does not matter, because no page knows the token.
 */
import { hostOf } from '@dnstap-bgp/net'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** Why the request is taken for one of a web page, in a sentence; undefined when it is not. */
export function whyFromWebPage(headers: IncomingHttpHeaders, ownNames: ReadonlySet<string> | undefined): string | undefined {
  const mark = Object.keys(headers).find((name) => name === 'origin' || name.startsWith('sec-fetch-'))
  if (mark !== undefined) return `requests of web pages are refused (${mark})`
  if (ownNames === undefined || headers.host === undefined) return undefined
  const host = hostOf(headers.host)
  // A name without a dot resolves inside the network only: no stranger's page can have it.
  if (isIP(host) !== 0 || !host.includes('.') || ownNames.has(host)) return undefined
  return `${host} is not a name of this gateway (add it to syncer.names, or set syncer.token)`
}
