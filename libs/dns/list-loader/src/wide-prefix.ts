/** Refuses prefixes in a list that would route a large part of the Internet. The limit is a setting of each list. */
import type { ListDefinition } from './list-definition.ts'

export type ShortestPrefixes = Pick<ListDefinition, 'shortestPrefixIpv4' | 'shortestPrefixIpv6'>

/** Is the prefix (canonical text) shorter than the list allows? */
export function isTooWide(prefix: string, { shortestPrefixIpv4, shortestPrefixIpv6 }: ShortestPrefixes): boolean {
  const length = Number(prefix.slice(prefix.indexOf('/') + 1))
  return length < (prefix.includes(':') ? shortestPrefixIpv6 : shortestPrefixIpv4)
}

/** One sentence about the refused prefixes. */
export function tooWideSentence(prefixes: readonly string[], count: number, shortest: ShortestPrefixes): string {
  const { shortestPrefixIpv4, shortestPrefixIpv6 } = shortest
  const shown = `${prefixes.join(', ')}${count > prefixes.length ? ` and ${count - prefixes.length} more` : ''}`
  return (
    `${shown} ${count === 1 ? 'is' : 'are'} not routed: wider than /${shortestPrefixIpv4} (IPv4) or /${shortestPrefixIpv6} (IPv6), ` +
    'which shortestPrefix and shortestPrefixIPv6 of the list allow'
  )
}
