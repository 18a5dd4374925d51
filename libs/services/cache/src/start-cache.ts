/** Puts the cache service together with its metrics, its health and its part of the admin API. */
import { ADMIN_API, AdminError, type AdminHandlers } from '@dnstap-bgp/admin-api'
import { protectHosts } from '@dnstap-bgp/config'
import { StoreError, type StoreCounts } from '@dnstap-bgp/ip-store'
import type { Closeable } from '@dnstap-bgp/runtime'
import { samplesOf, type Health, type Metrics } from '@dnstap-bgp/telemetry'
import { CacheService, type CacheDeps } from './cache.ts'
import type { CacheConfig } from './cache-config.ts'

export interface StartCacheDeps extends CacheDeps {
  readonly metrics: Metrics
  readonly health: Health
  readonly handlers: AdminHandlers
}

export interface RunningCache extends Closeable {
  readonly service: CacheService
}

const HEALTH_PERIOD_MS = 1000

export async function startCache(config: CacheConfig, deps: StartCacheDeps): Promise<RunningCache> {
  const { store, clock, health, handlers } = deps
  const cache = new CacheService(config, deps)
  const storeHealth = health.component('store')
  const limitHealth = health.component('limits')
  const expiryHealth = health.component('expiry')
  const bindingsHealth = health.component('bindings')
  let counts: StoreCounts = { bindings: 0, routes: 0, routesPerList: new Map() }
  const look = () => {
    const { state } = store
    const trouble = state.kind === 'ready' ? state.concern : state.why
    if (trouble === undefined) storeHealth.ok()
    else storeHealth.degraded(trouble)
    if (!cache.limitNotes.any) limitHealth.ok()
    else limitHealth.degraded([...cache.limitNotes.reached.values()].join(' '))
    const { expiryWaitsFor } = cache
    if (expiryWaitsFor === undefined) expiryHealth.ok()
    else expiryHealth.degraded(`Routes are withdrawn late: ${expiryWaitsFor}.`)
    if (cache.opened) bindingsHealth.ok()
    store.counts().then(
      (now) => (counts = now),
      () => {}, // the store's own health tells it
    )
  }
  store.onState(look)
  await cache.start()
  const hosts = protectHosts(config, { ...deps, protect: (address, what) => cache.protect(address, what) })
  deps.policies.onChange(({ config: fresh }, before) => {
    if (fresh !== before.config) hosts.reconfigure(fresh)
  })
  look()
  const timer = clock.every(HEALTH_PERIOD_MS, look)
  describeCacheMetrics(deps.metrics, cache, () => counts)
  handlers.add(ADMIN_API.cache, async () => {
    try {
      return await cache.status()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      throw new AdminError(503, `The store cannot be asked: ${error.message}`, { cause: error })
    }
  })
  return {
    service: cache,
    async close() {
      timer.cancel()
      hosts.close()
      await cache.close()
    },
  }
}

function describeCacheMetrics(metrics: Metrics, cache: CacheService, counts: () => StoreCounts): void {
  const { counters } = cache
  metrics.counter({
    name: 'cache_resolutions_total',
    help: 'Resolutions by outcome.',
    labels: ['outcome'],
    read: () => samplesOf('outcome', counters.outcomes),
  })
  metrics.counter({
    name: 'cache_refused_total',
    help: 'Resolutions that were refused, by reason.',
    labels: ['reason'],
    read: () => samplesOf('reason', counters.refused),
  })
  metrics.counter({
    name: 'cache_resolutions_from_future_total',
    help: 'Resolutions seen more than 5 s in the future: clocks of machines differ.',
    read: () => counters.fromTheFuture,
  })
  metrics.counter({
    name: 'cache_expired_bindings_total',
    help: 'Bindings ended at their deadline.',
    read: () => counters.expiredBindings,
  })
  metrics.counter({
    name: 'cache_route_changes_total',
    help: 'Route changes published.',
    labels: ['kind'],
    read: () => samplesOf('kind', { announced: counters.announced, withdrawn: counters.withdrawn }),
  })
  metrics.gauge({
    name: 'cache_crowded_addresses',
    help: 'Routed addresses that very many unrelated listed names claim.',
    read: () => cache.crowded.size,
  })
  metrics.gauge({
    name: 'cache_limits_reached',
    help: '1: the ceiling of a list, or of all lists, refuses new routes now.',
    labels: ['list'],
    read: () => samplesOf('list', Object.fromEntries([...cache.limitNotes.reached.keys()].map((list) => [list, 1]))),
  })
  metrics.gauge({ name: 'cache_bindings', help: 'Live bindings in the store.', read: () => counts().bindings })
  metrics.gauge({ name: 'cache_routes', help: 'Routes in the store.', read: () => counts().routes })
  metrics.gauge({
    name: 'cache_list_routes',
    help: 'Routes that a list owns.',
    labels: ['list'],
    read: () => samplesOf('list', Object.fromEntries(counts().routesPerList)),
  })
}
