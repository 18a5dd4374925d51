/** Whatever stands on the bus, a codec gives a message that can be worked with, or SteeringError. Nothing else, on any name. */
import { ADMIN_API } from '@dnstap-bgp/admin-api'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_HOLD_DOWN_MS, SteeringError } from './checked.ts'
import { dnstapbgp } from './generated/steering.js'
import { ADMIN_CALLS, CACHE_STATUS, EXPLAIN, FORGET, MATCH } from './admin-calls.ts'
import { EXPLAIN_REPLY, EXPLAIN_REQUEST, FORGOTTEN } from './operator.ts'
import {
  AWAIT_ROUTES,
  BINDINGS,
  CATCH_UP,
  CAUGHT_UP,
  HEAD,
  LEARNT,
  OFFER,
  RESOLUTIONS,
  RESOLVERS,
  ROUTE_CHANGES,
  ROUTES_SETTLED,
  SNAPSHOT,
  TAIL,
  TELL_HELD_DOWN,
} from './subjects.ts'
import { decodersOnBus, WHO_SAYS_WHAT } from './who-says-what.ts'

const v1 = dnstapbgp.v1
const bytesOf = (text: string) => new TextEncoder().encode(text)

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
const changes = { epoch: 'e1', firstRevision: 7, changes: [{ prefix: '198.18.0.1/32', lists: ['a', 'b'] }] }
const notes = [
  {
    kind: 'refused' as const,
    agoMs: 12.5,
    list: 'a',
    name: 'x.example.org',
    address: 'none',
    refusal: 'rate',
    why: 'too fast',
    source: 's',
  },
  { kind: 'ended' as const, agoMs: 0, why: 'its last binding ended' },
]
const reply = {
  id: '1',
  routes: [{ prefix: '198.18.0.1/32', announcer: '192.0.2.1', peers: ['edge-1'], staleForMs: 12 }],
  notes,
}
const head = { epoch: 'e1', revision: 9 }
const forgotten = { subject: '198.18.0.1/32', holdDownMs: 60_000 }

/** Each codec with a message that uses all of its fields. */
const SAMPLES = new Map(
  [
    sample(RESOLUTIONS, [resolution], RESOLUTIONS.name),
    sample(LEARNT, [resolution], LEARNT.name),
    sample(ROUTE_CHANGES, changes, ROUTE_CHANGES.name),
    sample(HEAD, head, HEAD.name),
    sample(FORGOTTEN, forgotten, FORGOTTEN.name),
    sample(TELL_HELD_DOWN, undefined, TELL_HELD_DOWN.name),
    sample(RESOLVERS, ['192.0.2.53', '2001:db8::53'], RESOLVERS.name),
    sample(AWAIT_ROUTES, ['192.0.2.1', '2001:db8::1'], AWAIT_ROUTES.name),
    sample(ROUTES_SETTLED, { addresses: ['192.0.2.1'], how: 'refused' as const }, ROUTES_SETTLED.name),
    sample(CATCH_UP, { asker: 'a', number: 7 }, CATCH_UP.name),
    sample(CAUGHT_UP, { asker: 'a', number: 7, ingest: 'i' }, CAUGHT_UP.name),
    sample(
      EXPLAIN_REQUEST,
      { id: '1', subject: 'x.example.org', prefixes: ['198.18.0.1/32', '198.18.0.0/15'] },
      EXPLAIN_REQUEST.name,
    ),
    sample(EXPLAIN_REPLY, reply, EXPLAIN_REPLY.name),
    sample(SNAPSHOT.request, undefined, SNAPSHOT.name),
    sample(SNAPSHOT.part, { ...head, routes: changes.changes }, `${SNAPSHOT.name} (answer)`),
    sample(TAIL.request, head, TAIL.name),
    sample(TAIL.reply, changes, `${TAIL.name} (answer)`),
    sample(BINDINGS.request, undefined, BINDINGS.name),
    sample(BINDINGS.part, [resolution], `${BINDINGS.name} (answer)`),
    sample(OFFER.request, [{ ...resolution, list: '' }], OFFER.name),
    sample(OFFER.reply, [null, { refusal: 'rate', why: 'too fast' }], `${OFFER.name} (answer)`),
    sample(EXPLAIN.request, { query: { subject: 'x.example.org' }, body: undefined }, EXPLAIN.name),
    sample(EXPLAIN.reply, { reply: { verdict: 'Routed.' } }, `${EXPLAIN.name} (answer)`),
    sample(FORGET.request, { query: {}, body: { subject: 'x.example.org', holdDown: '1h' } }, FORGET.name),
    sample(FORGET.reply, { status: 503, error: 'the store is away' }, `${FORGET.name} (answer)`),
    sample(CACHE_STATUS.request, { query: {}, body: undefined }, CACHE_STATUS.name),
    sample(CACHE_STATUS.reply, { reply: { routes: 7 } }, `${CACHE_STATUS.name} (answer)`),
    sample(MATCH.request, { query: { name: 'x.example.org' }, body: undefined }, MATCH.name),
    sample(MATCH.reply, { reply: { why: ['no list has it'] } }, `${MATCH.name} (answer)`),
  ].map((one) => [one.name, one]),
)

