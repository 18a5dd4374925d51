import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { captureNames, readCapture } from '../test/captures.ts'
import { slowDecode, type SlowFrame } from '../test/slow-decoder.ts'
import { DnstapDecoder, DnstapFault, dnstapFaultName } from './decoder.ts'
import { MessageType, messageTypeName } from './message-type.ts'

const decoder = new DnstapDecoder()
const BYTES_FIELDS = ['identity', 'version', 'queryAddress', 'responseAddress', 'responseMessage'] as const
const NUMBER_FIELDS = ['messageType', 'queryPort', 'responseTimeSec', 'responseTimeNsec'] as const

/** What the decoder found, in the twin's form. */
function fields(bytes: Uint8Array): SlowFrame {
  const found: SlowFrame = {}
  for (const name of BYTES_FIELDS)
    found[name] = Buffer.from(bytes.subarray(decoder[`${name}Start`], decoder[`${name}End`])).toString('hex')
  for (const name of NUMBER_FIELDS) found[name] = decoder[name]
  return found
}

/** Decodes `frame` in the middle of other bytes, which must not be read. */
function decode(frame: Uint8Array): SlowFrame | string {
  const bytes = new Uint8Array(frame.length + 32).fill(0x08)
  bytes.set(frame, 16)
  const code = decoder.decode(bytes, 16, 16 + frame.length)
  return code === 0 ? fields(bytes) : dnstapFaultName(code)
}

function slow(frame: Uint8Array): SlowFrame | string {
  try {
    return slowDecode(frame)
  } catch (error) {
    return (error as Error).message
  }
}

const varint = (value: number | bigint): number[] => {
  const bytes: number[] = []
  let rest = BigInt(value)
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}
const number = (field: number, value: number | bigint) => [...varint(field * 8), ...varint(value)]
const bytes = (field: number, value: Iterable<number>) => {
  const content = [...value]
  return [...varint(field * 8 + 2), ...varint(content.length), ...content]
}
const frame = (...parts: number[][]) => Uint8Array.from(parts.flat())

describe('as proto2 wants it', () => {
  test('fields come in any order, type after message or before', () => {
    const parts = [number(15, 1), bytes(14, [...number(12, 1_795_398_360), ...number(1, 6)]), bytes(1, [0x61])]
    const expected = { messageType: 6, responseTimeSec: 1_795_398_360, identity: '61' }
    expect(decode(frame(...parts))).toMatchObject(expected)
    expect(decode(frame(...parts.reverse()))).toMatchObject(expected)
  })

  test('of a repeated scalar the last counts', () => {
    const message = [...number(1, 5), ...bytes(14, [1, 2, 3]), ...number(1, 6), ...bytes(14, [9])]
    expect(decode(frame(bytes(1, [1]), bytes(14, message), bytes(1, [2, 3])))).toMatchObject({
      identity: '0203',
      messageType: 6,
      responseMessage: '09',
    })
  })

  test('a repeated message is merged', () => {
    const result = decode(frame(bytes(14, [...number(1, 6), ...number(12, 53)]), bytes(14, bytes(14, [9]))))
    expect(result).toMatchObject({ messageType: 6, responseTimeSec: 53, responseMessage: '09' })
  })

  test('unknown fields of every wire type are skipped, in the frame and in the message', () => {
    const unknown = [
      ...number(16, 5),
      ...number(536870911, 5),
      ...varint(17 * 8 + 1),
      ...[1, 2, 3, 4, 5, 6, 7, 8],
      ...bytes(18, new Array<number>(300).fill(0xff)),
      ...varint(19 * 8 + 5),
      ...[1, 2, 3, 4],
    ]
    const result = decode(frame(unknown, bytes(14, [...unknown, ...number(1, 6), ...unknown]), unknown))
    expect(result).toMatchObject({ messageType: 6 })
  })

  test('a known field of another wire type is skipped', () => {
    const result = decode(frame(number(1, 7), bytes(15, [1]), bytes(14, [...bytes(1, [6]), ...number(14, 1)])))
    expect(result).toMatchObject({ identity: '', messageType: 0, responseMessage: '' })
  })

  test('unknown enum values leave the field as it was', () => {
    const result = decode(frame(number(15, 1), number(15, 2), bytes(14, [...number(1, 6), ...number(1, 15)])))
    expect(result).toMatchObject({ messageType: 6 })
  })

  test.each([2n ** 53n - 1n, 2n ** 64n - 1n])('numbers are cut to 32 bits, times kept to 53: %s', (seconds) => {
    const message = [...number(1, 0xffff_0000_0006n), ...number(12, seconds)]
    expect(decode(frame(bytes(14, message)))).toMatchObject({ messageType: 6, responseTimeSec: Number.MAX_SAFE_INTEGER })
  })

  test('a varint may be longer than it must', () => {
    expect(decode(frame([0xf2, 0x80, 0x00, 0x83, 0x00, 0x88, 0x00, 0x06]))).toMatchObject({ messageType: 6 })
  })

  test.each([
    ['a group', [0x0b], 'group-or-unknown-wire-type'],
    ['the end of a group', [0x0c], 'group-or-unknown-wire-type'],
    ['wire type 6', [0x0e], 'group-or-unknown-wire-type'],
    ['field number 0', [0x02, 0x00], 'field-number-zero'],
    ['field number 0 in the message', bytes(14, [0x00, 0x00]), 'field-number-zero'],
    ['a key of six bytes', [0x8a, 0x80, 0x80, 0x80, 0x80, 0x00], 'overlong-varint'],
    ['a key past 32 bits', [0x8a, 0x80, 0x80, 0x80, 0x10], 'overlong-varint'],
    ['a varint of eleven bytes', [0x78, ...new Array<number>(10).fill(0x80), 0x00], 'overlong-varint'],
    ['a varint past 64 bits', [0x78, ...new Array<number>(9).fill(0x80), 0x02], 'overlong-varint'],
    ['a length past the frame', [0x0a, 0x05, 1, 2], 'truncated'],
    ['a length of 2^63', [0x0a, ...varint(2n ** 63n)], 'truncated'],
    ['a field past the message that is inside the frame', [...bytes(14, [0x0a, 3, 1]), 1, 1, 1], 'truncated'],
    ['a key alone', [0x0a], 'truncated'],
    ['nothing', [], 'no-message'],
    ['identity alone', bytes(1, [1]), 'no-message'],
  ])('%s is rejected', (_name, content, fault) => {
    expect(decode(frame(content))).toBe(fault)
    expect(slow(frame(content))).toBe(fault)
  })
})

