import { beforeEach, describe, expect, test } from 'vitest'
import { BOUNDS } from './bounds.ts'
import { Judge } from './judge.ts'
import { Model } from './model.ts'
import { Timeline } from './timeline.ts'

const LIFETIME = 40_000
const ADDRESS = '20.0.0.1'
const EARLY = BOUNDS.earlyMs(LIFETIME)

describe('the model', () => {
  let timeline: Timeline
  let model: Model
  const seen = (atMs: number, via = 'resolver-1') =>
    model.sighted('steady', 'a.example', ADDRESS, { atMs, lifetimeMs: LIFETIME, via })

  beforeEach(() => {
    timeline = new Timeline(() => 0)
    model = new Model(timeline)
  })

  test('wants a route a while after the sighting, until repeats held back may let it end', () => {
    seen(0)
    model.settle(BOUNDS.settleMs - 1)
    expect(model.mustHold(ADDRESS, BOUNDS.settleMs, BOUNDS.settleMs)).toBe(false)
    model.settle(BOUNDS.settleMs)
    expect(model.mustHold(ADDRESS, BOUNDS.settleMs - 1, BOUNDS.settleMs)).toBe(false)
    expect(model.mustHold(ADDRESS, BOUNDS.settleMs, LIFETIME - EARLY - 1)).toBe(true)
    expect(model.mustHold(ADDRESS, BOUNDS.settleMs, LIFETIME - EARLY)).toBe(false)
    expect(model.goneBy(ADDRESS)).toBe(LIFETIME + BOUNDS.lateMs)
  })

  test('wants it without a gap as long as sightings follow in time', () => {
    seen(0)
    seen(20_000)
    model.settle(30_000)
    expect(model.mustHold(ADDRESS, 10_000, 20_000 + LIFETIME - EARLY - 1)).toBe(true)
  })

  test('allows more time on a machine that keeps processes waiting', () => {
    timeline = new Timeline((from, to) => (to - from) / 2)
    model = new Model(timeline)
    seen(0)
    expect(model.goneBy(ADDRESS)).toBeGreaterThan(LIFETIME + 1.5 * BOUNDS.lateMs)
  })

  test('neither wants nor forbids what a killed process may have lost', () => {
    const outage = timeline.begin(1000)
    outage.add('kill', { loses: ['resolver-1'] })
    seen(0)
    outage.toMs = 5000
    model.settle(100_000)
    expect(model.mustHold(ADDRESS, 10_000, 10_000)).toBe(false)
    expect(model.goneBy(ADDRESS)).toBe(5000 + LIFETIME + BOUNDS.lateMs)
  })

  test('wants what waited for a frozen process, and calls a removal meanwhile wrong', () => {
    seen(0)
    model.settle(10_000)
    const outage = timeline.begin(LIFETIME - 15_000)
    outage.add('freeze', {})
    seen(LIFETIME - 10_000)
    outage.toMs = LIFETIME
    model.settle(LIFETIME + BOUNDS.afterOutageMs)
    expect(model.wasValid(ADDRESS, LIFETIME)).toBe(true)
    expect(model.mustHold(ADDRESS, LIFETIME + BOUNDS.afterOutageMs, LIFETIME + BOUNDS.afterOutageMs)).toBe(true)
  })

  test('does not blame a cache for a fact that it could not know of', () => {
    const outage = timeline.begin(0)
    outage.add('freeze', { hides: ['resolver-1'] })
    seen(1000)
    outage.toMs = 10_000
    model.settle(60_000)
    expect(model.wasValid(ADDRESS, 10_000)).toBe(false)
    expect(model.mustHold(ADDRESS, 10_000 + BOUNDS.afterOutageMs, 10_000 + BOUNDS.afterOutageMs)).toBe(true)
  })

  test('lets what expired during an outage stay for the documented wait after it, and no longer', () => {
    seen(0)
    timeline.begin(LIFETIME - 1000).toMs = LIFETIME + 10_000
    expect(model.goneBy(ADDRESS)).toBe(LIFETIME + 10_000 + BOUNDS.expiryWaitMs + BOUNDS.lateMs)
  })

  test('lets what expires soon after an outage stay for the documented wait after it', () => {
    // A killed ingest is awaited for 30 s, longer than it takes to start again.
    timeline.begin(LIFETIME - 20_000).toMs = LIFETIME - 10_000
    seen(0)
    expect(model.goneBy(ADDRESS)).toBe(LIFETIME - 10_000 + BOUNDS.expiryWaitMs + BOUNDS.lateMs)
  })

  test('wants a name gone soon after it was taken from its list, and back only when it was seen again', () => {
    seen(0)
    model.settle(10_000)
    model.edited('a.example', false, 10_000)
    seen(11_000)
    expect(model.mustHold(ADDRESS, 10_000, 10_000)).toBe(false)
    expect(model.goneBy(ADDRESS)).toBe(10_000 + BOUNDS.editMs + BOUNDS.lateMs)
    model.edited('a.example', true, 20_000)
    seen(30_000)
    model.settle(40_000)
    expect(model.mustHold(ADDRESS, 35_000, 40_000)).toBe(true)
  })

  test('wants what a lost store knew for the time that announcers hold it, then only what was seen again', () => {
    seen(0)
    model.settle(5000)
    model.storeLost(6000, 20_000)
    expect(model.mustHold(ADDRESS, 5000, 25_999)).toBe(true)
    expect(model.mustHold(ADDRESS, 5000, 26_000)).toBe(false)
  })

  test('does not want what was too young for the file of an announcer that was killed with the store', () => {
    seen(0)
    model.settle(5000)
    model.storeLost(6000, 20_000, 5000)
    expect(model.mustHold(ADDRESS, 5000, 6000)).toBe(false)
  })

  test('does not count what was still under way when the store was lost', () => {
    seen(0)
    model.storeLost(1000, 20_000)
    model.settle(10_000)
    expect(model.mustHold(ADDRESS, 10_000, 10_000)).toBe(false)
  })

  test('never allows a route for a name that no list has', () => {
    model.unlisted('20.0.0.9')
    expect(model.goneBy('20.0.0.9')).toBe(-Infinity)
  })
})

