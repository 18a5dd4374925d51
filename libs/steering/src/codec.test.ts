import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BINDINGS, HEAD, RESOLUTIONS, RESOLVERS, ROUTE_CHANGES, SNAPSHOT, TAIL } from './subjects.ts'
import { dnstapbgp } from './generated/steering.js'

const resolution = {
  list: 'default',
  name: 'www.example.org',
  rule: 'example.org',
  address: '2001:db8::1',
  ttlSeconds: 300,
  seenAtMs: 1_700_000_000_123.5,
  source: 'unbound',
  chain: ['www.example.org', 'cdn.example.net'],
}
const changes = {
  epoch: 'e1',
  firstRevision: 7,
  changes: [
    { prefix: '198.18.0.1/32', lists: ['a', 'b'] },
    { prefix: '2001:db8::/48', lists: [] },
  ],
}

describe('what services tell each other', () => {
  test('survives the wire', () => {
    expect(RESOLUTIONS.decode(RESOLUTIONS.encode([resolution]))).toEqual([resolution])
    expect(BINDINGS.part.decode(BINDINGS.part.encode([resolution]))).toEqual([resolution])
    expect(ROUTE_CHANGES.decode(ROUTE_CHANGES.encode(changes))).toEqual(changes)
    expect(HEAD.decode(HEAD.encode({ epoch: 'e1', revision: 0 }))).toEqual({ epoch: 'e1', revision: 0 })
    const resolvers = ['192.0.2.53', '2001:db8::53']
    expect(RESOLVERS.decode(RESOLVERS.encode(resolvers))).toEqual(resolvers)
    const chunk = { epoch: 'e1', revision: 9, routes: changes.changes.slice(0, 1) }
    expect(SNAPSHOT.part.decode(SNAPSHOT.part.encode(chunk))).toEqual(chunk)
    for (const part of [changes, 'gap', 'up-to-date'] as const) expect(TAIL.part.decode(TAIL.part.encode(part))).toEqual(part)
  })

  test.each([
    [
      'an address of five octets',
      () => RESOLUTIONS.decode(dnstapbgp.v1.Resolutions.encode({ resolutions: [{ address: new Uint8Array(5) }] }).finish()),
    ],
    [
      'a time that is none',
      () =>
        RESOLUTIONS.decode(
          dnstapbgp.v1.Resolutions.encode({ resolutions: [{ address: new Uint8Array(4), seenAtMs: NaN }] }).finish(),
        ),
    ],
    ['no change at all', () => ROUTE_CHANGES.decode(dnstapbgp.v1.RouteChanges.encode({ epoch: 'e' }).finish())],
    [
      'a prefix with host bits',
      () =>
        ROUTE_CHANGES.decode(
          dnstapbgp.v1.RouteChanges.encode({ changes: [{ address: Uint8Array.of(10, 0, 0, 1), lengthBits: 8 }] }).finish(),
        ),
    ],
    ['a fractional revision', () => HEAD.decode(dnstapbgp.v1.StoreHead.encode({ revision: 1.5 }).finish())],
  ])('%s is refused', (_name, decode) => expect(decode).toThrow(/not a|address of|without/))

  test('random bytes are refused or decoded, never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        for (const codec of [RESOLUTIONS, RESOLVERS, ROUTE_CHANGES, HEAD, TAIL.part, SNAPSHOT.part]) {
          try {
            codec.decode(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
          }
        }
      }),
    )
  })

  test('a field of a later version is passed over', () => {
    const later = Uint8Array.of(...HEAD.encode({ epoch: 'e', revision: 3 }), 0xfa, 0x01, 2, 7, 7)
    expect(HEAD.decode(later)).toEqual({ epoch: 'e', revision: 3 })
  })
})
