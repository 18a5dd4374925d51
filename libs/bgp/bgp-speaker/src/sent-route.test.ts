import { expect, test } from 'vitest'
import { communityTexts, sentRoute } from './sent-route.ts'

test('a route is shown as the peer was told it', () => {
  const attributes = { asPath: [64496], nextHop: Uint8Array.of(192, 0, 2, 9), med: 7, communities: [0xffff029a, 0xfbf00064] }
  expect(sentRoute('203.0.113.7/32', attributes)).toEqual({
    prefix: '203.0.113.7/32',
    nextHop: '192.0.2.9',
    asPath: [64496],
    med: 7,
    communities: ['blackhole', '64496:100'],
  })
})

test('communities are written as operators write them', () => {
  expect(communityTexts([0xffffff01, 0xfbf00064], [[64496, 1, 2]])).toEqual(['no-export', '64496:100', '64496:1:2'])
})
