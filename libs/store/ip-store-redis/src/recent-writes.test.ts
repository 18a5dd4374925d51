import { NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { FakeClock } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { RecentWrites } from './recent-writes.ts'

const at = (index: number) => sighting({ prefix: `192.0.2.${index}/32` })
const key = (name: string) => ({ list: 'default', name, prefix: '192.0.2.1/32' })

function recentWrites() {
  const clock = new FakeClock()
  const recent = new RecentWrites(clock)
  const owed = () => recent.owed().map(({ write }) => write)
  /** All that is told to a server that lost its memory. */
  const whenLost = () => {
    recent.lost()
    return owed()
  }
  return { clock, recent, owed, whenLost }
}

describe('what a store was told last', () => {
  test('is there in order, but what was forgotten comes first', () => {
    const { clock, recent, owed, whenLost } = recentWrites()
    recent.observed([at(1)], ['new'], NO_LIMITS)
    clock.advance(3000)
    recent.observed([at(2)], ['refreshed'], NO_LIMITS)
    recent.forgot([key('gone.example')])
    recent.observed([at(3)], ['stale'], NO_LIMITS)
    expect(owed()).toEqual([])
    expect(whenLost()).toEqual([
      { keys: [key('gone.example')] },
      ...[1, 2, 3].map((index) => ({ sightings: [at(index)], limits: NO_LIMITS })),
    ])
  })

  test('is there for five seconds', () => {
    const { clock, recent, whenLost } = recentWrites()
    recent.observed([at(1)], ['new'], NO_LIMITS)
    clock.advance(5000)
    recent.observed([at(2)], ['new'], NO_LIMITS)
    expect(whenLost()).toEqual([{ sightings: [at(2)], limits: NO_LIMITS }])
  })

  test('is forgotten although nothing was written since', () => {
    const { clock, recent, whenLost } = recentWrites()
    recent.forgot([key('old.example')])
    clock.advance(4000)
    recent.forgot([key('young.example')])
    clock.advance(2000)
    recent.answered()
    recent.trim()
    expect(whenLost()).toEqual([{ keys: [key('young.example')] }])
  })

  test('is of the seconds before the last answer, however long the server hung before it died', () => {
    const { clock, recent, whenLost } = recentWrites()
    recent.observed([at(1)], ['new'], NO_LIMITS)
    clock.advance(3000)
    recent.answered()
    clock.advance(60_000)
    recent.trim()
    expect(whenLost()).toEqual([{ sightings: [at(1)], limits: NO_LIMITS }])
  })

  test('is kept until it was stored in the new server, and may be lost again after that', () => {
    const { clock, recent, owed, whenLost } = recentWrites()
    recent.observed([at(1)], ['new'], NO_LIMITS)
    recent.lost()
    clock.advance(60_000)
    recent.observed([at(2)], ['new'], NO_LIMITS)
    expect(owed()).toEqual([{ sightings: [at(1)], limits: NO_LIMITS }])
    for (const one of recent.owed()) recent.told(one)
    expect(owed()).toEqual([])
    clock.advance(1000)
    recent.observed([at(3)], ['new'], NO_LIMITS)
    expect(whenLost()).toHaveLength(3)
    for (const one of recent.owed()) recent.told(one)
    clock.advance(5000)
    recent.answered()
    recent.trim()
    expect(whenLost()).toEqual([])
  })

  test('does not hold refused writes, nor one rate twice', () => {
    const { recent, whenLost } = recentWrites()
    const bound = sighting({ noNewRoute: true })
    recent.observed([bound, bound, sighting()], ['refreshed', 'no-new-route', 'full-routes'], NO_LIMITS)
    recent.observed([sighting()], ['full-routes'], NO_LIMITS)
    expect(whenLost()).toEqual([{ sightings: [{ ...bound, noNewRoute: false }], limits: NO_LIMITS }])
  })

  test('is no sighting of a binding that was forgotten after it', () => {
    const { recent, owed } = recentWrites()
    recent.observed([at(1), at(2)], ['new', 'new'], NO_LIMITS)
    recent.lost()
    const { list, name, prefix } = at(1)
    recent.forgot([
      { list, name, prefix },
      { list: 'another', name, prefix: at(2).prefix },
    ])
    expect(owed()).toEqual([{ sightings: [at(2)], limits: NO_LIMITS }])
  })

  test.each(['gone.example', '192.0.2.7/32'])('has no sighting of %s after another replica forgot that by hand', (subject) => {
    const { recent, whenLost } = recentWrites()
    const gone = sighting({ name: 'gone.example', prefix: '192.0.2.7/32' })
    const stays = sighting({ name: 'stays.example', prefix: '192.0.2.8/32' })
    recent.observed([gone, stays], ['new', 'new'], NO_LIMITS)
    recent.forgot([key('own.example')])
    recent.forgottenElsewhere(subject)
    expect(whenLost()).toEqual([{ keys: [key('own.example')] }, { sightings: [stays], limits: NO_LIMITS }])
    recent.observed([gone], ['new'], NO_LIMITS)
    expect(whenLost().at(-1)).toEqual({ sightings: [gone], limits: NO_LIMITS })
  })

  test('is no more than 100,000 bindings, and old ones make room', () => {
    const { recent, whenLost } = recentWrites()
    const many = Array.from({ length: 1000 }, (_, at) => sighting({ prefix: `10.0.${at >> 8}.${at & 255}/32` }))
    for (let call = 0; call < 250; call++) {
      recent.observed(
        many.map((one) => ({ ...one, seenAtMs: call })),
        many.map(() => 'new' as const),
        NO_LIMITS,
      )
      if (call === 200) recent.lost() // what is owed, too
    }
    const seen = whenLost().map((write) => ('sightings' in write ? write.sightings[0]?.seenAtMs : undefined))
    expect(seen).toEqual(Array.from({ length: 100 }, (_, at) => 150 + at))
  })
})