describe('the judge', () => {
  const timeline = new Timeline(() => 0)
  let judge: Judge
  let model: Model
  const held = new Set([`${ADDRESS}/32`])

  beforeEach(() => {
    model = new Model(timeline)
    judge = new Judge(model)
    model.sighted('steady', 'a.example', ADDRESS, { atMs: 0, lifetimeMs: LIFETIME, via: 'resolver-1' })
    judge.settle(10_000)
  })

  test('finds a valid route that is missing, once for as long as it lasts', () => {
    judge.look('one', held, 10_000, 10_001, 1)
    judge.look('one', new Set(), 11_000, 11_001, 1)
    judge.look('one', new Set(), 12_000, 12_001, 1)
    expect(judge.violations).toMatchObject([{ kind: 'missing', seat: 'one', atMs: 11_001, untilMs: 12_001 }])
  })

  test('finds one that stays too long, and one that nothing explains', () => {
    judge.look('one', held, LIFETIME + BOUNDS.lateMs, LIFETIME + BOUNDS.lateMs + 1, 1)
    expect(judge.violations).toEqual([])
    judge.look('one', new Set([...held, '23.0.0.0/8']), LIFETIME + BOUNDS.lateMs + 1, LIFETIME + BOUNDS.lateMs + 2, 1)
    expect(judge.violations.map((one) => `${one.kind} ${one.address}`)).toEqual([`stale ${ADDRESS}`, 'stale 23.0.0.0/8'])
  })

  test('finds a removal while valid, though the route was back before the next look', () => {
    judge.look('one', held, 10_000, 10_001, 1)
    judge.removed([{ seat: 'one', prefix: `${ADDRESS}/32`, atMs: 11_000 }], 1)
    judge.look('one', held, 12_000, 12_001, 1)
    judge.settle(30_000)
    expect(judge.violations).toMatchObject([{ kind: 'removed', atMs: 11_000 }])
    expect(judge.violations[0].story.length).toBeGreaterThan(0)
  })

  test('says nothing of a seat whose router was away', () => {
    judge.seatAway('one', 10_500)
    judge.removed([{ seat: 'one', prefix: `${ADDRESS}/32`, atMs: 11_000 }], 1)
    judge.look('one', new Set(), 12_000, 12_001, 1)
    judge.seatsBack(13_000)
    judge.settle(30_000)
    expect(judge.violations).toEqual([])
  })
})
