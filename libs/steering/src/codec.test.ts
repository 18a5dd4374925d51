import { describe, expect, test } from 'vitest'
import {
  AWAIT_ROUTES,
  BINDINGS,
  HEAD,
  RESOLUTIONS,
  RESOLVERS,
  ROUTE_CHANGES,
  ROUTES_SETTLED,
  SNAPSHOT,
  TAIL,
} from './subjects.ts'
import { dnstapbgp } from './generated/steering.js'

const resolution = {
  list: 'default',
  name: 'www.example.org',
  rule: 'example.org',
  address: '2001:db8::1',
  ttlSeconds: 300,
  seenAtMs: 1_700_000_000_123.5,
  source: { kind: 'resolver' as const, identity: 'unbound' },
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
    expect(AWAIT_ROUTES.decode(AWAIT_ROUTES.encode(resolvers))).toEqual(resolvers)
    for (const how of ['routed', 'before', 'refused'] as const) {
      const settled = { addresses: resolvers, how }
      expect(ROUTES_SETTLED.decode(ROUTES_SETTLED.encode(settled))).toEqual(settled)
    }
    const chunk = { epoch: 'e1', revision: 9, routes: changes.changes.slice(0, 1) }
    expect(SNAPSHOT.part.decode(SNAPSHOT.part.encode(chunk))).toEqual(chunk)
    for (const part of [changes, 'gap', 'up-to-date'] as const) expect(TAIL.reply.decode(TAIL.reply.encode(part))).toEqual(part)
  })

  test('leaves behind what means nothing elsewhere: the version of the lists that matched a name', () => {
    const [arrived] = RESOLUTIONS.decode(RESOLUTIONS.encode([{ ...resolution, matchedBy: Symbol('lists') }]))
    expect(arrived).toStrictEqual(resolution)
  })

  test.each([
    [
      'an address of five octets',
      () =>
        RESOLUTIONS.decode(
          dnstapbgp.v1.Resolutions.encode({ resolutions: [{ name: 'x', address: new Uint8Array(5) }] }).finish(),
        ),
    ],
    [
      'a time that is none',
      () =>
        RESOLUTIONS.decode(
          dnstapbgp.v1.Resolutions.encode({ resolutions: [{ name: 'x', address: new Uint8Array(4), seenAtMs: NaN }] }).finish(),
        ),
    ],
    ['no change at all', () => ROUTE_CHANGES.decode(dnstapbgp.v1.RouteChanges.encode({ epoch: 'e' }).finish())],
    [
      'a prefix with host bits',
      () =>
        ROUTE_CHANGES.decode(
          dnstapbgp.v1.RouteChanges.encode({
            epoch: 'e',
            changes: [{ address: Uint8Array.of(10, 0, 0, 1), lengthBits: 8 }],
          }).finish(),
        ),
    ],
    ['a fractional revision', () => HEAD.decode(dnstapbgp.v1.StoreHead.encode({ epoch: 'e', revision: 1.5 }).finish())],
  ])('%s is refused', (_name, decode) => expect(decode).toThrow(/not a|address of|without/))
})
