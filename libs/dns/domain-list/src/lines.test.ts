import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { LineReader } from './lines.ts'
import { utf8 } from '../test/collect.ts'

vi.setConfig({ testTimeout: 30_000 }) // much is compared, and the machine may be busy

function linesOf(chunks: readonly Uint8Array[], maxLineBytes = 100): string[] {
  const lines: string[] = []
  const reader = new LineReader(
    {
      line: (bytes, start, end, number) =>
        lines.push(`${number}:${new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(start, end))}`),
      tooLong: (bytes, start, end, number) =>
        lines.push(`${number}!${new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(start, end))}`),
    },
    maxLineBytes,
  )
  for (const chunk of chunks) reader.push(chunk)
  reader.end()
  return lines
}

describe('lines', () => {
  test.each([
    ['', []],
    ['\n', ['1:']],
    ['a', ['1:a']],
    ['a\nb\n', ['1:a', '2:b']],
    ['a\r\n\r\nb\r', ['1:a', '2:', '3:b']],
    ['\ufeffa\n\ufeffb', ['1:a', '2:\ufeffb']],
    [`${'x'.repeat(101)}\nb`, [`1:${'x'.repeat(101)}`, '2:b']],
    [`${'x'.repeat(102)}\nb`, [`1!${'x'.repeat(64)}`, '2:b']],
  ])('of %j', (text, lines) => expect(linesOf([utf8(text)])).toEqual(lines))

  test('are the same wherever the chunks were cut', () => {
    const piece = fc.constantFrom('\n', '\r\n', '\r', 'name', 'ж', 'x'.repeat(70), '\ufeff')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(400), { maxLength: 6 }), (pieces, cuts) => {
        const bytes = utf8(pieces.join(''))
        const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
        const chunks = at.slice(1).map((end, i) => bytes.slice(at[i], end))
        expect(linesOf(chunks)).toEqual(linesOf([bytes]))
      }),
      { numRuns: 2000 },
    )
  })

  test('a line of 64 MiB is passed by without being held', () => {
    const chunk = new Uint8Array(1 << 20).fill(0x61)
    const lines = linesOf([...Array<Uint8Array>(64).fill(chunk), utf8('\nnext')], 65536)
    expect(lines).toEqual([`1!${'a'.repeat(64)}`, '2:next'])
  })
})
