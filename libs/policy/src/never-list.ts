/**
 * The never list: addresses that must not become routes, whatever name they were answered for.
 *
 * Built in are the special-purpose ranges (special-purpose.ts) and services that everybody depends on (well-known-prefixes.ts); the
 * configuration adds its own. The longest matching prefix decides, so a documentation range can be allowed inside a refused block and a single host refused
 * inside an allowed one. In an IPv6 address that stands for an IPv4 one, the IPv4 address is judged as well: allowing 64:ff9b::/96 does
 * not allow 64:ff9b::127.0.0.1.
 */
import { formatAddress, parsePrefix, PrefixSet } from '@dnstap-bgp/ip'
import type { Prefix } from '@dnstap-bgp/ip'
import { embeddedIpv4 } from './embedded-ipv4.ts'
import { PRIVATE_PREFIXES, SPECIAL_PURPOSE_PREFIXES } from './special-purpose.ts'
import { WELL_KNOWN_PREFIXES } from './well-known-prefixes.ts'

export interface NeverListOptions {
  readonly allowPrivate: boolean
  /** Prefixes (text) that pass although a wider or equal prefix is refused. */
  readonly allow: readonly string[]
  /** Further prefixes or addresses, each with its reason. */
  readonly also: readonly (readonly [prefix: string, reason: string])[]
}

export class NeverList {
  readonly #set = new PrefixSet<string>()
  readonly #options: NeverListOptions

  constructor(options: NeverListOptions) {
    this.#options = options
    // The first reason for a prefix stays: the operator's and our own say more than a registry's.
    for (const [text, reason] of options.also) this.#add(text, reason)
    for (const text of options.allow) this.#add(text, ALLOWED)
    for (const [text, reason] of WELL_KNOWN_PREFIXES) this.#add(text, reason)
    if (options.allowPrivate) for (const [text] of PRIVATE_PREFIXES) this.#add(text, ALLOWED)
    else for (const [text, reason] of PRIVATE_PREFIXES) this.#add(text, reason)
    for (const [text, reason] of SPECIAL_PURPOSE_PREFIXES) this.#add(text, reason)
  }

  /** The same and these besides. */
  with(also: NeverListOptions['also']): NeverList {
    return new NeverList({ ...this.#options, also: [...this.#options.also, ...also] })
  }

  /** Why a prefix (text, canonical) may not be routed: a range that covers it or lies inside it, or the same of an IPv4 address in it. */
  refuses(prefixText: string): string | undefined {
    const prefix = parsePrefix(prefixText)
    if (prefix === undefined) return `not a prefix: ${prefixText}`
    const refusal = this.#refuses(prefix)
    if (refusal !== undefined || prefix.bytes.length === 4) return refusal
    for (const { form, prefix: ipv4 } of embeddedIpv4(prefix)) {
      const inside = this.#refuses(ipv4)
      if (inside !== undefined) return `${formatAddress(ipv4.bytes)}${lengthOf(ipv4)} inside ${form}: ${inside}`
    }
    return undefined
  }

  #refuses(prefix: Prefix): string | undefined {
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

function lengthOf({ lengthBits }: Prefix): string {
  return lengthBits === 32 ? '' : `/${lengthBits}`
}
