import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hex, octets, recordedSessions } from '../test/recorded.ts'
import { BgpError, describeError } from './bgp-error.ts'
import { message } from './header.ts'
import { cease, decodeNotification, encodeNotification, hardReset } from './notification.ts'
import { CeaseSubcode, ErrorCode } from './numbers.ts'

const last = new Map(recordedSessions().map((one) => [`${one.implementation} ${one.session}`, one.messages.at(-1)!]))

describe('decodeNotification', () => {
  test("reads BIRD's shutdown communication (RFC 9003)", () => {
    expect(decodeNotification(last.get('bird external')!)).toMatchObject({
      code: 6,
      subcode: 2,
      hardReset: false,
      shutdownCommunication: 'maintenance until noon, ünicode',
      description: 'Cease, Administrative Shutdown: "maintenance until noon, ünicode"',
    })
  })

  test("looks into FRR's Hard Reset (RFC 8538)", () => {
    expect(decodeNotification(last.get('frr external')!)).toMatchObject({
      code: 6,
      subcode: 2,
      hardReset: true,
      description: 'Hard Reset of Cease, Administrative Shutdown: "maintenance until noon"',
    })
  })

  test('reads a shutdown without words (GoBGP)', () => {
    const read = decodeNotification(last.get('gobgp external')!)
    expect(read).toMatchObject({ code: 6, subcode: 2, description: 'Cease, Administrative Shutdown' })
    expect(read.shutdownCommunication).toBeUndefined()
  })

  test.each([
    ['a length beyond the data', '0602 05 6162'],
    ['a length of 0', '0602 00'],
    ['no data', '0604'],
    ['another subcode', '0601 02 6162'],
  ])('finds no text with %s', (_name, body) => {
    expect(decodeNotification(message(3, octets(body))).shutdownCommunication).toBeUndefined()
  })

  test.each([
    ['a line break', '0d0a', '��'],
    ['an escape sequence', '1b5b316d', '�[1m'],
    ['a direction override', 'e280ae', '�'],
    ['a surrogate', 'eda080', '���'],
    ['an overlong slash', 'c0af', '��'],
    ['a cut character', 'e282', '��'],
    ['an emoji', 'f09f9880', '😀'],
  ])('%s in a text of a stranger is harmless in a log', (_name, text, shown) => {
    const body = octets(`0602 ${(text.length / 2).toString(16).padStart(2, '0')} ${text}`)
    expect(decodeNotification(message(3, body)).shutdownCommunication).toBe(shown)
  })

  test('reads UTF-8 as another implementation does', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 40 }),
          fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map((text) => new Uint8Array(Buffer.from(text))),
        ),
        (bytes) => {
          const theirs = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
          const printable = theirs.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '\ufffd')
          const ours = decodeNotification(message(3, [6, 2, bytes.length, ...bytes])).shutdownCommunication
          // How many U+FFFD stand for a broken sequence is a matter of taste.
          expect(ours?.replaceAll(/\ufffd+/g, '\ufffd')).toBe(printable.replaceAll(/\ufffd+/g, '\ufffd'))
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('never fails', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 300 }), (body) => {
        expect(decodeNotification(message(3, body)).description).not.toBe('')
      }),
    )
  })

  test('keeps a copy of the data', () => {
    const bytes = Buffer.from(message(3, octets('0202 0000fbf0')))
    const { data } = decodeNotification(bytes)
    bytes.fill(0)
    expect(hex(data)).toBe('0000fbf0')
  })
})

describe('encodeNotification', () => {
  test('writes what was decoded', () => {
    for (const bytes of last.values()) {
      if (bytes[18] !== 3) continue
      expect(hex(encodeNotification({ code: bytes[19], subcode: bytes[20], data: bytes.subarray(21) }))).toBe(hex(bytes))
    }
  })

  test('a text goes with a shutdown or reset alone, cut at a character before 255 octets', () => {
    expect(hex(cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, 'bye').data)).toBe('03627965')
    expect(hex(cease(CeaseSubcode.PEER_DE_CONFIGURED, 'bye').data)).toBe('')
    const long = cease(CeaseSubcode.ADMINISTRATIVE_RESET, 'ü'.repeat(200))
    expect(long.data.length).toBe(255)
    expect(decodeNotification(encodeNotification(long)).shutdownCommunication).toBe('ü'.repeat(127))
  })

  test('a Hard Reset wraps the NOTIFICATION it stands for', () => {
    const wrapped = encodeNotification(hardReset(cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, 'bye')))
    expect(hex(wrapped.subarray(19))).toBe('0609060203627965')
    expect(decodeNotification(wrapped)).toMatchObject({ code: 6, subcode: 2, hardReset: true, shutdownCommunication: 'bye' })
  })

  test('never grows beyond a message', () => {
    expect(encodeNotification(new BgpError(ErrorCode.UPDATE_MESSAGE_ERROR, 9, new Uint8Array(60000))).length).toBe(4096)
  })
})

test('errors have the names of the IANA registries, or their numbers', () => {
  expect(describeError(2, 2)).toBe('OPEN Message Error, Bad Peer AS')
  expect(describeError(4, 0)).toBe('Hold Timer Expired')
  expect(describeError(5, 3)).toBe('Finite State Machine Error, Receive Unexpected Message in Established State')
  expect(describeError(6, 99)).toBe('Cease, subcode 99')
  expect(describeError(77, 0)).toBe('error code 77')
})