test('faults and message types have their names', () => {
  expect(Object.entries(DnstapFault).map(([, code]) => dnstapFaultName(code))).toEqual(Object.keys(DnstapFault))
  expect(messageTypeName(MessageType.FORWARDER_RESPONSE)).toBe('FORWARDER_RESPONSE')
  expect(messageTypeName(0)).toBeUndefined()
})

describe('captures of real senders', () => {
  test.each(captureNames)('%s: each frame has the type, addresses, time and response it should', (name) => {
    const capture = readCapture(name)
    expect(capture.frames.length).toBe(capture.truth.length)
    expect(capture.frames.length).toBeGreaterThan(0)
    capture.frames.forEach(({ start, end }, i) => {
      const truth = capture.truth[i]!
      expect(start).toBe(truth.offset + 4)
      expect(end - start).toBe(truth.length)
      expect(decoder.decode(capture.bytes, start, end)).toBe(0)
      const text = (from: number, to: number) =>
        from === to ? undefined : Buffer.from(capture.bytes.subarray(from, to)).toString('utf8')
      const time = (sec: number, nsec: number) => (sec === 0 ? undefined : `${sec}.${String(nsec).padStart(9, '0')}`)
      const d = decoder
      const found = {
        type: messageTypeName(d.messageType),
        identity: text(d.identityStart, d.identityEnd),
        version: text(d.versionStart, d.versionEnd),
        query_address: ipText(capture.bytes.subarray(d.queryAddressStart, d.queryAddressEnd)),
        response_address: ipText(capture.bytes.subarray(d.responseAddressStart, d.responseAddressEnd)),
        response_time: time(d.responseTimeSec, d.responseTimeNsec),
        response_size: d.responseMessageEnd - d.responseMessageStart,
      }
      const expected = {
        type: truth.type,
        identity: truth.identity,
        version: truth.version,
        query_address: ipText(truth.query_address),
        response_address: ipText(truth.response_address),
        response_time: truth.response_time,
        response_size: truth.response_message?.size ?? 0,
      }
      if (JSON.stringify(found) !== JSON.stringify(expected)) expect(found, `frame ${i}`).toEqual(expected)
    })
  })
})

describe('against the slow twin', () => {
  const capture = readCapture('knotd')
  const samples = [0, 1, 17, 100, 200].map((i) => {
    const { start, end } = capture.frames[i]!
    return capture.bytes.slice(start, end)
  })

  test('every truncation of real frames', () => {
    for (const sample of samples)
      for (let end = 0; end <= sample.length; end++)
        expect(decode(sample.slice(0, end)), `cut at ${end}`).toEqual(slow(sample.slice(0, end)))
  })

  test('real frames with any one byte changed', () => {
    for (const sample of samples.slice(0, 2))
      for (let at = 0; at < Math.min(sample.length, 120); at++)
        for (const byte of [0x00, 0x01, 0x7f, 0x80, 0xff, sample[at]! ^ 0x04]) {
          const damaged = Uint8Array.from(sample)
          damaged[at] = byte
          expect(decode(damaged)).toEqual(slow(damaged))
        }
  })

  test('random bytes, and random fields', () => {
    const anyVarint = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    const field: fc.Arbitrary<number[]> = fc.oneof(
      fc.tuple(fc.integer({ min: 1, max: 18 }), fc.oneof(fc.nat(20), anyVarint)).map(([n, value]) => number(n, value)),
      fc.tuple(fc.integer({ min: 1, max: 18 }), fc.uint8Array({ maxLength: 20 })).map(([n, value]) => bytes(n, value)),
      fc
        .tuple(fc.integer({ min: 1, max: 18 }), fc.uint8Array({ minLength: 4, maxLength: 4 }))
        .map(([n, value]) => [...varint(n * 8 + 5), ...value]),
      fc.uint8Array({ maxLength: 4 }).map((value) => [...value]),
    )
    const message = fc.array(field, { maxLength: 8 }).map((parts) => bytes(14, parts.flat()))
    const anyFrame = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.array(fc.oneof(field, message, message), { maxLength: 6 }).map((parts) => frame(...parts)),
    )
    fc.assert(
      fc.property(anyFrame, (content) => {
        expect(decode(content)).toEqual(slow(content))
      }),
      { numRuns: 4000 },
    )
  })
})

/** The canonical text of an address; both sides go through it, because tools differ in how they write IPv6. */
function ipText(address: Uint8Array | string): string {
  if (typeof address === 'string') return address.includes(':') ? new URL(`http://[${address}]`).hostname : address
  if (address.length === 4) return address.join('.')
  return ipText(Array.from({ length: 8 }, (_, i) => ((address[2 * i]! << 8) | address[2 * i + 1]!).toString(16)).join(':'))
}
