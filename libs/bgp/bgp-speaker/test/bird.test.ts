import { afterEach, describe, expect, test } from 'vitest'
import { isInstalled } from '@dnstap-bgp/testkit'
import { type Opposite, pair, type Pair, PLAIN } from '../testing/routers.ts'

let pairs: Pair[] = []

afterEach(async () => {
  for (const each of pairs) await each.close()
  pairs = []
})

async function withBird(opposite: Opposite = {}): Promise<Pair> {
  const made = await pair('bird', opposite)
  pairs.push(made)
  return made
}

describe.skipIf(!isInstalled('bird'))('opposite BIRD (skipped where bird2 is not installed)', () => {
  test('routes of both families arrive, change and go', async () => {
    const { router, table, speaker } = await withBird()
    table.set('198.51.100.1/32', {
      ...PLAIN,
      localPref: 200,
      med: 7,
      communities: [0xfde80064],
      largeCommunities: [[65000, 1, 2]],
    })
    table.set('2001:db8:1::1/128', PLAIN)
    await speaker.start()
    await router.waitForSession('Established')
    await router.waitForCount(2)
    expect(await router.routes()).toMatchObject([
      {
        prefix: '198.51.100.1/32',
        nextHop: '192.0.2.9',
        localPref: 200,
        med: 7,
        communities: ['65000:100'],
        largeCommunities: ['65000:1:2'],
        asPath: [],
        origin: 'igp',
      },
      { prefix: '2001:db8:1::1/128', nextHop: '2001:db8::9', localPref: 100 },
    ])
    table.delete('198.51.100.1/32')
    await router.waitForCount(1)
    table.set('2001:db8:1::1/128', { ...PLAIN, nextHopIpv6: '2001:db8::8' })
    await router.waitFor(async (bird) => (await bird.routes())[0].nextHop === '2001:db8::8')
    expect(speaker.peers()[0]).toMatchObject({ state: 'Established', prefixesOut: { ipv4: 0, ipv6: 1 }, tableSent: true })
  })

  test('after the router comes back it gets the whole table again', async () => {
    const { router, table, speaker } = await withBird()
    for (let n = 1; n <= 100; n++) table.set(`198.51.100.${n}/32`, PLAIN)
    await speaker.start()
    await router.waitForCount(100)
    await router.kill()
    table.delete('198.51.100.1/32')
    await router.restart()
    await router.waitForCount(99)
    expect(speaker.peers()[0].counters.sessions).toBe(2)
  })
})