function sample<T>(codec: { encode(message: T): Uint8Array; decode(bytes: Uint8Array): T }, message: T, name: string) {
  /** What comes out can be worked with: it can be written again, and is read alike. */
  const readAndWrite = (bytes: Uint8Array): void => {
    const read = codec.decode(bytes)
    expect(codec.decode(codec.encode(read))).toEqual(read)
  }
  return {
    name,
    message,
    bytes: codec.encode(message),
    decode: (bytes: Uint8Array): unknown => codec.decode(bytes),
    readAndWrite,
  }
}

function takenOrRefused(readAndWrite: (bytes: Uint8Array) => void, bytes: Uint8Array): void {
  try {
    readAndWrite(bytes)
  } catch (error) {
    if (!(error instanceof SteeringError)) throw error
  }
}

test('every endpoint that any owner can answer has a name on the bus, and no other has', () => {
  expect([...ADMIN_CALLS.keys()]).toEqual(Object.values(ADMIN_API).filter(({ overBus }) => overBus))
})

test('every name on the bus has a sample here', () => {
  expect([...SAMPLES.keys()].sort()).toEqual([...decodersOnBus().keys()].sort())
  for (const { serves, asks } of Object.values(WHO_SAYS_WHAT))
    for (const call of [...serves, ...asks]) expect('part' in call ? call.part : call.reply).toBeDefined()
})

describe.each([...SAMPLES.values()])('$name', ({ message, bytes, decode, readAndWrite }) => {
  test('survives the wire', () => expect(decode(bytes)).toEqual(message))

  test('cut off anywhere, or with any octet changed, is refused or taken without an exception', () => {
    for (let length = 0; length < bytes.length; length++) takenOrRefused(readAndWrite, bytes.slice(0, length))
    for (let at = 0; at < bytes.length; at++)
      for (const octet of [0, 1, 0x7f, 0x80, 0xff, bytes[at] ^ 1, bytes[at] ^ 8])
        takenOrRefused(
          readAndWrite,
          Uint8Array.from(bytes, (each, i) => (i === at ? octet : each)),
        )
  })

  test('random octets, and spliced ones, are refused or taken without an exception', () => {
    const part = fc.uint8Array({ maxLength: 40 })
    const spliced = fc.tuple(fc.nat(bytes.length), part, fc.nat(bytes.length)).map(([to, middle, from]) => {
      return Uint8Array.from([...bytes.slice(0, to), ...middle, ...bytes.slice(from)])
    })
    fc.assert(
      fc.property(fc.oneof(part, spliced), (octets) => takenOrRefused(readAndWrite, octets)),
      { numRuns: 300 },
    )
  })

  test('JSON of any kind is refused', () => {
    for (const json of ['null', '{}', '[]', '""', '{"subject":"x","holdDownMs":1}'])
      expect(() => decode(bytesOf(json)), json).toThrow(SteeringError)
    expect(() => decode(Uint8Array.of(0x1c))).toThrow(SteeringError)
  })

  test('fields of a later version are skipped', () => {
    const later = Uint8Array.of(...bytes, 0xfa, 0x3f, 2, 7, 7, 0xf8, 0x3f, 1)
    expect(decode(later)).toEqual(message)
  })
})

