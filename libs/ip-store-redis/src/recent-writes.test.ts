import { NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { FakeClock } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { RecentWrites } from './recent-writes.ts'

describe('what a store was told last', () => {
  test('is there for five seconds, in order, what was forgotten too', () => {
    const clock = new FakeClock()
    const recent = new RecentWrites(clock)
    const at = (index: number) => sighting({ prefix: `192.0.2.${index}/32` })
    recent.observed([at(1)], ['new'], NO_LIMITS)
    clock.advance(3000)
    recent.observed([at(2)], ['refreshed'], NO_LIMITS)
    recent.forgot([at(1)])
    expect(recent.all()).toEqual([
      { sightings: [at(1)], limits: NO_LIMITS },
      { sightings: [at(2)], limits: NO_LIMITS },
      { keys: [at(1)] },
    ])
    clock.advance(2000)
    recent.observed([at(3)], ['stale'], NO_LIMITS)
    expect(recent.all().slice(-1)).toEqual([{ sightings: [at(3)], limits: NO_LIMITS }])
    expect(recent.all()).toHaveLength(3)
  })

  test('is let go of although nothing was written since', () => {
    const clock = new FakeClock()
    const recent = new RecentWrites(clock)
    const key = (name: string) => ({ list: 'default', name, prefix: '192.0.2.1/32' })
    recent.forgot([key('old.example')])
    clock.advance(4000)
    recent.forgot([key('young.example')])
    clock.advance(2000)
    recent.trim()
    expect(recent.all()).toEqual([{ keys: [key('young.example')] }])
  })

  test('is not what was refused, and no rate is held twice', () => {
    const recent = new RecentWrites(new FakeClock())
    const bound = sighting({ noNewRoute: true })
    recent.observed([bound, bound, sighting()], ['refreshed', 'no-new-route', 'full-routes'], NO_LIMITS)
    recent.observed([sighting()], ['full-routes'], NO_LIMITS)
    expect(recent.all()).toEqual([{ sightings: [{ ...bound, noNewRoute: false }], limits: NO_LIMITS }])
  })

  test.each(['gone.example', '192.0.2.7/32'])('has no sighting of %s after another replica forgot that by hand', (subject) => {
    const recent = new RecentWrites(new FakeClock())
    const gone = sighting({ name: 'gone.example', prefix: '192.0.2.7/32' })
    const stays = sighting({ name: 'stays.example', prefix: '192.0.2.8/32' })
    const key = { list: 'default', name: 'own.example', prefix: '192.0.2.9/32' }
    recent.observed([gone, stays], ['new', 'new'], NO_LIMITS)
    recent.forgot([key])
    recent.forgottenElsewhere(subject)
    expect(recent.all()).toEqual([{ sightings: [stays], limits: NO_LIMITS }, { keys: [key] }])
    recent.observed([gone], ['new'], NO_LIMITS)
    expect(recent.all().at(-1)).toEqual({ sightings: [gone], limits: NO_LIMITS })
  })

  test('is no more than 100,000 bindings, and old ones make room', () => {
    const recent = new RecentWrites(new FakeClock())
    const many = Array.from({ length: 1000 }, (_, at) => sighting({ prefix: `10.0.${at >> 8}.${at & 255}/32` }))
    for (let call = 0; call < 250; call++)
      recent.observed(
        many.map((one) => ({ ...one, seenAtMs: call })),
        many.map(() => 'new' as const),
        NO_LIMITS,
      )
    const seen = recent.all().map((write) => ('sightings' in write ? write.sightings[0]?.seenAtMs : undefined))
    expect(seen).toEqual(Array.from({ length: 100 }, (_, at) => 150 + at))
  })
})
