/** Communities of BGP. */
import { nearest } from './nearest.ts'
import { Wrong, writtenText } from './read.ts'
import type { Read } from './read.ts'

const WELL_KNOWN_COMMUNITIES: ReadonlyMap<string, number> = new Map([
  ['graceful-shutdown', 0xffff0000],
  ['accept-own', 0xffff0001],
  ['llgr-stale', 0xffff0006],
  ['no-llgr', 0xffff0007],
  ['blackhole', 0xffff029a],
  ['no-export', 0xffffff01],
  ['no-advertise', 0xffffff02],
  ['no-export-subconfed', 0xffffff03],
  ['no-peer', 0xffffff04],
])

/** RFC 1997, as a 32-bit number: "65000:100", or a well-known one by its name (IANA's registry). */
export const community: Read<number> = (value) => {
  const written = writtenText(value)?.toLowerCase()
  const expected = `"AS:value" (each from 0 to 65535) or one of ${[...WELL_KNOWN_COMMUNITIES.keys()].join(', ')}`
  if (written === undefined) return new Wrong(expected)
  const named = WELL_KNOWN_COMMUNITIES.get(written.replaceAll('_', '-').replace(/^nopeer$/, 'no-peer'))
  if (named !== undefined) return named
  const parts = numbersOf(written, 2, 0xffff)
  if (parts !== undefined) return parts[0] * 0x10000 + parts[1]
  const near = nearest(written, WELL_KNOWN_COMMUNITIES.keys())
  return new Wrong(expected, { suggestion: near === undefined ? undefined : JSON.stringify(near) })
}

/** RFC 8092: "4200000000:1:2". */
export const largeCommunity: Read<readonly [number, number, number]> = (value) => {
  const parts = numbersOf(writtenText(value) ?? '', 3, 0xffffffff)
  return parts === undefined ? new Wrong('"AS:value:value" (each from 0 to 4294967295)') : [parts[0], parts[1], parts[2]]
}

function numbersOf(written: string, count: number, maximum: number): number[] | undefined {
  const parts = written.split(':')
  if (parts.length !== count || !parts.every((part) => /^\d{1,10}$/.test(part) && Number(part) <= maximum)) return undefined
  return parts.map(Number)
}
