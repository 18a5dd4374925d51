import { describe, expect, test } from 'vitest'
import { lists } from '../testing/announcer.ts'
import { AttributesOfLists } from './list-attributes.ts'

describe('attributes of a route', () => {
  const of = (...owners: string[]) => new AttributesOfLists(lists).of(owners)

  test('are the union of communities, and the rest of the list that comes first in the configuration', () => {
    expect(of('work', 'video')).toEqual({
      lists: ['video', 'work'],
      nextHopIpv4: '192.0.2.9',
      localPref: 50,
      med: 7,
      communities: [64496 * 65536 + 100, 64496 * 65536 + 200, 0xffffff01],
      largeCommunities: [[64496, 1, 2]],
    })
  })

  test('are the same object for the same owners in any order', () => {
    const attributes = new AttributesOfLists(lists)
    expect(attributes.of(['work', 'video'])).toBe(attributes.of(['video', 'work']))
  })

  test('of a list that is not configured here are none', () => {
    expect(of('other')).toEqual({ lists: ['other'], communities: [], largeCommunities: [] })
  })
})
