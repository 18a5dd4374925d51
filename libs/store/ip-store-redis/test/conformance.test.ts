import { ipStoreConformance } from '@dnstap-bgp/ip-store/conformance'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { isInstalled, startRedis } from '@dnstap-bgp/testkit'
import type { Server } from '@dnstap-bgp/testkit'
import { afterAll, beforeAll, describe } from 'vitest'
import { openRedisStore } from '../src/index.ts'

describe.skipIf(!isInstalled('redis-server'))('with a real redis-server', () => {
  let server: Server
  let stores = 0
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.remove())

  ipStoreConformance('Redis', () =>
    openRedisStore({ servers: [server], keyPrefix: `store-${++stores}:` }, { clock: systemClock, log: silentLog }),
  )
})
