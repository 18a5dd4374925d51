import { describe, expect, test } from 'vitest'
import { hex, recordedSessions } from '../test/recorded.ts'
import { BgpError } from './bgp-error.ts'
import { MessageFramer } from './framer.ts'
import { decodeMessage, encodeKeepalive } from './message.ts'

const CONTEXT = { fourOctetAsn: true, internal: true, families: ['ipv4', 'ipv6'] as const, extendedNextHop: [] }

describe('decodeMessage', () => {
  test('tells the messages of a session apart', () => {
    const bird = recordedSessions().find((one) => one.implementation === 'bird' && one.session === 'internal')!
    expect(bird.messages.map((bytes) => decodeMessage(bytes, CONTEXT).type)).toEqual([
      'OPEN',
      'KEEPALIVE',
      ...Array.from({ length: 5 }, () => 'UPDATE'),
      'ROUTE_REFRESH',
      'UPDATE',
      'ROUTE_REFRESH',
      'UPDATE',
      'UPDATE',
      'NOTIFICATION',
    ])
  })

  test('a KEEPALIVE is what others send as one', () => {
    for (const { messages } of recordedSessions()) expect(hex(encodeKeepalive())).toBe(hex(messages[1]))
  })

  test('recorded sessions with damaged octets give messages or a BgpError, and the framer never runs on', () => {
    const streams = recordedSessions().map(({ messages }) => Buffer.concat(messages))
    let seed = 1
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below
    for (let round = 0; round < 3000; round++) {
      const bytes = Buffer.from(streams[random(streams.length)])
      for (let i = random(6); i >= 0; i--) bytes[random(bytes.length)] = random(256)
      const framer = new MessageFramer()
      framer.push(bytes)
      try {
        let total = 0
        for (let one = framer.next(); one !== undefined; one = framer.next()) {
          decodeMessage(one, CONTEXT)
          total += one.length
        }
        expect(total + framer.bufferedBytes).toBe(bytes.length)
      } catch (error) {
        if (!(error instanceof BgpError)) throw error
      }
    }
  })
})
