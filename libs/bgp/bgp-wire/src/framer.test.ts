import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hex, octets, recordedSessions } from '../test/recorded.ts'
import { BgpError } from './bgp-error.ts'
import { MessageFramer } from './framer.ts'

const MARKER = 'ff'.repeat(16)
const stream = recordedSessions().flatMap((session) => session.messages)
const whole = Buffer.concat(stream)

function cut(framer: MessageFramer, chunk: Uint8Array): string[] {
  const messages: string[] = []
  framer.push(chunk)
  for (let one = framer.next(); one !== undefined; one = framer.next()) messages.push(hex(one))
  return messages
}

function errorOf(bytes: Uint8Array, extended = false): BgpError {
  const framer = new MessageFramer()
  if (extended) framer.allowExtendedMessages()
  try {
    cut(framer, bytes)
  } catch (error) {
    if (error instanceof BgpError) return error
    throw error
  }
  throw new Error('no error')
}

describe('MessageFramer', () => {
  test('cuts what BIRD, FRR, GoBGP and ExaBGP sent into their messages, wherever the stream is split in two', () => {
    const expected = stream.map(hex)
    for (let at = 0; at <= whole.length; at++) {
      const framer = new MessageFramer()
      const first = cut(framer, whole.subarray(0, at))
      expect(first.concat(cut(framer, whole.subarray(at)))).toEqual(expected)
    }
  })

  test('cuts them however many pieces they come in', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 60 }), (sizes) => {
        const framer = new MessageFramer()
        const messages: string[] = []
        for (let at = 0, i = 0; at < whole.length; i++) {
          const size = sizes[i % sizes.length]
          messages.push(...cut(framer, whole.subarray(at, at + size)))
          at += size
        }
        expect(messages).toEqual(stream.map(hex))
      }),
      { numRuns: 50 },
    )
  })

  test('holds no more than the message that is being gathered', () => {
    const framer = new MessageFramer()
    framer.allowExtendedMessages()
    const update = octets(`${MARKER} ffff 02`)
    cut(framer, update)
    for (let i = 0; i < 100; i++) cut(framer, new Uint8Array(600))
    expect(framer.bufferedBytes).toBe(19 + 60000)
    expect(cut(framer, new Uint8Array(65535 - 19 - 60000)).length).toBe(1)
    expect(framer.bufferedBytes).toBe(0)
  })

  test('hands out a message that lies whole in the chunk without copying it', () => {
    const framer = new MessageFramer()
    framer.push(whole)
    expect(framer.next()?.buffer).toBe(whole.buffer)
    framer.push(stream[0])
    expect(framer.next()?.buffer).toBe(stream[0].buffer)
  })

  test.each([
    ['a marker that is not all ones', `fe${'ff'.repeat(15)} 0013 04`, 1, ''],
    ['a length below 19', `${MARKER} 0012 04`, 2, '0012'],
    ['a length above 4096', `${MARKER} 1001 02`, 2, '1001'],
    ['an OPEN below 29', `${MARKER} 001c 01`, 2, '001c'],
    ['an UPDATE below 23', `${MARKER} 0016 02`, 2, '0016'],
    ['a NOTIFICATION below 21', `${MARKER} 0014 03`, 2, '0014'],
    ['a KEEPALIVE that is not 19', `${MARKER} 0014 04`, 2, '0014'],
    ['a ROUTE-REFRESH below 23', `${MARKER} 0016 05`, 2, '0016'],
    ['a type nobody knows', `${MARKER} 0013 06`, 3, '06'],
    ['type 0', `${MARKER} 0013 00`, 3, '00'],
  ])('%s is a Message Header Error that shows the peer what was wrong (RFC 4271 §6.1)', (_name, text, subcode, data) => {
    const error = errorOf(octets(text))
    expect([error.code, error.subcode, hex(error.data)]).toEqual([1, subcode, data])
  })

  test('an OPEN or KEEPALIVE is never longer, even with extended messages (RFC 8654 §4)', () => {
    expect(errorOf(octets(`${MARKER} 1001 01`), true)).toMatchObject({ code: 1, subcode: 2 })
    expect(errorOf(octets(`${MARKER} 0014 04`), true)).toMatchObject({ code: 1, subcode: 2 })
  })

  test('random octets come out as nothing or as a BgpError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, marked) => {
        const chunk = marked ? Buffer.concat([octets(MARKER), bytes]) : bytes
        try {
          cut(new MessageFramer(), chunk)
        } catch (error) {
          expect(error).toBeInstanceOf(BgpError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
