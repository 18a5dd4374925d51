import { afterEach, describe, expect, test } from 'vitest'
import { isInstalled, ROUTER_KINDS } from '@dnstap-bgp/testkit'
import { type Opposite, pair, type Pair, PLAIN } from '../testing/routers.ts'

let current: Pair | undefined

afterEach(async () => {
  await current?.close()
  current = undefined
})

// GoBGP's active side takes 5 to 9 s to connect, and again after a loss; nothing else here waits that long.
const WAYS: readonly (readonly [string, Opposite])[] = [
  ['iBGP over IPv4, we connect', {}],
  [
    'eBGP over IPv4 with TCP MD5, it connects',
    { external: true, routerConnects: true, router: { password: 's3cret' }, peer: { password: 's3cret' } },
  ],
  [
    'eBGP over IPv6 with GTSM, we connect',
    { external: true, transport: 'ipv6', router: { gtsm: true }, peer: { ttlSecurityHops: 1 } },
  ],
  ['iBGP over IPv6, it connects', { transport: 'ipv6', routerConnects: true }],
]

describe.each(ROUTER_KINDS)('opposite %s', (kind) => {
  describe.skipIf(!isInstalled(kind))('(skipped where it is not installed)', () => {
    test.for(WAYS)('%s: routes arrive as configured, change and go', async ([, opposite], { skip }) => {
      if (kind === 'exabgp' && opposite.router?.gtsm === true) skip('ExaBGP 4.2 sends with TTL 64 where it listens')
      const { router, table, speaker } = (current = await pair(kind, opposite))
      const attributes = {
        ...PLAIN,
        localPref: 200,
        med: 7,
        communities: [0xfde80064, 0xffffff01],
        largeCommunities: [[65000, 1, 2]],
      } as const
      table.set('198.51.100.1/32', attributes)
      table.set('2001:db8:1::1/128', attributes)
      await speaker.start()
      await router.waitForSession('Established')
      await router.waitForCount(2)
      const common = {
        origin: 'igp',
        asPath: opposite.external === true ? [65000] : [],
        med: 7,
        communities: ['65000:100', '65535:65281'],
        largeCommunities: ['65000:1:2'],
      }
      const routes = await router.routes()
      expect(routes).toMatchObject([
        { prefix: '198.51.100.1/32', nextHop: '192.0.2.9', ...common },
        { prefix: '2001:db8:1::1/128', nextHop: '2001:db8::9', ...common },
      ])
      if (opposite.external !== true) expect(routes.map((route) => route.localPref)).toEqual([200, 200])
      table.delete('2001:db8:1::1/128')
      table.set('198.51.100.2/32', PLAIN)
      await router.waitFor(
        async (it) => (await it.routes()).map((route) => route.prefix).join() === '198.51.100.1/32,198.51.100.2/32',
      )
      await speaker.close({ withdraw: true })
      await router.waitForCount(0)
    })

    test('killed and started again, it gets the table as it is then', async () => {
      const { router, table, speaker } = (current = await pair(kind, {}))
      for (let n = 1; n <= 20; n++) table.set(`198.51.100.${n}/32`, PLAIN)
      await speaker.start()
      await router.waitForCount(20)
      await router.kill()
      table.delete('198.51.100.20/32')
      table.set('198.51.100.19/32', { ...PLAIN, med: 9 })
      await router.restart()
      await router.waitForCount(19)
      expect((await router.routes()).find((route) => route.prefix === '198.51.100.19/32')?.med).toBe(9)
    })
  })
})
