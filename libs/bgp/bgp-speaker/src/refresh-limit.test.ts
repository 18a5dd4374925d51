import { FakeClock } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { RefreshLimit } from './refresh-limit.ts'

describe('a peer that asks for its routes again', () => {
  test('gets three answers at once and then one each 10 s, however often it asks', () => {
    const clock = new FakeClock()
    let answers = 0
    const limit = new RefreshLimit(clock, () => answers++)
    for (let n = 0; n < 1000; n++) limit.asked()
    expect(answers).toBe(3)
    for (let second = 0; second < 60; second++) {
      clock.advance(1000)
      for (let n = 0; n < 100; n++) limit.asked()
    }
    expect(answers).toBe(3 + 6)
  })

  test('gets the late answer also when it does not ask once more, and none after its session', () => {
    const clock = new FakeClock()
    let answers = 0
    const limit = new RefreshLimit(clock, () => answers++)
    for (let n = 0; n < 4; n++) limit.asked()
    clock.advance(10_000)
    expect(answers).toBe(4)
    limit.asked()
    limit.close()
    clock.advance(60_000)
    expect(answers).toBe(4)
    expect(clock.timers).toBe(0)
  })
})
