import { expect, test } from 'vitest'
import { encodeHoldReply, HoldResult, ticketOf } from './hold-wire.ts'

test('a ticket is the word "hold" and a number of four octets', () => {
  const bytes = Buffer.from('..hold\xff\x00\x00\x07..', 'latin1')
  expect(ticketOf(bytes, 2, 10)).toBe(0xff000007)
})

test.each([
  ['nothing', '', 0, 0],
  ['too little', 'hold\0\0\0', 0, 7],
  ['too much', 'hold\0\0\0\0\0', 0, 9],
  ['another word', 'holD\0\0\0\0', 0, 8],
])('%s is no ticket', (_name, text, start, end) => {
  expect(ticketOf(Buffer.from(text, 'latin1'), start, end)).toBeUndefined()
})

test('a reply has the ticket, the result and an octet that is free', () => {
  expect([...encodeHoldReply(0xff000007, HoldResult.late)]).toEqual([255, 0, 0, 7, 2, 0])
})
