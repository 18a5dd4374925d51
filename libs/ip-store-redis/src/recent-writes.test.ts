import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { RecentWrites } from './recent-writes.ts'

test('what was written more than seconds before the server was lost is not told again, though nothing was written since', () => {
  const clock = new FakeClock()
  const recent = new RecentWrites(clock)
  const key = (name: string) => ({ list: 'default', name, prefix: '192.0.2.1/32' })
  recent.forgot([key('old.example')])
  clock.advance(4_000)
  recent.forgot([key('young.example')])
  clock.advance(2_000)
  recent.trim()
  expect(recent.all()).toEqual([{ keys: [key('young.example')] }])
})
