/** The authority on routes: Redis under it, NATS around it. Any number of replicas share one Redis. */
import { openNatsBus } from '@dnstap-bgp/bus-nats'
import { startCache } from '@dnstap-bgp/cache-service'
import { keysThatNeedRestart, PROGRAM_NEEDS } from '@dnstap-bgp/config'
import { openRedisStore } from '@dnstap-bgp/ip-store-redis'
import { startLists } from '@dnstap-bgp/lists-service'
import { runProgram } from '@dnstap-bgp/program'
import { addCacheRoutes } from '@dnstap-bgp/telemetry'
import { resolve } from 'node:path'

await runProgram({ name: 'cache', needs: PROGRAM_NEEDS.cache }, async (program, use) => {
  const { config } = program
  const lists = use(await startLists(config, program))
  const bus = use(await openNatsBus({ ...config.bus, name: program.name }, program))
  addCacheRoutes(program.routes, bus)
  const store = use(await openRedisStore(config.store, program))
  const cache = use(await startCache(config, { ...program, bus, store, lists: lists.coverage }))
  program.routes.set('POST /api/lists/preview', async () => {
    const fresh = program.readConfig()
    const { coverage, ...shown } = await lists.preview(fresh)
    return {
      config: resolve(fresh.fileName),
      ...shown,
      routesGoing: (await cache.service.preview(coverage, fresh)).routes,
      needsRestart: keysThatNeedRestart(config, fresh),
    }
  })
  program.onReload((fresh) => lists.reconfigure(fresh, () => cache.service.reconfigure(fresh)))
  program.onReport(async () => ({ ...(await cache.service.status()), names: lists.names.count }))
})
