import { afterEach, describe, expect, test } from 'vitest'
import { isInstalled, type RouterKind, waitFor, watchRoutes } from '@dnstap-bgp/testkit'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { BgpSpeaker } from '../src/index.ts'
import { pair, type Pair, PLAIN } from '../testing/routers.ts'

let current: Pair | undefined

afterEach(async () => {
  await current?.close()
  current = undefined
})

const v4 = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}/32`
const v6 = (n: number) => `2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::1/128`

// GoBGP keeps what it was sent and never asks again.
describe.each(['bird', 'frr', 'exabgp', 'openbgpd'] as const)('opposite %s', (kind) => {
  describe.skipIf(!isInstalled(kind))('(skipped where it is not installed)', () => {
    test('asked to refresh, we send the table again (RFC 2918, RFC 7313)', async () => {
      const { router, table, speaker } = (current = await pair(kind))
      for (let n = 1; n <= 50; n++) table.set(v4(n), PLAIN)
      table.set(v6(1), PLAIN)
      await speaker.start()
      await router.waitForCount(51)
      const before = speaker.peers()[0].counters.announced
      await router.askRefresh()
      await waitFor(() => speaker.peers()[0].counters.announced >= before + 51, { what: 'the table to be sent again' })
      await router.waitForCount(51)
      expect(speaker.peers()[0]).toMatchObject({ state: 'Established', counters: { sessions: 1 } })
    })
  })
})

describe.each(['bird', 'frr', 'gobgp', 'openbgpd'] as const)(
  'graceful restart under the eye of %s (RFC 4724)',
  (kind: RouterKind) => {
    describe.skipIf(!isInstalled(kind))('(skipped where it is not installed)', () => {
      test.each([['stopped in order'], ['cut off, as by SIGKILL']])(
        'a speaker %s and started again leaves no route missing at any moment',
        async (how) => {
          const made = (current = await pair(kind, { routerConnects: kind !== 'gobgp' }))
          const { router, table, speaker, speakerConfig } = made
          for (let n = 1; n <= 20; n++) table.set(v4(n), PLAIN)
          for (let n = 1; n <= 20; n++) table.set(v6(n), PLAIN)
          await speaker.start()
          await router.waitForCount(40)
          const watch = watchRoutes(router)
          if (how === 'stopped in order') await speaker.close()
          else speaker.abandon()
          await router.waitFor(async (it) => (await it.session()) !== 'Established', { what: 'the session to be gone' })
          // One route went and one came while we were away.
          table.delete(v4(20))
          table.set(v4(21), PLAIN)
          const again = new BgpSpeaker(speakerConfig, { clock: systemClock, log: silentLog, table })
          current = { ...made, speaker: again }
          await again.start()
          await router.waitForSession('Established', { timeoutMs: 30_000 })
          await router.waitFor(
            async (it) => {
              const prefixes = (await it.routes('ipv4')).map((route) => route.prefix)
              return prefixes.includes(v4(21)) && !prefixes.includes(v4(20))
            },
            { what: 'the stale route to go, the new one to come' },
          )
          expect((await watch.end()).lowest).toBeGreaterThanOrEqual(40)
          if (how !== 'stopped in order') await speaker.close()
        },
      )
    })
  },
)
