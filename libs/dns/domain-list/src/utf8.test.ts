import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { decodeUtf8 } from './utf8.ts'

vi.setConfig({ testTimeout: 30_000 }) // much is compared, and the machine may be busy

test('well-formed UTF-8 is read as TextDecoder reads it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const bytes = new TextEncoder().encode(text)
      expect(decodeUtf8(bytes, 0, bytes.length)).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
    }),
  )
})

test('ill-formed UTF-8 holds U+FFFD exactly where TextDecoder says that it is ill-formed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      const theirs = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
      const text = decodeUtf8(bytes, 0, bytes.length)
      expect(text.replace(/\ufffd+/g, '\ufffd')).toBe(theirs.replace(/\ufffd+/g, '\ufffd'))
    }),
    { numRuns: 3000 },
  )
})
