import { expect, test } from 'vitest'
import { fuzz } from '../testing/fuzz.ts'
import { STATES } from './fsm.ts'

test('whatever a driver and a peer do, connections and timers stay consistent and the FSM never gets stuck', () => {
  const reached = new Set<string>()
  for (let seed = 1; seed <= 60; seed++) for (const state of fuzz(seed, 500).keys()) reached.add(state)
  expect([...reached].sort()).toEqual([...STATES].sort())
})
