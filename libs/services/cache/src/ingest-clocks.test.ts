import { describe, expect, test } from 'vitest'
import { IngestClocks } from './ingest-clocks.ts'

const answer = (steadyMs: number | undefined, number = 1, ingest = 'a') => ({ asker: 'us', number, ingest, steadyMs })

describe('the steady clocks of ingests', () => {
  test('tell how long ago a fact was heard', () => {
    const clocks = new IngestClocks()
    clocks.asked(1, 1000)
    clocks.answered(answer(500_000), true, 1002)
    expect(clocks.ageMs({ ingest: 'a', steadyMs: 499_000 }, 2002)).toBe(2000)
    expect(clocks.ageMs({ ingest: 'a', steadyMs: 600_000 }, 2002)).toBe(0)
  })

  test('are unknown before the first answer, of older versions, and of sync peers', () => {
    const clocks = new IngestClocks()
    clocks.answered(answer(undefined), true, 1000)
    expect(clocks.ageMs({ ingest: 'a', steadyMs: 1 }, 2000)).toBeUndefined()
    expect(clocks.ageMs(undefined, 2000)).toBeUndefined()
  })

  test('are known better by an answer that came faster, and no worse by one that waited', () => {
    const clocks = new IngestClocks()
    clocks.asked(1, 1000)
    clocks.answered(answer(0), true, 6000)
    expect(clocks.ageMs({ ingest: 'a', steadyMs: 0 }, 6000)).toBe(0)
    clocks.answered(answer(10_000, 7), false, 11_001)
    expect(clocks.ageMs({ ingest: 'a', steadyMs: 0 }, 11_001)).toBe(10_000)
    clocks.answered(answer(20_000, 8), false, 50_000)
    expect(clocks.ageMs({ ingest: 'a', steadyMs: 0 }, 11_001)).toBe(10_000)
  })

  test('are learnt again when a machine slept: its steady clock stood', () => {
    const clocks = new IngestClocks()
    clocks.asked(1, 1000)
    clocks.answered(answer(1000), true, 1000)
    clocks.asked(2, 3_601_000)
    clocks.answered(answer(2000, 2), true, 3_601_001)
    expect(clocks.ageMs({ ingest: 'a', steadyMs: 2000 }, 3_601_001)).toBeLessThanOrEqual(1)
  })

  test('count from the first time that a question was asked', () => {
    const clocks = new IngestClocks()
    clocks.asked(1, 1000)
    clocks.asked(1, 9000)
    clocks.answered(answer(1500), false, 1500)
    clocks.answered(answer(1500), true, 10_000)
    expect(clocks.ageMs({ ingest: 'a', steadyMs: 1500 }, 10_000)).toBe(8500)
  })
})