const wire = {
  forgotten: (fields: dnstapbgp.v1.IForgotten) => v1.Forgotten.encode(fields).finish(),
  request: (fields: dnstapbgp.v1.IExplainRequest) => v1.ExplainRequest.encode(fields).finish(),
  reply: (fields: dnstapbgp.v1.IExplainReply) => v1.ExplainReply.encode({ id: '1', ...fields }).finish(),
  answer: (fields: dnstapbgp.v1.IAdminReply) => v1.AdminReply.encode(fields).finish(),
  call: (fields: dnstapbgp.v1.IAdminRequest) => v1.AdminRequest.encode(fields).finish(),
  resolution: (fields: dnstapbgp.v1.IResolution) =>
    v1.Resolutions.encode({ resolutions: [{ name: 'x', address: new Uint8Array(4), ...fields }] }).finish(),
  changes: (fields: dnstapbgp.v1.IRouteChanges) =>
    v1.RouteChanges.encode({
      epoch: 'e',
      firstRevision: 1,
      changes: [{ address: new Uint8Array(4), lengthBits: 32 }],
      ...fields,
    }).finish(),
  json: (json: string) => Uint8Array.of(0x0a, json.length, ...bytesOf(json)),
}
const long = 'x'.repeat(5000)

test.each([
  ['no octets as FORGOTTEN', () => FORGOTTEN.decode(new Uint8Array())],
  ['no octets as HEAD, which would void all that is known', () => HEAD.decode(new Uint8Array())],
  ['no octets as EXPLAIN_REQUEST', () => EXPLAIN_REQUEST.decode(new Uint8Array())],
  ['no octets as EXPLAIN_REPLY', () => EXPLAIN_REPLY.decode(new Uint8Array())],
  ['no octets as an answer', () => EXPLAIN.reply.decode(new Uint8Array())],
  ['the JSON message of before', () => FORGOTTEN.decode(wire.json('{"subject":"x","holdDownMs":1}'))],
  ['a hold-down that is no number', () => FORGOTTEN.decode(wire.forgotten({ subject: 'x', holdDownMs: NaN }))],
  ['a hold-down without an end', () => FORGOTTEN.decode(wire.forgotten({ subject: 'x', holdDownMs: Infinity }))],
  ['a hold-down of less than nothing', () => FORGOTTEN.decode(wire.forgotten({ subject: 'x', holdDownMs: -1 }))],
  ['a subject of 5000 characters', () => FORGOTTEN.decode(wire.forgotten({ subject: long }))],
  ['a subject with a line end', () => FORGOTTEN.decode(wire.forgotten({ subject: 'a\nb' }))],
  ['a request without an id', () => EXPLAIN_REQUEST.decode(wire.request({ subject: 'x' }))],
  [
    'a request for 5000 prefixes',
    () =>
      EXPLAIN_REQUEST.decode(
        wire.request({ id: '1', subject: 'x', prefixes: Array(5000).fill({ address: new Uint8Array(4), lengthBits: 32 }) }),
      ),
  ],
  ['a route state without a prefix', () => EXPLAIN_REPLY.decode(wire.reply({ routes: [{ announcer: 'x' }] }))],
  ['a note of a time that is none', () => EXPLAIN_REPLY.decode(wire.reply({ notes: [{ agoMs: NaN, ended: { why: 'x' } }] }))],
  ['a body that is no JSON', () => FORGET.request.decode(wire.call({ bodyJson: '{' }))],
  ['a body that is a list', () => FORGET.request.decode(wire.call({ bodyJson: '[]' }))],
  ['a body of 100,000 characters', () => FORGET.request.decode(wire.call({ bodyJson: `{"a":"${'x'.repeat(100_000)}"}` }))],
  ['a query value of 5000 characters', () => EXPLAIN.request.decode(wire.call({ query: { subject: long } }))],
  [
    'a query of 17 parameters',
    () =>
      EXPLAIN.request.decode(wire.call({ query: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [String(i), 'x'])) })),
  ],
  ['an answer that is no JSON', () => EXPLAIN.reply.decode(wire.answer({ replyJson: '{' }))],
  ['an answer that is null', () => EXPLAIN.reply.decode(wire.answer({ replyJson: 'null' }))],
  ['an answer that is a list', () => EXPLAIN.reply.decode(wire.answer({ replyJson: '[]' }))],
  ['a time that is no date', () => RESOLUTIONS.decode(wire.resolution({ seenAtMs: 9e15 }))],
  ['a time without an end', () => RESOLUTIONS.decode(wire.resolution({ seenAtMs: -Infinity }))],
  ['a resolution without a name', () => RESOLUTIONS.decode(wire.resolution({ name: '' }))],
  ['a name with NUL', () => RESOLUTIONS.decode(wire.resolution({ name: 'a\0b' }))],
  ['a chain of 1000 names', () => RESOLUTIONS.decode(wire.resolution({ chain: Array(1000).fill('x') }))],
  ['changes without an epoch', () => ROUTE_CHANGES.decode(wire.changes({ epoch: '' }))],
  [
    'changes that end beyond the last revision there is',
    () => ROUTE_CHANGES.decode(wire.changes({ firstRevision: Number.MAX_SAFE_INTEGER })),
  ],
])('%s is refused', (_what, decode) => expect(decode).toThrow(SteeringError))

