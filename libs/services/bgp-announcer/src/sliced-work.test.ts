import type { Timer } from '@dnstap-bgp/runtime'
import { expect, test } from 'vitest'
import { SlicedWork } from './sliced-work.ts'

/** A clock that goes on by as much as the steps take, and counts the turns. */
function clockOfWork() {
  let nowMs = 0
  const turns: (() => void)[] = []
  return {
    spend: (ms: number) => (nowMs += ms),
    turns,
    clock: {
      monotonic: () => nowMs,
      after(_delayMs: number, callback: () => void): Timer {
        turns.push(callback)
        return { cancel: () => undefined }
      },
    },
  }
}

test('pieces that follow each other without a turn of the loop get no more of it together than one', async () => {
  const { clock, spend, turns } = clockOfWork()
  const work = new SlicedWork(clock)
  let steps = 0
  function* piece() {
    for (let i = 0; i < 10; i++) {
      steps++
      spend(0.1)
      yield
    }
  }
  const held: number[] = []
  const all = (async () => {
    for (let pieces = 0; pieces < 20; pieces++) {
      work.inOrder(piece())
      await work.done()
    }
  })()
  let ended = false
  void all.then(() => (ended = true))
  for (let before = 0; !ended; before = steps) {
    for (let i = 0; i < 100; i++) await Promise.resolve() // whatever can be done without a turn
    held.push(steps - before)
    turns.shift()?.()
  }
  expect(steps).toBe(200)
  expect(Math.max(...held)).toBeLessThanOrEqual(60) // of a tenth of a millisecond; a slice is five
})

test('a little work is done before the call returns', () => {
  const { clock, turns } = clockOfWork()
  const work = new SlicedWork(clock)
  let done = false
  work.inOrder(
    (function* () {
      yield
      done = true
    })(),
  )
  expect([done, turns.length]).toEqual([true, 0])
})
