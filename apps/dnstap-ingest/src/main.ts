/** dnstap in, resolutions out over NATS. */
import { askOwners } from '@dnstap-bgp/admin-server'
import { openNatsBus } from '@dnstap-bgp/bus-nats'
import { PROGRAM_NEEDS } from '@dnstap-bgp/config'
import { startDnstapIngest } from '@dnstap-bgp/dnstap-ingest-service'
import { startLists } from '@dnstap-bgp/lists-service'
import { runProgram } from '@dnstap-bgp/program'

await runProgram({ name: 'dnstap-ingest', needs: PROGRAM_NEEDS['dnstap-ingest'] }, async (program, use) => {
  const { config } = program
  const lists = use(await startLists(config, { ...program, limitRegexpTime: true, keepNamesFile: true }))
  const bus = use(await openNatsBus({ ...config.bus, name: program.name }, program))
  askOwners(bus, program.handlers)
  const ingest = use(await startDnstapIngest(config, { ...program, bus, policies: lists.policies }))
  program.onReload((fresh) => lists.reconfigure(fresh))
  program.onReport(() => ({
    names: lists.names.count,
    frames: ingest.service.counters.frames,
    waiting: ingest.service.outbox.waiting,
  }))
})
