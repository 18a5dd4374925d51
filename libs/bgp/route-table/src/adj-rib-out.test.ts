import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { AdjRibOut } from './adj-rib-out.ts'
import { ExportProfile, type ExportPolicy } from './export-profile.ts'
import type { RouteAttributes } from './route-attributes.ts'
import { FAMILY_NAMES, FamilyNumber, RouteTable } from './route-table.ts'

// A policy whose octets tell the route's first list and MED; list "secret" is kept from the peer.
const policy: ExportPolicy = (attributes, family) =>
  attributes.lists[0] === 'secret'
    ? undefined
    : {
        family: FAMILY_NAMES[family],
        bytes: Uint8Array.of(attributes.lists[0].charCodeAt(0), attributes.med ?? 0),
        mpNextHop: new Uint8Array(family === FamilyNumber.ipv6 ? 16 : 0).fill(7),
        attributes: { asPath: [], nextHop: Uint8Array.of(192, 0, 2, 9), med: attributes.med ?? 0 },
      }

const route = (list: string, med = 0): RouteAttributes => ({ lists: [list], med, communities: [], largeCommunities: [] })
const A = route('a')
const B = route('b')
const C = route('c')
const SECRET = route('secret')

/** A router that believes what it is sent. */
class Peer {
  routes = new Map<string, string>()
  messages: { announced: string[]; withdrawn: string[]; lengthBytes: number; endOfRib: boolean; mark?: number }[] = []

  hear(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return
    for (let at = 0; at < bytes.length;) {
      expect(bytes.subarray(at, at + 16).every((octet) => octet === 0xff)).toBe(true)
      const length = (bytes[at + 16] << 8) | bytes[at + 17]
      expect(length).toBeLessThanOrEqual(4096)
      this.#message(bytes.subarray(at, at + length))
      at += length
    }
  }

  #message(bytes: Uint8Array): void {
    if (bytes[18] !== 2) {
      this.messages.push({ announced: [], withdrawn: [], lengthBytes: bytes.length, endOfRib: false, mark: bytes[19] })
      return
    }
    const withdrawnEnd = 21 + ((bytes[19] << 8) | bytes[20])
    const attributesEnd = withdrawnEnd + 2 + ((bytes[withdrawnEnd] << 8) | bytes[withdrawnEnd + 1])
    expect(attributesEnd).toBeLessThanOrEqual(bytes.length)
    const withdrawn = prefixes(bytes.subarray(21, withdrawnEnd), 4)
    let attributes = bytes.subarray(withdrawnEnd + 2, attributesEnd)
    const announced = prefixes(bytes.subarray(attributesEnd), 4)
    if (attributes[1] === 14 || attributes[1] === 15) {
      const extended = (attributes[0] & 0x10) !== 0
      const length = extended ? (attributes[2] << 8) | attributes[3] : attributes[2]
      const value = attributes.subarray(extended ? 4 : 3, (extended ? 4 : 3) + length)
      expect([...value.subarray(0, 3)]).toEqual([0, 2, 1])
      if (attributes[1] === 15) withdrawn.push(...prefixes(value.subarray(3), 16))
      else announced.push(...prefixes(value.subarray(3 + 1 + value[3] + 1), 16))
      attributes = attributes.subarray((extended ? 4 : 3) + length)
    }
    for (const prefix of withdrawn) this.routes.delete(prefix)
    for (const prefix of announced) this.routes.set(prefix, `${String.fromCharCode(attributes[0])}${attributes[1]}`)
    const endOfRib = announced.length + withdrawn.length === 0
    this.messages.push({ announced, withdrawn, lengthBytes: bytes.length, endOfRib })
  }
}

function prefixes(bytes: Uint8Array, octets: number): string[] {
  const texts: string[] = []
  for (let at = 0; at < bytes.length;) {
    const full = new Uint8Array(octets)
    const length = (bytes[at] + 7) >> 3
    full.set(bytes.subarray(at + 1, at + 1 + length))
    texts.push(`${full.join('.')}/${bytes[at]}`)
    at += 1 + length
  }
  expect(bytes.length === 0 || texts.length > 0).toBe(true)
  return texts
}

const v4 = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
const v6 = (n: number) => `2001:db8::${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}`
const BIG = 1 << 30

let table: RouteTable
let work: number
let out: AdjRibOut
let peer: Peer

beforeEach(() => {
  table = new RouteTable()
  work = 0
  out = new AdjRibOut(table, () => work++)
  peer = new Peer()
})

function open(maxRoutes = Infinity, families: readonly [boolean, boolean] = [true, true]) {
  peer = new Peer()
  out.open({ profile: new ExportProfile(table.attributeSets, policy), families, maxMessageLength: 4096, maxRoutes })
}

