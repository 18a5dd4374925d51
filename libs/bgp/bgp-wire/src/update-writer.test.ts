import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hex, octets, recordedSessions } from '../test/recorded.ts'
import { encodeAttributes } from './attributes.ts'
import type { AttributeBlock, PathAttributes } from './attributes.ts'
import { MessageFramer } from './framer.ts'
import type { Family } from './numbers.ts'
import { decodeUpdate } from './update-reader.ts'
import { UpdateWriter, attributesFit } from './update-writer.ts'

const NEXT_HOP_4 = octets('c0000209')
const NEXT_HOP_6 = octets('20010db8000000000000000000000009')
const PLAIN: PathAttributes = { asPath: [], nextHop: NEXT_HOP_4 }

interface Route {
  readonly family: Family
  readonly announced: boolean
  readonly bytes: Uint8Array
  readonly lengthBits: number
}

/** Writes the routes in buffers of the given size, as a driver would. */
function write(
  writer: UpdateWriter,
  size: number,
  routes: readonly Route[],
  blockOf: (family: Family) => PathAttributes,
): Uint8Array {
  const blocks = new Map<Family, AttributeBlock>()
  for (const { family } of routes) if (!blocks.has(family)) blocks.set(family, encodeAttributes(family, blockOf(family), true))
  const sent: Uint8Array[] = []
  let buffer = new Uint8Array(size)
  writer.reset(buffer)
  for (const { family, announced, bytes, lengthBits } of routes) {
    if (announced) writer.advertise(blocks.get(family)!)
    else writer.withdraw(family)
    if (writer.add(bytes, 0, lengthBits)) continue
    sent.push(buffer.subarray(0, writer.finish()))
    buffer = new Uint8Array(size)
    writer.reset(buffer)
    if (!writer.add(bytes, 0, lengthBits)) throw new Error('no room in an empty buffer')
  }
  sent.push(buffer.subarray(0, writer.finish()))
  return Buffer.concat(sent)
}

function messagesIn(stream: Uint8Array): Uint8Array[] {
  const framer = new MessageFramer()
  framer.allowExtendedMessages()
  framer.push(stream)
  const messages: Uint8Array[] = []
  for (let one = framer.next(); one !== undefined; one = framer.next()) messages.push(one.slice())
  expect(framer.bufferedBytes).toBe(0)
  return messages
}

function prefixesIn(messages: readonly Uint8Array[]): string[] {
  const prefixes: string[] = []
  for (const message of messages) {
    const { faults } = decodeUpdate(message, {
      fourOctetAsn: true,
      internal: true,
      families: ['ipv4', 'ipv6'],
      extendedNextHop: ['ipv4'],
      onPrefix: (family, announced, bytes, offset, lengthBits) =>
        prefixes.push(`${family} ${announced} ${lengthBits} ${hex(bytes.subarray(offset, offset + ((lengthBits + 7) >> 3)))}`),
    })
    expect(faults).toEqual([])
  }
  return prefixes
}

function hosts(count: number, family: Family, announced = true): Route[] {
  return Array.from({ length: count }, (_, i) => {
    const bytes = new Uint8Array(family === 'ipv4' ? 4 : 16)
    bytes.set([10, i >> 16, i >> 8, i], bytes.length - 4)
    return { family, announced, bytes, lengthBits: bytes.length * 8 }
  })
}

