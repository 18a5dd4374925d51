import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { HostAddresses } from './host-addresses.ts'

function setUp(answer: (name: string) => string[] | undefined) {
  const clock = new FakeClock()
  const asked: string[] = []
  const found: string[] = []
  const failed: string[] = []
  const hosts = new HostAddresses({
    clock,
    resolve(name) {
      asked.push(name)
      const addresses = answer(name)
      return addresses === undefined ? Promise.reject(new Error('SERVFAIL')) : Promise.resolve(addresses)
    },
    onFound: (name, addresses) => found.push(`${name} ${addresses.join()}`),
    onFailure: (name) => failed.push(name),
  })
  return { clock, hosts, asked, found, failed, turn: () => new Promise((resolve) => setImmediate(resolve)) }
}

test('names are looked up at once and then each minute; one that was never found each five seconds', async () => {
  const { clock, hosts, asked, found, failed, turn } = setUp((name) => (name === 'a' ? ['192.0.2.1'] : undefined))
  hosts.follow(['a', 'b'])
  await turn()
  expect([found, failed]).toEqual([['a 192.0.2.1'], ['b']])
  for (let again = 0; again < 2; again++) {
    clock.advance(5000)
    await turn()
  }
  expect(asked).toEqual(['a', 'b', 'b', 'b'])
  clock.advance(50_000)
  await turn()
  expect(asked.filter((name) => name === 'a')).toHaveLength(2)
  expect([...hosts.all]).toEqual([['a', ['192.0.2.1']]])
})

test('a name that is followed no more is not looked up; a new one is, at once', async () => {
  const { clock, hosts, asked, turn } = setUp((name) => [`addresses of ${name}`])
  hosts.follow(['a'])
  await turn()
  hosts.follow(['b'])
  await turn()
  expect(asked).toEqual(['a', 'b'])
  expect([...hosts.all.keys()]).toEqual(['b'])
  clock.advance(60_000)
  await turn()
  expect(asked).toEqual(['a', 'b', 'b'])
  hosts.follow([])
  expect([clock.timers, hosts.all.size]).toEqual([0, 0])
})
