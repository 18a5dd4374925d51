import { expect, test } from 'vitest'
import {
  WELL_KNOWN_COMMUNITIES,
  formatCommunity,
  formatLargeCommunity,
  parseCommunity,
  parseLargeCommunity,
} from './communities.ts'

test.each([
  ['64496:100', 0xfbf00064],
  ['0:0', 0],
  ['65535:65535', 0xffffffff],
  ['no-export', 0xffffff01],
  ['NO_EXPORT', 0xffffff01],
  ['local-as', 0xffffff03],
  ['blackhole', 0xffff029a],
])('%s is a community', (text, value) => expect(parseCommunity(text)).toBe(value))

test.each(['', '1', '1:2:3', '65536:1', '1:65536', '-1:1', '01:1', '1:', 'no-such', ' 1:1', '1:1e3'])('%j is none', (text) =>
  expect(parseCommunity(text)).toBeUndefined(),
)

test('a community is written so that it is read back, well-known ones by name', () => {
  for (const value of [0, 0xfbf00064, 0xffffffff, ...WELL_KNOWN_COMMUNITIES.values()]) {
    expect(parseCommunity(formatCommunity(value))).toBe(value)
  }
  expect(formatCommunity(0xffffff02)).toBe('no-advertise')
})

test('large communities are three numbers of four octets (RFC 8092)', () => {
  expect(parseLargeCommunity('4200000001:1:2')).toEqual([4200000001, 1, 2])
  expect(formatLargeCommunity([4200000001, 1, 2])).toBe('4200000001:1:2')
  for (const text of ['1:2', '4294967296:0:0', '1:2:03', '1:2:3:4']) expect(parseLargeCommunity(text)).toBeUndefined()
})
