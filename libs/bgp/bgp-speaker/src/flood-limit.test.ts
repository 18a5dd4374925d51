import { describe, expect, test } from 'vitest'
import { FloodLimit } from './flood-limit.ts'

describe('messages that carry nothing', () => {
  test('at the rate of any hold time, or a thousand at once after a pause of ours, are ordinary', () => {
    const limit = new FloodLimit(0)
    for (let second = 1; second <= 10_000; second++) expect(limit.count(10, second * 1000)).toBe('ordinary')
    const fresh = new FloodLimit(0)
    expect(fresh.count(1000, 0)).toBe('ordinary')
    expect(fresh.excess).toBe(0)
  })

  test('beyond that are counted, and 10,000 of them are too many', () => {
    const limit = new FloodLimit(0)
    expect(limit.count(1001, 0)).toBe('excess')
    expect(limit.excess).toBe(1)
    expect(limit.count(9999, 0)).toBe('excess')
    expect(limit.count(1, 0)).toBe('too many')
    expect(limit.excess).toBe(10_001)
  })

  test('a little too many each second add up', () => {
    const limit = new FloodLimit(0)
    let seconds = 0
    while (limit.count(20, ++seconds * 1000) !== 'too many') expect(seconds).toBeLessThan(1200)
    expect(seconds).toBeGreaterThan(1000)
  })
})