function drain(budgetBytes = BIG) {
  while (out.pending) peer.hear(out.next(budgetBytes))
}

function expected(): Map<string, string> {
  const routes = new Map<string, string>()
  for (const [prefix, attributes] of table.entries()) {
    if (attributes.lists[0] === 'secret') continue
    const family = prefix.includes(':') ? FamilyNumber.ipv6 : FamilyNumber.ipv4
    routes.set(octetText(prefix, family), `${attributes.lists[0]}${attributes.med ?? 0}`)
  }
  return routes
}

function octetText(prefix: string, family: FamilyNumber): string {
  const columns = table.families[family]
  for (let id = 0; id < columns.highWater; id++)
    if (columns.attributes[id] !== 0 && table.prefixText(family, id) === prefix) {
      const words = [...columns.keys.subarray(id * columns.words, (id + 1) * columns.words)]
      return `${words.flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]).join('.')}/${columns.lengths[id]}`
    }
  throw new Error(prefix)
}

const anyPrefix = fc.oneof(
  fc.nat({ max: 40 }).map(v4),
  fc.nat({ max: 40 }).map(v6),
  fc.nat({ max: 7 }).map((n) => `10.${n}.0.0/16`),
)
/** What may happen to a table and to the session of its peer. */
const anyStep = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('set' as const), prefix: anyPrefix, to: fc.constantFrom(A, B, C, SECRET) }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('delete' as const), prefix: anyPrefix }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('hear' as const), budgetBytes: fc.integer({ min: 1, max: 200 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const), maxRoutes: fc.constantFrom(5, Infinity) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('refresh' as const), family: fc.constantFrom(0 as const, 1 as const) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
)
type Step = typeof anyStep extends fc.Arbitrary<infer Value> ? Value : never

/** Takes a step; returns how many routes the peer may be sent from now on. */
function play(step: Step, limit: number): number {
  switch (step.do) {
    case 'set':
      table.set(step.prefix, step.to)
      return limit
    case 'delete':
      table.delete(step.prefix)
      return limit
    case 'hear':
      peer.hear(out.next(step.budgetBytes))
      expect(peer.routes.size).toBeLessThanOrEqual(limit)
      return limit
    case 'reopen':
      open(step.maxRoutes)
      return step.maxRoutes
    case 'refresh':
      out.refresh(step.family)
      return limit
    case 'close':
      out.close()
      peer = new Peer()
      return Infinity
    case 'drain':
      drain()
      return limit
  }
}