describe('UpdateWriter', () => {
  test('writes octet by octet what BIRD 2.0.12 wrote for the same routes', () => {
    const bird = recordedSessions().find((one) => one.implementation === 'bird' && one.session === 'old')!
    const theirs = bird.messages.filter((one) => one[18] === 2).map(hex)
    const block = encodeAttributes(
      'ipv4',
      {
        asPath: [4200000001],
        nextHop: NEXT_HOP_4,
        med: 70,
        communities: [0xfbf00064, 0xffffff01],
        largeCommunities: [[4200000001, 1, 2]],
      },
      false,
    )
    const writer = new UpdateWriter()
    const buffer = new Uint8Array(4096)
    writer.reset(buffer)
    writer.advertise(block)
    for (const text of ['c6336402', 'c6336401']) writer.add(octets(text), 0, 32)
    writer.add(octets('cb0071'), 0, 24)
    expect(hex(buffer.subarray(0, writer.finish()))).toBe(theirs[0])
    writer.reset(buffer)
    writer.endOfRib('ipv4')
    expect(hex(buffer.subarray(0, writer.finish()))).toBe(theirs[1])
    writer.reset(buffer)
    writer.withdraw('ipv4')
    writer.addIpv4(0xc6336402, 32)
    writer.addIpv4(0xc6336401, 32)
    writer.addIpv4(0xcb007100, 24)
    expect(hex(buffer.subarray(0, writer.finish()))).toBe(theirs[2])
  })

  test("writes BIRD's IPv6 routes and withdrawals in as many octets, in the order RFC 7606 §5.1 asks for", () => {
    const bird = recordedSessions().find((one) => one.implementation === 'bird' && one.session === 'internal')!
    const theirs = bird.messages.filter((one) => one[18] === 2 && hex(one).includes('0002011020010db8'))[0]
    const block = encodeAttributes('ipv6', { asPath: [], nextHop: NEXT_HOP_6, localPref: 100 }, true)
    const writer = new UpdateWriter()
    const buffer = new Uint8Array(4096)
    writer.reset(buffer)
    writer.advertise(block)
    writer.add(octets('20010db80002'), 0, 48)
    writer.add(octets('20010db8000100000000000000000001'), 0, 128)
    const ours = buffer.slice(0, writer.finish())
    expect(ours[19 + 4 + 1]).toBe(14)
    expect(prefixesIn([ours])).toEqual(prefixesIn([theirs]))
    const attributesOf = (bytes: Uint8Array) => {
      const found = new Map<number, string>()
      for (let at = 23; at < bytes.length;) {
        const long = (bytes[at] & 0x10) !== 0
        const start = at + (long ? 4 : 3)
        const end = start + (long ? bytes[at + 2] * 256 + bytes[at + 3] : bytes[at + 2])
        found.set(bytes[at + 1], `${bytes[at] & 0xe0} ${hex(bytes.subarray(start, end))}`)
        at = end
      }
      return new Map([...found].sort(([a], [b]) => a - b))
    }
    expect(attributesOf(ours)).toEqual(attributesOf(theirs))
  })

  test.each([
    ['IPv4', 'ipv4', true, PLAIN, 811],
    ['IPv4 with an IPv6 next hop', 'ipv4', true, { ...PLAIN, nextHop: NEXT_HOP_6 }, 807],
    ['IPv6', 'ipv6', true, { ...PLAIN, nextHop: NEXT_HOP_6 }, 237],
    ['IPv4 withdrawn', 'ipv4', false, PLAIN, 814],
    ['IPv6 withdrawn', 'ipv6', false, { ...PLAIN, nextHop: NEXT_HOP_6 }, 239],
  ] as const)('fills messages to the last octet that fits: %s', (_name, family, announced, attributes, perMessage) => {
    const size = family === 'ipv4' ? 5 : 17
    const stream = write(new UpdateWriter(), 1 << 20, hosts(5000, family, announced), () => attributes)
    const messages = messagesIn(stream)
    expect(messages.length).toBe(Math.ceil(5000 / perMessage))
    for (const full of messages.slice(0, -1)) {
      expect(full.length).toBeLessThanOrEqual(4096)
      expect(full.length + size).toBeGreaterThan(4096)
    }
    expect(prefixesIn(messages).length).toBe(5000)
  })

  test('fills extended messages (RFC 8654)', () => {
    const messages = messagesIn(write(new UpdateWriter(65535), 1 << 20, hosts(20_000, 'ipv4'), () => PLAIN))
    expect(messages.map((one) => one.length)).toEqual([65532, expect.any(Number)])
    expect(prefixesIn(messages).length).toBe(20_000)
  })

  test('whatever is written in buffers of whatever size is read back in order', () => {
    const route = fc
      .tuple(
        fc.constantFrom('ipv4' as const, 'ipv6' as const),
        fc.boolean(),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.nat(128),
      )
      .map(([family, announced, random, bits]) => {
        const longest = family === 'ipv4' ? 32 : 128
        return { family, announced, bytes: random.slice(0, longest / 8), lengthBits: bits % (longest + 1) }
      })
    const nextHop = fc.constantFrom(NEXT_HOP_4, NEXT_HOP_6)
    fc.assert(
      fc.property(
        fc.array(route, { maxLength: 300 }),
        fc.integer({ min: 200, max: 5000 }),
        fc.integer({ min: 200, max: 4096 }),
        nextHop,
        (routes, size, limit, hop) => {
          const stream = write(new UpdateWriter(limit), Math.max(size, limit), routes, (family) => ({
            asPath: [],
            nextHop: family === 'ipv4' ? hop : NEXT_HOP_6,
            communities: [1, 2, 3],
          }))
          const messages = messagesIn(stream)
          for (const one of messages) expect(one.length).toBeLessThanOrEqual(limit)
          expect(prefixesIn(messages)).toEqual(
            routes.map(
              ({ family, announced, bytes, lengthBits }) =>
                `${family} ${announced} ${lengthBits} ${hex(bytes.subarray(0, (lengthBits + 7) >> 3))}`,
            ),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  test('an IPv4 prefix as a number is written like its octets', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.nat(32), (address, lengthBits) => {
        const [one, other] = [new Uint8Array(64), new Uint8Array(64)]
        for (const [buffer, add] of [
          [one, (writer: UpdateWriter) => writer.addIpv4(address, lengthBits)],
          [other, (writer: UpdateWriter) => writer.add(octets(address.toString(16).padStart(8, '0')), 0, lengthBits)],
        ] as const) {
          const writer = new UpdateWriter()
          writer.reset(buffer)
          writer.withdraw('ipv4')
          expect(add(writer)).toBe(true)
          writer.finish()
        }
        expect(hex(one)).toBe(hex(other))
      }),
    )
  })

  test('says no to a route for which the buffer has no room, and has then written nothing of it', () => {
    const writer = new UpdateWriter()
    const buffer = new Uint8Array(60)
    writer.reset(buffer)
    writer.withdraw('ipv4')
    let routes = 0
    while (writer.addIpv4(routes + 1, 32)) routes++
    expect(routes).toBe(7)
    const length = writer.finish()
    expect(length).toBe(19 + 2 + 7 * 5 + 2)
    expect(writer.endOfRib('ipv4')).toBe(false)
    expect(writer.finish()).toBe(length)
    expect(prefixesIn(messagesIn(buffer.subarray(0, length))).length).toBe(7)
  })

  test('begins in the middle of a buffer, and counts its messages', () => {
    const writer = new UpdateWriter()
    const buffer = new Uint8Array(200)
    writer.reset(buffer, 100)
    expect(writer.endOfRib('ipv6')).toBe(true)
    expect(writer.finish()).toBe(100 + 29)
    expect(hex(buffer.subarray(100, 129))).toBe(`${'ff'.repeat(16)}001d02 0000 0006 800f03 000201`.replaceAll(' ', ''))
    expect(hex(buffer.subarray(0, 100))).toBe('00'.repeat(100))
    expect(writer.messages).toBe(1)
  })

  test('nothing added is nothing written', () => {
    const writer = new UpdateWriter()
    writer.reset(new Uint8Array(4096))
    writer.advertise(encodeAttributes('ipv4', PLAIN, true))
    writer.withdraw('ipv6')
    expect(writer.finish()).toBe(0)
  })

  test('attributes that leave no room for a route are refused', () => {
    const communities = Array.from({ length: 1010 }, (_, i) => i)
    const block = encodeAttributes('ipv4', { ...PLAIN, communities }, true)
    expect(attributesFit(block, 4096)).toBe(false)
    expect(() => new UpdateWriter().advertise(block)).toThrow(RangeError)
    expect(attributesFit(block, 65535)).toBe(true)
    expect(() => new UpdateWriter(65535).advertise(block)).not.toThrow()
  })
})
