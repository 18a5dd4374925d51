/** The embedded store: in files when the configuration names a place, else in memory. */
import { ADMIN_API, AdminError, type AdminHandlers } from '@dnstap-bgp/admin-api'
import type { Config } from '@dnstap-bgp/config'
import { MemoryIpStore, StoreError, type IpStore } from '@dnstap-bgp/ip-store'
import { openFileStore, StoreFileError, type FileIpStore, type StoreFileFault } from '@dnstap-bgp/ip-store-file'
import type { Clock, Log } from '@dnstap-bgp/runtime'
import type { Metrics } from '@dnstap-bgp/telemetry'
import { randomUUID } from 'node:crypto'

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly handlers: AdminHandlers
}

/** Faults of a store that we wrote: run on in memory. Any other file is the operator's mistake, and ends the start. */
const GOES_ON_WITHOUT: readonly StoreFileFault[] = ['damaged', 'newer']

export async function openStore(config: Config, deps: Deps): Promise<IpStore> {
  if (config.store.kind === 'file') {
    try {
      const store = await openFileStore({ path: config.store.path }, deps)
      offer(store, deps)
      return store
    } catch (error) {
      if (!(error instanceof StoreFileError && GOES_ON_WITHOUT.includes(error.fault))) throw error
      deps.log.error({}, `${error.message}; bindings are kept in memory only and lost when this process ends.`)
      return inMemory(deps, `${error.message}; until the next start everything is kept in memory only`)
    }
  }
  deps.log.warn({}, 'No `cache` is configured: bindings are kept in memory only and lost when this process ends.')
  return inMemory(deps)
}

function inMemory({ clock }: Deps, memoryOnly?: string): IpStore {
  const startMs = clock.now() - clock.monotonic()
  return new MemoryIpStore({
    epoch: randomUUID(),
    now: () => Math.round(startMs + clock.monotonic()),
    ...(memoryOnly === undefined ? {} : { memoryOnly }),
  })
}

/** Metrics and backup, which only a store in files has. */
function offer(store: FileIpStore, { metrics, handlers }: Deps): void {
  metrics.gauge({
    name: 'store_pending_rows',
    help: 'Bindings that wait to be written to disk.',
    read: () => store.pendingRows,
  })
  metrics.gauge({
    name: 'store_loaded_rows',
    help: 'Rows found on disk at the start, by what became of them.',
    labels: ['outcome'],
    read: () => Object.entries(store.loaded).map(([outcome, value]) => ({ labels: { outcome }, value })),
  })
  handlers.add(ADMIN_API.backup, async () => {
    try {
      return await store.backup()
    } catch (error) {
      if (error instanceof StoreError) throw new AdminError(503, error.message)
      throw error
    }
  })
}
