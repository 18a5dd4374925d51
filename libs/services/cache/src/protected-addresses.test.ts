import { describe, expect, test } from 'vitest'
import { RESOLVERS } from '@dnstap-bgp/steering'
import { ADDRESS, BASE_CONFIG, configOf, explainAlone, startTestCache } from '../testing/cache-under-test.ts'

describe('the resolvers that ingest hears from', () => {
  test('are never routed: earlier bindings end, new ones are refused, and so are prefixes that cover them', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
    const { lists, learn, bus, settle, routes, cache } = await startTestCache({ config })
    lists.change({ default: ['example.org'] }, { default: ['93.184.216.0/24'] })
    await learn({}, { address: '93.184.217.1' })
    expect(Object.keys(routes())).toHaveLength(3)
    bus.publish(RESOLVERS, [ADDRESS, '93.184.216.53'])
    await settle()
    expect(Object.keys(routes())).toEqual(['93.184.217.1/32'])
    await learn({})
    expect(Object.keys(routes())).toEqual(['93.184.217.1/32'])
    expect((await explainAlone(cache.explainer, ADDRESS)).verdict).toMatch(/never list has it: a resolver that we hear from/)
  })

  test('stay on the never list when the configuration is read again, as does what [bgp] used at the start', async () => {
    const bgp = (address: string) => `[bgp]\nas = 65000\nrouterID = "192.0.2.1"\npeers = ["${address}"]\n`
    const { learn, lists, bus, settle, routes } = await startTestCache({ config: BASE_CONFIG + bgp('93.184.215.1') })
    bus.publish(RESOLVERS, ['93.184.215.2'])
    await settle()
    lists.reload(configOf(BASE_CONFIG + bgp('93.184.215.3')))
    for (let i = 1; i <= 4; i++) await learn({ address: `93.184.215.${i}` })
    expect(Object.keys(routes())).toEqual(['93.184.215.4/32'])
  })
})

test('an address of a host in the configuration is protected: routes that cover it end, and explain names the host', async () => {
  const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
  const { lists, learn, settle, routes, cache } = await startTestCache({ config })
  lists.change({ default: ['example.org'] }, { default: ['93.184.216.0/24'] })
  await learn({})
  expect(Object.keys(routes())).toHaveLength(2)
  cache.protect(ADDRESS, 'sync peer (site-b.example)')
  cache.protect('93.184.216.5', 'NATS server (nats.example)')
  await settle()
  await learn({})
  expect(routes()).toEqual({})
  expect((await explainAlone(cache.explainer, ADDRESS)).verdict).toMatch(/never list has it: sync peer \(site-b\.example\)/)
  lists.reload(configOf(config))
  await learn({})
  expect(routes()).toEqual({})
})
