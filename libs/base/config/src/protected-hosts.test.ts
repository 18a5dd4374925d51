import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { neverListOptions } from './never-list-options.ts'
import { parseConfig } from './parse-config.ts'
import { protectHosts } from './protected-hosts.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))
const parse = (text: string) => parseConfig(text, 'test.toml', {})
const NAMED = `
[[list]]
name = "video"
source = "https://lists.example/video.txt"
proxy = "http://proxy.example:3128"
[syncer]
peers = ["site-b.example:8080"]
[bus]
servers = ["nats://nats.example:4222", "tls://nats2.example"]
[store]
redis = "redis.example"
`
const ADDRESSES: Record<string, string[]> = {
  'lists.example': ['93.184.215.1', '2606:2800::1'],
  'proxy.example': ['93.184.215.2'],
  'site-b.example': ['93.184.215.3'],
  'nats.example': ['93.184.215.4'],
  'nats2.example': ['93.184.215.5'],
  'redis.example': ['93.184.215.6'],
}

function setUp(text: string) {
  const clock = new FakeClock()
  const seen = new Map<string, string>()
  const hosts = protectHosts(parse(text), {
    clock,
    log: silentLog,
    resolve: (name) => (name in ADDRESSES ? Promise.resolve(ADDRESSES[name]) : Promise.reject(new Error('no such name'))),
    protect: (address, what) => void seen.set(address, what),
  })
  return { clock, seen, hosts }
}

test('sync peers, list servers and their proxies, NATS and Redis servers given by name are protected at each of their addresses', async () => {
  const { seen } = setUp(NAMED)
  await turn()
  expect(Object.fromEntries(seen)).toEqual({
    '93.184.215.1': 'server of list video (lists.example)',
    '2606:2800::1': 'server of list video (lists.example)',
    '93.184.215.2': 'proxy of list video (proxy.example)',
    '93.184.215.3': 'sync peer (site-b.example)',
    '93.184.215.4': 'NATS server (nats.example)',
    '93.184.215.5': 'NATS server (nats2.example)',
    '93.184.215.6': 'Redis server (redis.example)',
  })
})

test('an address that they get later is protected within a minute', async () => {
  const { clock, seen } = setUp('[syncer]\npeers = ["moving.example:8080"]\n')
  await turn()
  ADDRESSES['moving.example'] = ['93.184.216.1']
  clock.advance(5000)
  await turn()
  expect([...seen.keys()]).toEqual(['93.184.216.1'])
  ADDRESSES['moving.example'] = ['93.184.216.2']
  clock.advance(60_000)
  await turn()
  expect([...seen.keys()]).toEqual(['93.184.216.1', '93.184.216.2'])
})

test('an address that the operator allows is not: a list server may share it with listed names', async () => {
  const { seen } = setUp(`${NAMED}[never]\nallow = ["93.184.215.1/32"]\n`)
  await turn()
  expect(seen.has('93.184.215.1')).toBe(false)
  expect(seen.has('2606:2800::1')).toBe(true)
})

test('a reload brings the servers of new lists, and keeps what the process still uses', async () => {
  const { clock, seen, hosts } = setUp('[syncer]\npeers = ["site-b.example:8080"]\n')
  await turn()
  hosts.reconfigure(parse('[[list]]\nname = "new"\nsource = "https://lists.example/new.txt"\n'))
  await turn()
  expect(seen.get('93.184.215.1')).toBe('server of list new (lists.example)')
  seen.clear()
  clock.advance(60_000)
  await turn()
  expect(seen.get('93.184.215.3')).toBe('sync peer (site-b.example)')
  hosts.close()
  expect(clock.timers).toBe(0)
})

test('given by address they are on the never list of the configuration', () => {
  const config = parse(
    NAMED.replace('lists.example', '[2606:2800::1]')
      .replace('proxy.example', '93.184.215.2')
      .replace('site-b.example', '93.184.215.3')
      .replace('nats.example', '93.184.215.4')
      .replace('nats2.example', '[2606:2800::5]')
      .replace('redis.example', '93.184.215.6'),
  )
  expect(Object.fromEntries(neverListOptions(config).also)).toMatchObject({
    '2606:2800::1': 'server of list video',
    '93.184.215.2': 'proxy of list video',
    '93.184.215.3': 'sync peer',
    '93.184.215.4': 'NATS server',
    '2606:2800::5': 'NATS server',
    '93.184.215.6': 'Redis server',
  })
})
