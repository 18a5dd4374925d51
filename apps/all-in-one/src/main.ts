/** The four services in one process: LocalBus between them, a store in files (or in memory) under them. Nothing else is needed. */
import { askOwners } from '@dnstap-bgp/admin-server'
import { startBgpAnnouncer } from '@dnstap-bgp/bgp-announcer-service'
import { LocalBus } from '@dnstap-bgp/bus'
import { startCache } from '@dnstap-bgp/cache-service'
import { PROGRAM_NEEDS } from '@dnstap-bgp/config'
import { startDnstapIngest } from '@dnstap-bgp/dnstap-ingest-service'
import { startLists } from '@dnstap-bgp/lists-service'
import { describeListenAddress } from '@dnstap-bgp/net'
import { runProgram, servePreview } from '@dnstap-bgp/program'
import { startSyncGateway } from '@dnstap-bgp/sync-gateway-service'
import { guide } from './guide.ts'
import { openStore } from './open-store.ts'

await runProgram({ name: 'all-in-one', needs: PROGRAM_NEEDS['all-in-one'], flags: ['guide'] }, async (program, use) => {
  const { config } = program
  // Start receivers before senders. The dnstap listener starts last and stops first.
  const lists = use(await startLists(config, { ...program, limitRegexpTime: true, keepNamesFile: true }))
  const bus = use(
    new LocalBus({ pause: (ms) => new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms))) }),
  )
  askOwners(bus, program.handlers)
  const store = use(await openStore(config, program))
  const announcer = use(await startBgpAnnouncer(config, { ...program, bus }))
  const cache = use(await startCache(config, { ...program, bus, store, policies: lists.policies }))
  use(await startSyncGateway(config, { ...program, bus }))
  const ingest = use(await startDnstapIngest(config, { ...program, bus, policies: lists.policies }))

  servePreview(program, lists, cache.service)
  lists.policies.onChange((policy, before) => {
    if (policy.config !== before.config) announcer.reconfigure(policy.config)
  })
  program.onReload((fresh) => lists.reconfigure(fresh))
  program.onReport(async () => ({
    ...(await cache.service.status()),
    names: lists.names.count,
    routesForPeers: announcer.table.size,
  }))
  if (program.hasFlag('guide')) {
    const find = (kind: 'unix' | 'tcp') => ingest.addresses.find((address) => address.kind === kind)
    const text = (address: ReturnType<typeof find>) => (address === undefined ? undefined : describeListenAddress(address))
    const hasLearnt = (await cache.service.status()).bindings > 0
    const names = lists.names.count
    process.stdout.write(guide({ config, names, socketPath: text(find('unix')), tcp: text(find('tcp')), hasLearnt }))
  }
})
