import fc from 'fast-check'
import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { slowRead, type SlowResult } from '../test/slow-reader.ts'
import { ControlType, DNSTAP_CONTENT_TYPE, encodeControl, encodeData } from './control-frame.ts'
import { FrameStreamReader } from './reader.ts'

const READY = encodeControl(ControlType.READY, [DNSTAP_CONTENT_TYPE])
const START = encodeControl(ControlType.START, [DNSTAP_CONTENT_TYPE])
const STOP = encodeControl(ControlType.STOP)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const ACCEPT_HEX = hex(encodeControl(ControlType.ACCEPT, [DNSTAP_CONTENT_TYPE]))
const FINISH_HEX = hex(encodeControl(ControlType.FINISH))

/** What our reader makes of a stream that arrives in these chunks; each chunk is spoiled after its push. */
function read(chunks: Iterable<Uint8Array>, maxFrameLength?: number): SlowResult {
  const frames: string[] = []
  const answers: string[] = []
  const reader = new FrameStreamReader(
    {
      onFrame: (bytes, start, end) => frames.push(hex(bytes.subarray(start, end))),
      answer: (bytes) => answers.push(hex(bytes)),
    },
    maxFrameLength === undefined ? {} : { maxFrameLength },
  )
  for (const chunk of chunks) {
    const mine = Uint8Array.from(chunk)
    reader.push(mine)
    mine.fill(0xee)
  }
  expect(reader.frames).toBe(frames.length)
  return { frames, answers, state: reader.state, refusal: reader.refusal }
}

function cut(stream: Uint8Array, ...at: number[]): Uint8Array[] {
  const edges = [0, ...at, stream.length]
  return edges.slice(1).map((edge, i) => stream.subarray(edges[i], edge))
}

const stream = (...parts: Uint8Array[]) => Buffer.concat(parts)

describe('the handshake', () => {
  test('READY earns ACCEPT with our one content type, STOP earns FINISH', () => {
    expect(read([stream(READY, START, encodeData(Uint8Array.of(7)), STOP)])).toEqual({
      frames: ['07'],
      answers: [ACCEPT_HEX, FINISH_HEX],
      state: 'finished',
      refusal: undefined,
    })
  })

  test('READY that offers several types, ours among them, earns ACCEPT with ours alone', () => {
    const ready = encodeControl(ControlType.READY, ['protobuf:other', DNSTAP_CONTENT_TYPE])
    expect(read([ready]).answers).toEqual([ACCEPT_HEX])
  })

  test('READY and START without content type are taken, as libfstrm does', () => {
    const result = read([stream(encodeControl(ControlType.READY), encodeControl(ControlType.START))])
    expect(result).toMatchObject({ answers: [ACCEPT_HEX], state: 'streaming' })
  })

  test('a unidirectional sender gets no answer, not even to STOP', () => {
    expect(read([stream(START, encodeData(Uint8Array.of(7)), STOP)])).toEqual({
      frames: ['07'],
      answers: [],
      state: 'finished',
      refusal: undefined,
    })
  })

  test.each([
    ['READY with another content type', [encodeControl(ControlType.READY, ['protobuf:other'])], 'wrong-content-type'],
    ['START with another content type', [encodeControl(ControlType.START, ['protobuf:other'])], 'wrong-content-type'],
    ['START that changes its mind after ACCEPT', [READY, encodeControl(ControlType.START, ['x'])], 'wrong-content-type'],
    ['a second READY', [READY, READY], 'unexpected-control-frame'],
    ['a second START', [START, START], 'unexpected-control-frame'],
    ['READY in mid-stream', [START, READY], 'unexpected-control-frame'],
    ['STOP before START', [STOP], 'unexpected-control-frame'],
    ['a type nobody knows before START', [encodeControl(9)], 'unexpected-control-frame'],
    ['ACCEPT from a sender', [encodeControl(ControlType.ACCEPT)], 'unexpected-control-frame'],
    ['FINISH from a sender', [START, encodeControl(ControlType.FINISH)], 'unexpected-control-frame'],
    ['data before START', [READY, encodeData(Uint8Array.of(1))], 'data-before-start'],
    ['an HTTP request', [Buffer.from('GET / HTTP/1.1\r\n\r\n')], 'data-before-start'],
    ['a control frame of 513 bytes', [Buffer.from('0000000000000201', 'hex')], 'control-frame-too-long'],
    ['a control frame of 3 bytes', [Buffer.from('0000000000000003010203', 'hex')], 'malformed-control-frame'],
    ['an empty control frame', [Buffer.from('0000000000000000', 'hex')], 'malformed-control-frame'],
  ])('%s is refused', (_name, parts, refusal) => {
    expect(read([stream(...parts)])).toMatchObject({ state: 'refused', refusal, frames: [] })
  })

  test('a control frame of an unknown type between data frames is ignored', () => {
    const parts = [START, encodeData(Uint8Array.of(1)), encodeControl(77), encodeData(Uint8Array.of(2))]
    expect(read([stream(...parts)])).toMatchObject({ frames: ['01', '02'], state: 'streaming' })
  })

  test('whatever follows STOP or a refusal is ignored', () => {
    const data = encodeData(Uint8Array.of(9))
    expect(read([START, STOP, data, READY])).toMatchObject({ frames: [], answers: [], state: 'finished' })
    expect(read([STOP, READY, START, data])).toMatchObject({ frames: [], answers: [], state: 'refused' })
  })
})

