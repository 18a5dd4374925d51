import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bindingOf, infoText, listsOf, scoreText, timeText } from './record.ts'

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((each) => !/[\0\n]/.test(each))
const time = fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 2 ** 42 }))
const recordOf = (times: readonly number[], info: string): string => `${times.map(timeText).join(' ')}\n${info}`

describe('a binding as Redis keeps it', () => {
  test('comes back as it was', () => {
    const binding = fc.record({
      list: text,
      name: text,
      prefix: fc.constant('192.0.2.1/32'),
      rule: text,
      source: fc.oneof(fc.constant(''), text),
      chain: fc.array(text, { maxLength: 4 }),
      firstSeenMs: time,
      seenAtMs: time,
      expiresAtMs: time,
    })
    fc.assert(
      fc.property(binding, fc.boolean(), fc.boolean(), (made, ruleIsName, chainIsName) => {
        const one = {
          ...made,
          ...(ruleIsName && { rule: made.name }),
          ...(chainIsName && { chain: [made.name] }),
        }
        const record = recordOf([one.firstSeenMs, one.seenAtMs, one.expiresAtMs], infoText(one))
        expect(bindingOf(one, record)).toEqual(one)
      }),
    )
  })

  test('fits into 64 bytes when it is a common one, so that Redis keeps small hashes compact', () => {
    const name = 'www.some-video-site.example'
    const info = infoText({
      list: 'vpn',
      name,
      prefix: '192.0.2.1/32',
      rule: 'some-video-site.example',
      source: 'resolver-1',
      chain: [name],
      seenAtMs: 0,
      expiresAtMs: 0,
    })
    const now = Date.UTC(2026, 0, 1)
    expect(Buffer.byteLength(recordOf([now, now, now], info))).toBeLessThanOrEqual(64)
  })

  test('loses separators that a stranger put into a text, and nothing else', () => {
    const one = { list: 'l', name: 'n', prefix: 'p', rule: 'a\nb', source: 'c\0d', chain: ['e\nf'], seenAtMs: 1, expiresAtMs: 2 }
    expect(bindingOf(one, recordOf([1, 1, 2], infoText(one)))).toMatchObject({ rule: 'a b', source: 'c d', chain: ['e f'] })
  })

  test.each(['', '\n', 'a b', '1 2 3', '1 2 3\nsource'])('is not seen in %j', (record) => {
    expect(bindingOf({ list: 'l', name: 'n', prefix: 'p' }, record)).toBeUndefined()
  })

  test('has whole, positive milliseconds', () => {
    expect([timeText(1.4), timeText(-5), timeText(Infinity)]).toEqual(['1', '0', '*'])
    expect([scoreText(1.4), scoreText(-5), scoreText(Infinity)]).toEqual(['1', '0', 'inf'])
  })

  test('has owning lists in the order of their names', () => {
    expect(listsOf('')).toEqual([])
    expect(listsOf('vpn')).toEqual(['vpn'])
    expect(listsOf('vpn\0block\0Zoo')).toEqual(['Zoo', 'block', 'vpn'])
  })
})
