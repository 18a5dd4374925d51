/** The disk of Redis is full. Redis refuses writes then, and takes them again by itself when there is room. */
import { StoreError } from '@dnstap-bgp/ip-store'
import { NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { isInstalled, makeSmallDisk, smallDiskMissing, waitFor } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { address, redisUnderTest, soon } from './redis-under-test.ts'

const missing = isInstalled('redis-server') ? smallDiskMissing('tmpfs') : 'not installed: redis-server'
const LONG = { timeoutMs: 60_000 }

describe.skipIf(missing !== '')(`the disk of Redis is full${missing === '' ? '' : ` (${missing})`}`, () => {
  const { redis, open, ends } = redisUnderTest()

  test.each([
    ['its append-only file', 'appendonly yes'],
    ['its dump', 'appendonly no\nsave 1 1'],
  ])(
    'for %s: health says so, and everything is back by itself when there is room',
    async (_what, persistence) => {
      const disk = makeSmallDisk('tmpfs', 8 * 2 ** 20)
      ends.push(async () => disk.remove())
      const server = await redis({ extra: `dir ${disk.path}\n${persistence}` })
      const store = await open({ servers: [server] })
      let count = 0
      const learn = () => store.observe([sighting({ ...soon(600_000), prefix: address(count++) })], NO_LIMITS)
      await learn()
      const { epoch } = await store.head()

      disk.fill()
      await waitFor(
        () =>
          learn().then(
            () => false,
            (error: unknown) => error instanceof StoreError,
          ),
        LONG,
      )
      await waitFor(() => store.state.kind === 'unavailable', LONG)
      const why = /^Redis cannot write to its disk and takes nothing: (?!.*user_script)/
      expect(store.state).toMatchObject({ why: expect.stringMatching(why) as string })

      disk.makeRoom()
      await waitFor(
        () =>
          learn().then(
            () => true,
            () => false,
          ),
        LONG,
      )
      await waitFor(() => store.state.kind === 'ready', LONG)
      const { routes } = await store.counts()
      expect((await store.head()).epoch).toBe(epoch)
      await server.kill()
      if (persistence.startsWith('appendonly yes')) {
        await server.restart()
        await waitFor(() => store.state.kind === 'ready', LONG)
        expect((await store.counts()).routes).toBe(routes)
        expect((await store.head()).epoch).toBe(epoch)
      }
    },
    180_000,
  )
})
