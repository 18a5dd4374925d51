import { isInstalled, startNats } from '@dnstap-bgp/testkit'
import type { NatsServer } from '@dnstap-bgp/testkit'
import { busConformance } from '@dnstap-bgp/bus/conformance'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { afterAll, beforeAll, describe } from 'vitest'
import { openNatsBus } from '../src/index.ts'

describe.skipIf(!isInstalled('nats-server'))('with a real nats-server', () => {
  let server: NatsServer
  beforeAll(async () => {
    server = await startNats()
  })
  afterAll(() => server.remove())

  busConformance('NatsBus', async () => {
    const open = () => openNatsBus({ servers: [server.url] }, { clock: systemClock, log: silentLog })
    return [await open(), await open()]
  })
})
