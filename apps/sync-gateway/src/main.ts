/** Talks to other instances over HTTP, to the cache over NATS. */
import { askOwners } from '@dnstap-bgp/admin-server'
import { openNatsBus } from '@dnstap-bgp/bus-nats'
import { PROGRAM_NEEDS } from '@dnstap-bgp/config'
import { runProgram } from '@dnstap-bgp/program'
import { startSyncGateway } from '@dnstap-bgp/sync-gateway-service'

await runProgram({ name: 'sync-gateway', needs: PROGRAM_NEEDS['sync-gateway'] }, async (program, use) => {
  const { config } = program
  const bus = use(await openNatsBus({ ...config.bus, name: program.name }, program))
  askOwners(bus, program.handlers)
  const gateway = use(await startSyncGateway(config, { ...program, bus }))
  program.onReport(() => gateway.report())
})
