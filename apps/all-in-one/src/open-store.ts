/** The embedded store: an LMDB file when the configuration names one, else memory. */
import type { Config } from '@dnstap-bgp/config'
import { MemoryIpStore, type IpStore } from '@dnstap-bgp/ip-store'
import { openLmdbStore } from '@dnstap-bgp/ip-store-lmdb'
import type { Clock, Log } from '@dnstap-bgp/runtime'
import { randomUUID } from 'node:crypto'

export async function openStore(config: Config, deps: { clock: Clock; log: Log }): Promise<IpStore> {
  if (config.store.kind === 'lmdb') return openLmdbStore({ path: config.store.path }, deps)
  if (config.store.kind === 'redis')
    deps.log.warn({}, 'The all-in-one keeps its store by itself; [store] redis is for the cache service.')
  else deps.log.warn({}, 'No `cache` file is configured: what is learnt is forgotten at the end.')
  const startMs = deps.clock.now() - deps.clock.monotonic()
  return new MemoryIpStore({ epoch: randomUUID(), now: () => Math.round(startMs + deps.clock.monotonic()) })
}
