import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sourceOf, sourceText, type ResolutionSource } from './resolution-source.ts'

const any = fc.oneof(
  fc.record({ kind: fc.constant('resolver' as const), identity: fc.string() }),
  fc.record({
    kind: fc.constant('resolver' as const),
    identity: fc.constantFrom('peer 192.0.2.1', 'list', '\\', '\\peer ', '\\list'),
  }),
  fc.record({ kind: fc.constant('sync-peer' as const), name: fc.string() }),
  fc.constant({ kind: 'list' as const }),
)

test('every source comes back from its text', () => {
  fc.assert(
    fc.property(any, (source) => {
      expect(sourceOf(sourceText(source))).toEqual(source)
    }),
  )
})

test.each<[string, ResolutionSource]>([
  ['unbound', { kind: 'resolver', identity: 'unbound' }],
  ['/run/dnstap-bgp/dnstap.sock', { kind: 'resolver', identity: '/run/dnstap-bgp/dnstap.sock' }],
  ['', { kind: 'resolver', identity: '' }],
  ['peer 192.0.2.7', { kind: 'sync-peer', name: '192.0.2.7' }],
  ['list', { kind: 'list' }],
])('the text %j of an older version is read as what it meant', (text, source) => {
  expect(sourceOf(text)).toEqual(source)
  expect(sourceText(source)).toBe(text)
})

test('a resolver whose identity reads like a sync peer is a resolver, also to an older version that looks for "peer "', () => {
  const text = sourceText({ kind: 'resolver', identity: 'peer 192.0.2.1' })
  expect(sourceOf(text)).toEqual({ kind: 'resolver', identity: 'peer 192.0.2.1' })
  expect(text.startsWith('peer ')).toBe(false)
})
