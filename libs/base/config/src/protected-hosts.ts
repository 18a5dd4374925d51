/**
 * Keeps hosts that the configuration names by name from being routed: looks them up and reports each address that must be protected.
 *
 * An address that was theirs once stays protected while the process runs: a connection may still use it. An address that the operator allows
 * ([never] allow) is not reported: a list's server may share it with listed names.
 */
import { hostPrefix, parseAddress, parsePrefix, PrefixSet } from '@dnstap-bgp/ip'
import { HostAddresses, type Clock, type Log, type Resolve } from '@dnstap-bgp/runtime'
import type { Config } from './config.ts'
import { namesInUse } from './hosts-in-use.ts'

export interface ProtectedHosts {
  /** The configuration was read again. */
  reconfigure(config: Config): void
  close(): void
}

export interface ProtectHostsDeps {
  readonly clock: Clock
  readonly log: Log
  readonly resolve?: Resolve | undefined
  /** Called for each address after each look-up, also for one that was reported before. */
  readonly protect: (address: string, what: string) => void
}

/** `config`: what the process was started with. */
export function protectHosts(config: Config, deps: ProtectHostsDeps): ProtectedHosts {
  let names: ReadonlyMap<string, string> = new Map()
  let allowed = new PrefixSet()
  const hosts = new HostAddresses({
    clock: deps.clock,
    resolve: deps.resolve,
    onFound(name, addresses) {
      for (const address of addresses) {
        const prefix = parseAddress(address) === undefined ? undefined : parsePrefix(hostPrefix(address))
        if (prefix !== undefined && allowed.covering(prefix) === undefined) deps.protect(address, names.get(name) ?? name)
      }
    },
    onFailure: (name, error) =>
      deps.log.debug(
        { host: name, error },
        'A host that no route may catch cannot be found by its name; what is known of it stays protected.',
      ),
  })
  const reconfigure = (fresh: Config) => {
    names = namesInUse(config, fresh)
    allowed = new PrefixSet()
    for (const text of fresh.never.allow) {
      const prefix = parsePrefix(text)
      if (prefix !== undefined) allowed.add(prefix, text)
    }
    hosts.follow(names.keys())
  }
  reconfigure(config)
  return { reconfigure, close: () => hosts.close() }
}
