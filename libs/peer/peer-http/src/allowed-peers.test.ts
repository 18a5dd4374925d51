import { FakeClock } from '@dnstap-bgp/testkit'
import { silentLog } from '@dnstap-bgp/runtime'
import { expect, test } from 'vitest'
import { AllowedPeers } from './allowed-peers.ts'

function setUp(
  hosts: string[],
  prefixes: string[],
  resolve: (name: string) => Promise<string[]> = () => Promise.reject(new Error('no')),
) {
  const clock = new FakeClock()
  return { clock, allowed: new AllowedPeers({ hosts, prefixes }, { clock, log: silentLog, resolve }) }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('addresses and prefixes, in whatever way the socket writes them', () => {
  const { allowed } = setUp(['192.0.2.1', '2001:DB8::1'], ['198.51.100.0/24'])
  for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', '2001:db8:0::1%eth0', '198.51.100.77'])
    expect(allowed.allows(address), address).toBe(true)
  for (const address of ['192.0.2.2', '::ffff:192.0.2.2', '2001:db8::2', '198.51.101.1', '', 'x', undefined])
    expect(allowed.allows(address), address).toBe(false)
})

test('nobody is allowed when nobody is named, not even loopback', () => {
  const { allowed } = setUp([], [])
  expect(allowed.allows('127.0.0.1')).toBe(false)
  expect(allowed.allows('::1')).toBe(false)
})

test("a name's addresses follow it, and its last known ones stay when it cannot be found", async () => {
  let answer: string[] | undefined = ['192.0.2.1']
  const { allowed, clock } = setUp(['peer.example.org'], [], () =>
    answer === undefined ? Promise.reject(new Error('SERVFAIL')) : Promise.resolve(answer),
  )
  expect(allowed.allows('192.0.2.1')).toBe(false)
  allowed.start()
  await turn()
  expect(allowed.allows('192.0.2.1')).toBe(true)
  answer = undefined
  await clock.advanceAsync(60_000, 60_000)
  expect(allowed.allows('192.0.2.1')).toBe(true)
  answer = ['192.0.2.2']
  await clock.advanceAsync(60_000, 60_000)
  expect([allowed.allows('192.0.2.1'), allowed.allows('192.0.2.2')]).toEqual([false, true])
  allowed.close()
  expect(clock.timers).toBe(0)
})

test('a name that has not been found yet is looked up again soon, and not while its last look-up still runs', async () => {
  const waiting: { answer(addresses: string[]): void; fail(error: Error): void }[] = []
  const { allowed, clock } = setUp(['peer.example.org'], [], () => new Promise((answer, fail) => waiting.push({ answer, fail })))
  allowed.start()
  await clock.advanceAsync(30_000, 5000)
  expect(waiting).toHaveLength(1)
  waiting[0].fail(new Error('the resolver is only starting'))
  await turn()
  await clock.advanceAsync(5000, 5000)
  expect(waiting).toHaveLength(2)
  waiting[1].answer(['192.0.2.1'])
  await turn()
  expect(allowed.allows('192.0.2.1')).toBe(true)
  await clock.advanceAsync(20_000, 5000)
  expect(waiting).toHaveLength(2)
})
