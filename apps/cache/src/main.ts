/** The authority on routes: Redis under it, NATS around it. Any number of replicas share one Redis. */
import { ADMIN_API } from '@dnstap-bgp/admin-api'
import { askOwners, serveOwned } from '@dnstap-bgp/admin-server'
import { openNatsBus } from '@dnstap-bgp/bus-nats'
import { startCache } from '@dnstap-bgp/cache-service'
import { PROGRAM_NEEDS } from '@dnstap-bgp/config'
import { openRedisStore } from '@dnstap-bgp/ip-store-redis'
import { startLists } from '@dnstap-bgp/lists-service'
import { runProgram, servePreview } from '@dnstap-bgp/program'

await runProgram({ name: 'cache', needs: PROGRAM_NEEDS.cache }, async (program, use) => {
  const { config } = program
  const lists = use(await startLists(config, program))
  const bus = use(await openNatsBus({ ...config.bus, name: program.name }, program))
  askOwners(bus, program.handlers)
  const store = use(await openRedisStore(config.store, program))
  const cache = use(await startCache(config, { ...program, bus, store, policies: lists.policies }))
  servePreview(program, lists, cache.service)
  use(serveOwned(bus, program.handlers, [ADMIN_API.cache, ADMIN_API.match]))
  program.onReload((fresh) => lists.reconfigure(fresh))
  program.onReport(async () => ({ ...(await cache.service.status()), names: lists.names.count }))
})
