/** The hosts that the configuration makes us talk to: a route that caught one of them could cut us off from it. */
import { parseAddress } from '@dnstap-bgp/ip'
import type { Config } from './config.ts'

export interface HostInUse {
  /** An address or a host name. */
  readonly host: string
  /** Why it is protected, as `explain` shows it. */
  readonly what: string
}

type ConfigOfHosts = Pick<Config, 'syncer' | 'lists' | 'bus' | 'store' | 'resolvers'>

export function hostsInUse({ syncer, lists, bus, store, resolvers }: ConfigOfHosts): readonly HostInUse[] {
  return [
    ...(syncer?.peers ?? []).map(({ host }) => ({ host, what: 'sync peer' })),
    ...lists.flatMap(({ name, source }) => {
      if (source.kind !== 'url') return []
      const server = { host: hostOf(source.url), what: `server of list ${name}` }
      return source.proxy === undefined ? [server] : [server, { host: hostOf(source.proxy), what: `proxy of list ${name}` }]
    }),
    ...(bus.kind === 'nats' ? bus.servers : []).map((url) => ({ host: hostOf(url), what: 'NATS server' })),
    ...(store.kind === 'redis' ? store.servers : []).map(({ host }) => ({ host, what: 'Redis server' })),
    ...resolvers.map(({ address }) => ({ host: address, what: 'resolver of ours' })),
  ]
}

/** Those that must be looked up, and why each is protected: several of what the process was started with and of the file as it is now. */
export function namesInUse(...configs: readonly ConfigOfHosts[]): ReadonlyMap<string, string> {
  const hosts = configs.flatMap((config) => hostsInUse(config))
  return new Map(
    hosts.filter(({ host }) => parseAddress(host) === undefined).map(({ host, what }) => [host, `${what} (${host})`]),
  )
}

/** Without the brackets of an IPv6 address. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[(.*)\]$/, '$1') : ''
}
