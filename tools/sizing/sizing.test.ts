import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Dice } from '../soak/random.ts'
import { ASSUMPTIONS, loadOf, planOf } from './simulate.ts'
import { assumptionsText, SHORT_LIFETIME_SECONDS, sizingTable } from './table.ts'

const DOCS = readFileSync(fileURLToPath(new URL('../../docs/scaling.md', import.meta.url)), 'utf8')

describe('docs/scaling.md', () => {
  test.each([
    ['what is assumed', assumptionsText()],
    ['the table', sizingTable()],
    ['the table for short lifetimes', sizingTable(SHORT_LIFETIME_SECONDS)],
  ])('has %s as `npm run sizing` prints it', (_what, text) => {
    expect(DOCS).toContain(text)
  })
})

describe('the simulation', () => {
  test('agrees with throwing dice for every lookup of one binding', () => {
    const lifetimeSeconds = 100
    const rate = 0.02 // one in 50 s
    const one = {
      ...ASSUMPTIONS,
      listedNames: 1,
      addressesPerName: 1,
      addressesPerAnswer: 1,
      listedShare: 1,
      queriesPerSecond: rate,
      lifetimeSeconds,
    }
    const dice = new Dice(1, 'lookups')
    const spanSeconds = 2_000_000
    let [live, fresh, facts, lastSeen, lastTold] = [0, 0, 0, -Infinity, -Infinity]
    for (let at = 0; at < spanSeconds; at -= Math.log(1 - dice.next()) / rate) {
      live += Math.min(lifetimeSeconds, at - lastSeen)
      if (at - lastSeen > lifetimeSeconds) fresh++
      if (at - lastTold >= lifetimeSeconds / 8) {
        facts++
        lastTold = at
      }
      lastSeen = at
    }
    const load = loadOf(1, one)
    expect(load.liveBindings / (live / spanSeconds)).toBeCloseTo(1, 1)
    expect(load.newPerSecond / (fresh / spanSeconds)).toBeCloseTo(1, 1)
    expect(load.factsPerSecond / (facts / spanSeconds)).toBeCloseTo(1, 1)
  })

  test('makes as many sites as it takes that nobody is too busy', () => {
    const crowded = planOf(10_000_000, { ...ASSUMPTIONS, lifetimeSeconds: 60 })
    expect(crowded.sites).toBeGreaterThan(1)
    expect(crowded.cores[crowded.first as 'redis']).toBeLessThanOrEqual(ASSUMPTIONS.utilisation)
  })
})