describe('AdjRibOut', () => {
  test('a new session hears the whole table, then End-of-RIB of each family, then nothing', () => {
    for (let n = 1; n <= 2000; n++) table.set(v4(n), A)
    for (let n = 1; n <= 500; n++) table.set(v6(n), A)
    open()
    drain()
    expect(peer.routes).toEqual(expected())
    const ends = peer.messages.filter((message) => message.endOfRib)
    expect(ends).toHaveLength(2)
    expect(out.tableSent).toBe(true)
    expect(out.next(BIG)).toBeUndefined()
    expect([out.routesOut(FamilyNumber.ipv4), out.routesOut(FamilyNumber.ipv6)]).toEqual([2000, 500])
  })

  test('End-of-RIB comes after the last route of its family (RFC 4724 §2), however small the bites', () => {
    for (let n = 1; n <= 5000; n++) table.set(v4(n), n % 3 === 0 ? A : n % 3 === 1 ? B : C)
    open(Infinity, [true, false])
    drain(700)
    expect(peer.messages.findIndex((message) => message.endOfRib)).toBe(peer.messages.length - 1)
    expect(peer.routes.size).toBe(5000)
  })

  test('End-of-RIB waits for what the sweep left for fuller messages, however much that is', () => {
    for (let n = 1; n <= 50_000; n++) table.set(v4(n), route('a', 16 + (n % 240)))
    open(Infinity, [true, false])
    drain()
    expect(peer.messages.findIndex((message) => message.endOfRib)).toBe(peer.messages.length - 1)
    expect(peer.routes.size).toBe(50_000)
  })

  test('UPDATEs are full, also when attributes alternate from prefix to prefix', () => {
    const n = 100_000
    for (let i = 1; i <= n; i++) table.set(v4(i), i % 2 === 0 ? A : B)
    open(Infinity, [true, false])
    drain(65_536)
    const perMessage = Math.floor((4096 - 25) / 5)
    const announcing = peer.messages.filter((message) => message.announced.length > 0)
    expect(announcing.length).toBeLessThanOrEqual(2 * Math.ceil(n / 2 / perMessage) + 2)
    expect(peer.routes.size).toBe(n)
  })

  test('a single change is one message of one prefix', () => {
    open()
    drain()
    table.set(v4(1), A)
    expect(work).toBeGreaterThan(0)
    peer.messages = []
    drain()
    expect(peer.messages).toMatchObject([{ announced: ['10.0.0.1/32'], withdrawn: [] }])
  })

  test('announce and withdraw cancel each other while they wait', () => {
    table.set(v4(2), A)
    open()
    drain()
    peer.messages = []
    table.set(v4(1), A)
    table.delete(v4(1))
    table.delete(v4(2))
    table.set(v4(2), A)
    drain()
    expect(peer.messages).toEqual([])
  })

  test('a flapping prefix is one entry of the queue, and the last word is what goes out', () => {
    open()
    drain()
    for (let i = 0; i < 10_000; i++) {
      table.set(v4(1), i % 2 === 0 ? A : B)
      if (i % 3 === 0) table.delete(v4(1))
    }
    expect(out.queued).toBe(1)
    drain()
    expect(peer.routes).toEqual(expected())
  })

  test('a change that the peer would not see sends nothing', () => {
    const owned = { ...A, lists: ['a', 'x'] }
    table.set(v4(1), A)
    open()
    drain()
    peer.messages = []
    table.set(v4(1), owned)
    drain()
    expect(peer.messages).toEqual([])
  })

  test('a route that moves to a list kept from the peer is withdrawn', () => {
    table.set(v6(1), A)
    open()
    drain()
    table.set(v6(1), SECRET)
    drain()
    expect(peer.routes.size).toBe(0)
  })

  test('a lost session pins nothing: numbers of deleted prefixes are given out again', () => {
    open()
    for (let n = 1; n <= 200; n++) table.set(v4(n), A)
    drain()
    for (let n = 1; n <= 200; n++) table.delete(v4(n))
    out.close()
    for (let n = 1; n <= 200; n++) table.set(v4(1000 + n), B)
    expect(table.families[0].highWater).toBe(200)
    open()
    drain()
    expect(peer.routes).toEqual(expected())
  })

  test('a lost session with a large table gives its numbers back bit by bit, while the next session is under way', () => {
    const n = 40_000
    const prefix = (i: number) => `10.0.${i >> 8}.${i & 255}/32`
    for (let i = 0; i < n; i++) table.set(prefix(i), A)
    open()
    drain()
    out.close()
    table.clear()
    expect(out.releasePins()).toBe(false)
    open()
    for (let i = 0; i < n; i += 2) table.set(prefix(i), B)
    drain()
    expect(peer.routes.size).toBe(n / 2)
    expect(out.releasePins()).toBe(true)
    table.clear()
    drain()
    expect(peer.routes.size).toBe(0)
    for (let i = 0; i < n; i++) table.set(`192.0.${i >> 8}.${i & 255}/32`, A)
    expect(table.families[FamilyNumber.ipv4].highWater).toBe(n)
  })

  test('a refresh sends a family again, between BoRR and EoRR (RFC 7313 §4)', () => {
    for (let n = 1; n <= 3000; n++) table.set(v4(n), n % 2 === 0 ? A : B)
    table.set(v6(1), A)
    open()
    drain()
    peer.messages = []
    const mark = (subtype: number) => Uint8Array.of(...new Array<number>(16).fill(255), 0, 23, 5, subtype, 0, 0, 0)
    out.refresh(FamilyNumber.ipv4, [mark(1), mark(2)])
    table.delete(v4(7)) // a change meanwhile is not lost
    drain(5000)
    expect(peer.messages[0].mark).toBe(1)
    expect(peer.messages.at(-1)?.mark).toBe(2)
    const again = peer.messages.flatMap((message) => message.announced)
    expect(new Set(again).size).toBe(2999)
    expect(peer.routes).toEqual(expected())
  })

  test('a refresh asked before End-of-RIB waits for it (RFC 7313 §4)', () => {
    for (let n = 1; n <= 3000; n++) table.set(v4(n), A)
    open(Infinity, [true, false])
    peer.hear(out.next(2000))
    const mark = (subtype: number) => Uint8Array.of(...new Array<number>(16).fill(255), 0, 23, 5, subtype, 0, 0, 0)
    out.refresh(FamilyNumber.ipv4, [mark(1), mark(2)])
    drain(2000)
    const order = peer.messages.map((message) => (message.endOfRib ? 'end' : (message.mark ?? 'routes')))
    expect(order.filter((each) => each !== 'routes')).toEqual(['end', 1, 2])
  })

  test('no more routes than the peer wants are out; others follow when there is room', () => {
    for (let n = 1; n <= 60; n++) table.set(v4(n), A)
    for (let n = 1; n <= 60; n++) table.set(v6(n), A)
    open(100)
    drain()
    expect(peer.routes.size).toBe(100)
    expect(out.suppressed).toBe(20)
    for (let n = 1; n <= 30; n++) table.delete(v4(n))
    drain()
    expect(peer.routes).toEqual(expected())
    expect(out.suppressed).toBe(0)
    for (let n = 100; n <= 150; n++) table.set(v4(n), A)
    drain()
    expect(peer.routes.size).toBe(100)
  })

  test('a suppressed route is counted once, and no longer counted when it is no longer wanted', () => {
    for (let n = 1; n <= 10; n++) table.set(v4(n), A)
    open(10)
    drain()
    for (let n = 11; n <= 15; n++) table.set(v4(n), A)
    drain()
    for (let med = 1; med <= 5; med++) {
      table.set(v4(11), route('a', med))
      drain()
    }
    expect(out.suppressed).toBe(5)
    for (const n of [12, 13]) table.delete(v4(n))
    table.set(v4(14), SECRET)
    drain()
    expect(out.suppressed).toBe(2)
    out.refresh(FamilyNumber.ipv4)
    peer.hear(out.next(1)) // the sweep has begun, and has yet to come by what goes
    table.delete(v4(15))
    drain()
    expect(out.suppressed).toBe(1)
  })

  test('a peer has what was sent to it, with the attributes it was sent with', () => {
    table.set(v4(1), route('a', 7))
    table.set(v4(2), SECRET)
    open()
    expect([...out.routes()]).toEqual([])
    drain()
    expect([...out.routes()]).toMatchObject([['10.0.0.1/32', { med: 7 }]])
    table.set(v4(1), route('a', 8)) // not sent yet, and the profile has forgotten what 7 was
    expect([out.has(v4(1)), out.has(v4(2)), out.has(v4(3))]).toEqual([true, false, false])
    table.delete(v4(1))
    expect(out.has('10.0.0.1/32')).toBe(true)
    drain()
    expect(out.has('10.0.0.1/32')).toBe(false)
  })

  test('a prefix is due until it is sent, and not for the peer when the peer does not get it', () => {
    const standing = (prefix: string) => out.standing(prefix)
    table.set(v4(1), A)
    expect(standing(v4(1))).toBe('not for it') // no session
    open(2, [true, false])
    expect([v4(1), v4(2), v6(1)].map(standing)).toEqual(['due', 'due', 'not for it'])
    table.set(v4(3), SECRET)
    drain()
    expect([v4(1), v4(2), v4(3)].map(standing)).toEqual(['told', 'due', 'not for it'])
    table.set(v4(4), A)
    table.set(v4(5), A) // beyond maxRoutes
    drain()
    expect([v4(4), v4(5)].map(standing)).toEqual(['told', 'not for it'])
    table.delete(v4(1))
    expect(standing(v4(1))).toBe('due')
    out.withdrawAll()
    expect(standing(v4(4))).toBe('not for it')
  })

  test('a farewell withdraws all that is out, and only that', () => {
    for (let n = 1; n <= 3000; n++) table.set(v4(n), A)
    for (let n = 1; n <= 3000; n++) table.set(v6(n), A)
    open()
    peer.hear(out.next(9000))
    out.withdrawAll()
    table.set(v4(5000), A)
    drain()
    expect(peer.routes.size).toBe(0)
    expect(out.routesOut(FamilyNumber.ipv4) + out.routesOut(FamilyNumber.ipv6)).toBe(0)
  })

  test('a family that was not agreed on is left alone', () => {
    table.set(v4(1), A)
    table.set(v6(1), A)
    open(Infinity, [true, false])
    drain()
    table.set(v6(2), A)
    expect(out.pending).toBe(false)
    expect([...peer.routes.keys()]).toEqual(['10.0.0.1/32'])
  })

  test('a peer costs at most 9 octets a route, queue included, when all of a large table changed', () => {
    open()
    drain()
    const n = 1 << 17
    for (let i = 0; i < n; i++) table.set(v4(i), A)
    expect(out.sizeBytes / n).toBeLessThanOrEqual(9)
  })

  test('whatever happens in whatever order, the peer ends with the table, and numbers are given back', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 300 }), (steps) => {
        table = new RouteTable()
        out = new AdjRibOut(table, () => {})
        open()
        let limit = Infinity
        for (const step of steps) limit = play(step, limit)
        if (limit === Infinity) {
          if (!out.tableSent && !out.pending) open()
          drain()
          expect(peer.routes).toEqual(expected())
          expect(out.routesOut(0) + out.routesOut(1)).toBe(peer.routes.size)
        }
        for (const [prefix] of [...table.entries()]) table.delete(prefix)
        out.detach()
        // Nothing is pinned any more: as many new prefixes as there were numbers fit without a new number.
        const before = table.families[0].highWater
        for (let n = 0; n < before; n++) table.set(v4(100_000 + n), A)
        expect(table.families[0].highWater).toBe(before)
      }),
      { numRuns: 300 },
    )
  })
})
