import { LocalBus } from '@dnstap-bgp/bus'
import { silentLog } from '@dnstap-bgp/runtime'
import { AWAIT_ROUTES, ROUTES_SETTLED, type SettledHow } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { HoldDesk } from './hold-desk.ts'

const A = '192.0.2.1'
const B = '2001:db8::2'
const NOTHING = 0
const ROUTED = 1
const LATE = 2

function start() {
  const clock = new FakeClock()
  const bus = new LocalBus({ pause: () => Promise.resolve() })
  const lines: string[] = []
  const desk = new HoldDesk(
    { graceMs: 3, limitMs: 50 },
    { bus, clock, log: { ...silentLog, warn: (_, line) => lines.push(line) } },
  )
  const awaited: string[] = []
  bus.subscribe(AWAIT_ROUTES, (addresses) => void awaited.push(...addresses))
  /** `7 routed after 3 ms` */
  const replies: [ticket: number, result: number, atMs: number][] = []
  const sender = {
    origin: 'unix',
    reply: (octets: Uint8Array) => {
      const view = new DataView(octets.buffer)
      expect(octets).toHaveLength(6)
      replies.push([view.getUint32(0), octets[4], clock.monotonic()])
      return true
    },
  }
  let next = 1
  return {
    clock,
    desk,
    lines,
    awaited,
    replies,
    ask: (...addresses: string[]) => desk.ask(sender, next++, addresses),
    settled: async (addresses: string[], how: SettledHow = 'routed') => {
      bus.publish(ROUTES_SETTLED, { addresses, how })
      await clock.advanceAsync(0)
    },
  }
}

describe('an answer that a hook holds back', () => {
  test('goes at once when no address in it may be routed', () => {
    const { ask, replies, awaited } = start()
    ask()
    expect(replies).toEqual([[1, NOTHING, 0]])
    expect(awaited).toEqual([])
  })

  test('goes when every address is routed and the grace is over', async () => {
    const { ask, settled, clock, replies, awaited, desk } = start()
    ask(A, B)
    await clock.advanceAsync(1)
    expect(awaited).toEqual([A, B])
    await settled([B])
    await clock.advanceAsync(10)
    await settled([A])
    await clock.advanceAsync(2)
    expect(replies).toEqual([])
    await clock.advanceAsync(1)
    expect(replies).toEqual([[1, ROUTED, 14]])
    expect([desk.held, clock.timers]).toEqual([0, 0])
  })

  test('goes at once when the route was there before', async () => {
    const { ask, settled, replies } = start()
    ask(A)
    await settled([A], 'before')
    expect(replies).toEqual([[1, ROUTED, 0]])
  })

  test('shares the grace of an answer that waits for the same address', async () => {
    const { ask, settled, clock, replies } = start()
    ask(A)
    await settled([A])
    await clock.advanceAsync(1)
    ask(A)
    await settled([A], 'before')
    await clock.advanceAsync(2)
    expect(replies).toEqual([
      [1, ROUTED, 3],
      [2, ROUTED, 3],
    ])
  })

  test('goes after the limit; its addresses are not waited for again until they are routed or a minute has passed', async () => {
    const { ask, settled, clock, replies, desk } = start()
    ask(A)
    await clock.advanceAsync(50)
    expect(replies).toEqual([[1, LATE, 50]])
    ask(A)
    expect(replies.at(-1)).toEqual([2, NOTHING, 50])
    ask(A, B)
    await settled([B], 'before')
    expect(replies.at(-1)).toEqual([3, ROUTED, 50])
    await settled([A])
    ask(A)
    expect(desk.held).toBe(1)
    await settled([A], 'before')
    expect(replies.at(-1)).toEqual([4, ROUTED, 50])
  })

  test('goes at once when the cache refuses the address, and does not wait for that address again', async () => {
    const { ask, settled, replies, desk } = start()
    ask(A)
    await settled([A], 'refused')
    expect(replies).toEqual([[1, ROUTED, 0]])
    ask(A)
    expect(replies.at(-1)).toEqual([2, NOTHING, 0])
    expect(desk.held).toBe(0)
  })

  test('is not held any more when nothing is confirmed, until a trial succeeds', async () => {
    const { ask, settled, clock, replies, desk, lines } = start()
    for (let i = 0; i < 3; i++) ask(`198.51.100.${i}`)
    await clock.advanceAsync(50)
    expect(replies.map(([, result]) => result)).toEqual([LATE, LATE, LATE])
    expect(lines).toEqual([expect.stringContaining('Is a peer marked `confirm`')])
    ask(A)
    expect(replies.at(-1)?.[1]).toBe(NOTHING)
    await clock.advanceAsync(10_000)
    ask(A)
    ask(B)
    expect(replies.at(-1)?.slice(0, 2)).toEqual([6, NOTHING]) // one trial
    expect(desk.held).toBe(1)
    await settled([A])
    ask(B)
    expect(desk.held).toBe(2)
  })

  test('of too many is not held', () => {
    const { ask, replies, desk } = start()
    for (let i = 0; i < 4096; i++) ask(A)
    expect(replies).toEqual([])
    ask(A)
    expect(replies).toEqual([[4097, NOTHING, 0]])
    expect(desk.counters.full).toBe(1)
  })

  test('goes when we stop', async () => {
    const { ask, replies, desk, clock } = start()
    ask(A)
    await desk.close()
    expect(replies).toEqual([[1, NOTHING, 0]])
    expect(clock.timers).toBe(0)
  })
})
