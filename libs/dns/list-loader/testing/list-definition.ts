/** A list with the defaults of the configuration. */
import type { ListDefinition } from '../src/list-definition.ts'

export function listDefinition(
  name: string,
  source: ListDefinition['source'] | string,
  more: Partial<ListDefinition> = {},
): ListDefinition {
  return {
    name,
    source: typeof source === 'string' ? { kind: 'path', path: source } : source,
    format: 'auto',
    match: 'auto',
    addresses: false,
    shortestPrefixIpv4: 8,
    shortestPrefixIpv6: 19,
    refreshIntervalMs: 86_400_000,
    origin: undefined,
    sha256: undefined,
    bearerToken: undefined,
    login: undefined,
    proxyLogin: undefined,
    minimumShare: 0.5,
    ...more,
  }
}