describe('lengths', () => {
  test('a frame of the limit passes, one byte more closes, and says so before the frame has come', () => {
    const limit = 1000
    expect(read([START, encodeData(new Uint8Array(limit))], limit).frames).toHaveLength(1)
    expect(read([START, Buffer.from('000003e9', 'hex')], limit).refusal).toBe('frame-too-long')
  })

  test('by default a frame with two DNS messages of 65535 bytes passes', () => {
    expect(read([START, encodeData(new Uint8Array(2 * 65535 + 600))]).frames).toHaveLength(1)
  })

  test('a wild length is refused when its fourth byte is there', () => {
    const wild = Buffer.from('ffffffff', 'hex')
    expect(read([START, wild.subarray(0, 3)]).state).toBe('streaming')
    expect(read([START, wild.subarray(0, 3), wild.subarray(3)]).refusal).toBe('frame-too-long')
  })

  test('memory follows what was received, not what was claimed', () => {
    const reader = new FrameStreamReader({ onFrame() {}, answer() {} })
    reader.push(START)
    reader.push(Buffer.from('0003ffff0102', 'hex'))
    expect(reader.heldLength).toBe(6)
  })
})

describe('whatever way a stream is cut, the frames are the same', () => {
  const small = stream(
    READY,
    START,
    encodeData(Uint8Array.of(1)),
    encodeData(new Uint8Array(300).fill(2)),
    encodeControl(77, ['future']),
    encodeData(Uint8Array.of(3, 4)),
    encodeData(Uint8Array.of(5)),
    STOP,
  )
  const expected = slowRead(small)

  test('into two, at every byte', () => {
    for (let at = 0; at <= small.length; at++) expect(read(cut(small, at)), `cut at ${at}`).toEqual(expected)
  })

  test('into three, at every pair of bytes', () => {
    for (let first = 0; first <= small.length; first += 3)
      for (let second = first; second <= small.length; second += 2) {
        const result = read(cut(small, first, second))
        if (JSON.stringify(result) !== JSON.stringify(expected)) expect(result, `cut at ${first} and ${second}`).toEqual(expected)
      }
  })

  test('into single bytes', () => {
    expect(read(Array.from(small, (byte) => Uint8Array.of(byte)))).toEqual(expected)
  })

  test('at random, with any limit, and damaged anywhere: as the slow twin reads it', () => {
    const part = fc.oneof(
      fc.constantFrom(READY, START, START, START, STOP, encodeControl(77)),
      fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => encodeData(bytes)),
      fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => encodeData(bytes)),
      fc.uint8Array({ maxLength: 12 }),
    )
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(part, { maxLength: 20 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }),
        fc.integer({ min: 1, max: 250 }),
        (start, parts, cuts, damage, limit) => {
          const bytes = stream(...(start ? [START] : []), ...parts)
          for (const [at, byte] of damage) if (bytes.length > 0) bytes[at % bytes.length] = byte
          const edges = cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b)
          expect(read(cut(bytes, ...edges), limit)).toEqual(slowRead(bytes, limit))
        },
      ),
      { numRuns: 1500 },
    )
  })
})

describe('real senders, byte for byte as their connections arrived', () => {
  const fixtures = new URL('../fixtures/', import.meta.url)
  const names = readdirSync(fixtures).filter((name) => name.endsWith('.wire'))
  const wires = names.map((name) => name.slice(0, -'.wire'.length))

  test('there are recordings of the seven senders', () => {
    expect(wires).toEqual([
      'wire-bind9.1',
      'wire-dnsdist.1',
      'wire-knotd.1',
      'wire-kresd.1',
      'wire-nsd.1',
      'wire-pdns-recursor.1',
      'wire-pdns-recursor.2',
      'wire-pdns-recursor.3',
      'wire-unbound-tcp.1',
      'wire-unbound-unidirectional.1',
      'wire-unbound.1',
    ])
  })

  test.each(wires)('%s reads the same in its own chunks, whole, and cut at every byte', (name) => {
    const bytes = readFileSync(new URL(`${name}.wire`, fixtures))
    const sizes = readFileSync(new URL(`${name}.chunks`, fixtures), 'latin1')
      .trim()
      .split('\n')
      .map((line) => Number(line.split(' ')[1]))
    const edges = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0)).slice(1)
    const expected = slowRead(bytes)

    expect(read(cut(bytes, ...edges))).toEqual(expected)
    const saysStop = !/dnsdist|pdns/.test(name) // those two just close
    expect(expected.state).toBe(saysStop ? 'finished' : 'streaming')
    expect(expected.answers).toEqual(name.includes('unidirectional') ? [] : saysStop ? [ACCEPT_HEX, FINISH_HEX] : [ACCEPT_HEX])
    expect(read([bytes])).toEqual(expected)

    // Comparing hex of each of 30,000 cuts would take minutes: sums tell as much.
    const sums = (chunks: Uint8Array[]) => {
      let sum = 0
      const reader = new FrameStreamReader({
        onFrame: (frame, start, end) => {
          sum = (Math.imul(sum, 31) + end - start) | 0
          for (let i = start; i < end; i += 7) sum = (Math.imul(sum, 31) + frame[i]!) | 0
        },
        answer() {},
      })
      for (const chunk of chunks) reader.push(chunk)
      return [sum, reader.frames, reader.state]
    }
    const whole = sums([bytes])
    expect(whole[1]).toBe(expected.frames.length)
    for (let at = 0; at < bytes.length; at += 3)
      if (String(sums(cut(bytes, at))) !== String(whole)) throw new Error(`cut at ${at}`)
  })
})
