/** Routes from the cache over NATS, out to the routers over BGP. */
import { askOwners } from '@dnstap-bgp/admin-server'
import { startBgpAnnouncer } from '@dnstap-bgp/bgp-announcer-service'
import { openNatsBus } from '@dnstap-bgp/bus-nats'
import { PROGRAM_NEEDS } from '@dnstap-bgp/config'
import { runProgram } from '@dnstap-bgp/program'

await runProgram({ name: 'bgp-announcer', needs: PROGRAM_NEEDS['bgp-announcer'] }, async (program, use) => {
  const { config } = program
  const bus = use(await openNatsBus({ ...config.bus, name: program.name }, program))
  askOwners(bus, program.handlers)
  const announcer = use(await startBgpAnnouncer(config, { ...program, bus }))
  program.onReload((fresh) => announcer.reconfigure(fresh))
  program.onReport(() => ({
    routes: announcer.table.size,
    peers: announcer.speaker.peers().map(({ name, state }) => `${name} ${state}`),
  }))
})