describe('of a later version', () => {
  test('another kind of tail means: ask for everything', () => {
    expect(TAIL.reply.decode(Uint8Array.of(0x08, 99))).toBe('gap')
  })

  test('another status of a refusal is a refusal', () => {
    expect(FORGET.reply.decode(wire.answer({ refusal: { status: 7, error: 'no' } }))).toEqual({ status: 503, error: 'no' })
    expect(FORGET.reply.decode(wire.answer({ refusal: { status: 409, error: 'no' } }))).toEqual({ status: 409, error: 'no' })
  })

  test('an unknown kind of note is skipped, the others are taken', () => {
    expect(EXPLAIN_REPLY.decode(wire.reply({ notes: [{ agoMs: 1 }, { agoMs: 2, ended: { why: 'x' } }] }))).toEqual({
      id: '1',
      notes: [{ kind: 'ended', agoMs: 2, why: 'x' }],
    })
  })
})

test('our own messages are never refused for their length', () => {
  const note = { ...notes[0], name: long, address: long, why: long, source: long }
  expect(EXPLAIN_REPLY.decode(EXPLAIN_REPLY.encode({ id: '1', notes: Array(2000).fill(note) })).notes).toHaveLength(1000)
  expect(
    RESOLUTIONS.decode(RESOLUTIONS.encode([{ ...resolution, rule: long, source: { kind: 'resolver', identity: long } }]))[0].rule,
  ).toHaveLength(4096)
  expect(FORGOTTEN.decode(FORGOTTEN.encode({ subject: 'x', holdDownMs: 1e300 }))).toEqual({
    subject: 'x',
    holdDownMs: MAX_HOLD_DOWN_MS,
  })
  expect(EXPLAIN.request.decode(EXPLAIN.request.encode({ query: { subject: long }, body: undefined })).query).toEqual({
    subject: long.slice(0, 4096),
  })
  expect(
    EXPLAIN_REQUEST.decode(EXPLAIN_REQUEST.encode({ id: '1', subject: 'x', prefixes: Array(9000).fill('192.0.2.1/32') }))
      .prefixes,
  ).toHaveLength(4096)
})
