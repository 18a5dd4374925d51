import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'

test('after no time at all, everybody else has had a turn, however long the one before took', async () => {
  const seen: string[] = []
  const work = () => {
    const until = performance.now() + 3
    while (performance.now() < until);
  }
  await new Promise<void>((resolve) => {
    setTimeout(() => {
      let rounds = 0
      const again = () => {
        seen.push('work')
        work()
        if (++rounds < 4) systemClock.after(0, again)
        else resolve()
      }
      setImmediate(() => seen.push('another'))
      work()
      systemClock.after(0, again)
    }, 1)
  })
  expect(seen[0]).toBe('another')
  const cancelled = systemClock.after(0, () => seen.push('cancelled'))
  cancelled.cancel()
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).not.toContain('cancelled')
})
