import { expect, test } from 'vitest'
import { ControlType, DNSTAP_CONTENT_TYPE, decodeControl, encodeControl, encodeData } from './control-frame.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('ACCEPT and FINISH are the bytes that fstrm_capture 0.6.1 answers with', () => {
  expect(hex(encodeControl(ControlType.ACCEPT, [DNSTAP_CONTENT_TYPE]))).toBe(
    '000000000000002200000001000000010000001670726f746f6275663a646e737461702e446e73746170',
  )
  expect(hex(encodeControl(ControlType.FINISH))).toBe('000000000000000400000005')
})

test('a control frame reads as it was written, with any number of content types', () => {
  for (const contentTypes of [[], ['a'], ['', 'protobuf:x', '\u00ff\u0000']]) {
    const bytes = encodeControl(ControlType.READY, contentTypes)
    expect(decodeControl(bytes, 8, bytes.length)).toEqual({ type: ControlType.READY, contentTypes })
  }
})

test('a field of an unknown kind is skipped by its length', () => {
  const bytes = Buffer.from(`00000004${'00000009'}00000003aabbcc${'00000001'}0000000161`, 'hex')
  expect(decodeControl(bytes, 0, bytes.length)).toEqual({ type: ControlType.READY, contentTypes: ['a'] })
})

test('every truncation is undefined, except where the frame happens to end between two fields', () => {
  const bytes = encodeControl(ControlType.READY, ['ab', 'cd']).subarray(8)
  const whole = [4, 14, 24]
  for (let end = 0; end <= bytes.length; end++)
    expect(decodeControl(bytes, 0, end) !== undefined, `cut at ${end}`).toBe(whole.includes(end))
})

test('a content type over 256 bytes is malformed', () => {
  expect(decodeControl(encodeControl(ControlType.READY, ['x'.repeat(256)]), 8, 276)).toBeDefined()
  expect(decodeControl(encodeControl(ControlType.READY, ['x'.repeat(257)]), 8, 277)).toBeUndefined()
})

test('a data frame is its length and itself', () => {
  expect(hex(encodeData(Uint8Array.of(1, 2, 3)))).toBe('00000003010203')
})
