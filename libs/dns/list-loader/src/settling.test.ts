import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { Settling } from './settling.ts'

/** A source whose signature is `world.now`, and what is read of it. */
function settling() {
  const clock = new FakeClock()
  const world = { now: 'v1', read: [] as string[] }
  const settles = new Settling({
    clock,
    settleMs: 300,
    longestMs: 5_000,
    look: () => Promise.resolve(world.now),
    isRead: (_source, signature) => signature === (world.read.at(-1) ?? 'v1'),
    read: () => world.read.push(world.now),
  })
  return { clock, world, settles }
}

test('a source is read when it stayed the same for a while', async () => {
  const { clock, world, settles } = settling()
  settles.hint('list.txt')
  world.now = 'half of v2'
  await clock.advanceAsync(300)
  world.now = 'v2'
  await clock.advanceAsync(300)
  expect(world.read).toEqual([])
  await clock.advanceAsync(300)
  expect(world.read).toEqual(['v2'])
})

test('hints without a change, however many, do not keep a changed source from being read', async () => {
  const { clock, world, settles } = settling()
  world.now = 'v2'
  for (let passed = 0; passed < 1000; passed += 50) {
    settles.hint('list.txt')
    await clock.advanceAsync(50, 50)
  }
  expect(world.read).toEqual(['v2'])
})

test('a source that changes all the time is read as it is, within the bound', async () => {
  const { clock, world, settles } = settling()
  for (let passed = 0; passed < 12_000; passed += 100) {
    world.now = `v${passed}`
    settles.hint('list.txt')
    await clock.advanceAsync(100, 100)
  }
  expect(world.read).toHaveLength(2)
})

test('a hint that comes while a source is looked at is not lost', async () => {
  const clock = new FakeClock()
  let now = 'v1'
  let answer: (() => void) | undefined
  const read: string[] = []
  const settles = new Settling({
    clock,
    settleMs: 300,
    longestMs: 5_000,
    look: () => {
      const seen = now
      return answer === undefined && read.length === 0 && now === 'v1'
        ? new Promise((resolve) => (answer = () => resolve(seen)))
        : Promise.resolve(seen)
    },
    isRead: (_source, signature) => signature === 'v1',
    read: () => read.push(now),
  })
  settles.hint('list.txt')
  await clock.advanceAsync(300)
  now = 'v2' // just behind the look
  settles.hint('list.txt')
  answer?.()
  await clock.advanceAsync(1000)
  expect(read).toEqual(['v2'])
})
