import { expect, test } from 'vitest'
import { ResolverClock, ResolverClocks } from './resolver-clocks.ts'

const STEP_MS = 600_000
/** Now: the times below are differences to it. */
const NOW_MS = Date.UTC(2026, 0, 1)

test.each([
  ['our clock set ahead, the resolver elsewhere', { resolver: 0, wall: STEP_MS }],
  ['our clock set back, the resolver elsewhere', { resolver: 0, wall: -STEP_MS }],
  ["our clock set ahead, which is the resolver's too", { resolver: STEP_MS, wall: STEP_MS }],
  ["our clock set back, which is the resolver's too", { resolver: -STEP_MS, wall: -STEP_MS }],
  ["the resolver's own clock set ahead", { resolver: STEP_MS, wall: 0 }],
] as const)('%s: no answer becomes old by that', (_what, { resolver, wall }) => {
  const clock = new ResolverClock(new Uint8Array(0))
  for (let second = 0; second < 10; second++) clock.ageMs(NOW_MS, NOW_MS, NOW_MS, second)
  for (let second = 10; second < 200; second++) expect(clock.ageMs(NOW_MS + resolver, NOW_MS + wall, NOW_MS, second)).toBe(0)
  expect(clock.ageMs(NOW_MS + resolver, NOW_MS + wall + 1500, NOW_MS + 1500, 200)).toBe(1500)
})

test('an identity is found again by its octets, to the 255th, and none is one too', () => {
  const clocks = new ResolverClocks()
  const of = (text: string) => clocks.of(Buffer.from(`<${text}>`), 1, 1 + text.length)
  const first = of('ns1')
  const nobody = of('')
  expect(of('ns2')).not.toBe(first)
  expect(of('ns')).not.toBe(first)
  expect(of('ns1')).toBe(first)
  expect(of('')).toBe(nobody)
  expect(of(`${'x'.repeat(255)}1`)).toBe(of(`${'x'.repeat(255)}2`))
})

test('sixty-four are known of one connection: the next takes the place of the first', () => {
  const clocks = new ResolverClocks()
  const of = (i: number) => clocks.of(Uint8Array.of(i), 0, 1)
  const all = Array.from({ length: 64 }, (_, i) => of(i))
  expect(of(0)).toBe(all[0])
  of(64)
  expect(of(1)).toBe(all[1])
  expect(of(63)).toBe(all[63])
  expect(of(0)).not.toBe(all[0])
})
