import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hex, octets, recordedSessions } from '../test/recorded.ts'
import type { RecordedSession } from '../test/recorded.ts'
import { BgpError } from './bgp-error.ts'
import { message } from './header.ts'
import { AttributeType } from './numbers.ts'
import { decodeUpdate } from './update-reader.ts'
import type { ReceivedUpdate, UpdateContext } from './update-reader.ts'

const EXTERNAL: UpdateContext = { fourOctetAsn: true, internal: false, families: ['ipv4', 'ipv6'], extendedNextHop: [] }
const INTERNAL: UpdateContext = { ...EXTERNAL, internal: true }
const OLD: UpdateContext = { ...EXTERNAL, fourOctetAsn: false }

function contextOf({ session }: RecordedSession): UpdateContext {
  return {
    fourOctetAsn: session !== 'old',
    internal: session === 'internal',
    families: ['ipv4', 'ipv6'],
    extendedNextHop: ['ipv4'],
  }
}

function updatesOf(session: RecordedSession): Uint8Array[] {
  return session.messages.filter((one) => one[18] === 2)
}

/** An UPDATE of withdrawn prefixes, attributes and NLRI, in hexadecimal. */
function update(withdrawn: string, attributes: string, nlri: string): Uint8Array {
  const parts = [withdrawn, attributes, nlri].map(octets)
  const length = (part: Uint8Array) => [part.length >> 8, part.length & 255]
  return message(2, [...length(parts[0]), ...parts[0], ...length(parts[1]), ...parts[1], ...parts[2]])
}

const ORIGIN = '400101 00'
const AS_PATH = '400206 0201 0000fbf0'
const NEXT_HOP = '400304 c0000209'
const GOOD = ORIGIN + AS_PATH + NEXT_HOP
const NLRI = '20c6336401'
const MP_REACH_6 = '800e26 0002 01 10 20010db8000000000000000000000009 00 80 20010db8000100000000000000000001'

function read(bytes: Uint8Array, context = EXTERNAL): ReceivedUpdate | BgpError {
  try {
    return decodeUpdate(bytes, context)
  } catch (error) {
    if (error instanceof BgpError) return error
    throw error
  }
}

describe('what others sent', () => {
  test.each([
    ['bird external', 3, 4, 3, 2],
    ['bird internal', 3, 4, 3, 2],
    ['bird old', 3, 0, 3, 0],
    ['frr external', 2, 1, 1, 1],
    ['frr internal', 2, 1, 1, 1],
    ['gobgp external', 2, 2, 1, 1],
    ['gobgp internal', 2, 2, 1, 1],
    ['gobgp old', 2, 0, 1, 0],
    ['exabgp external', 2, 1, 0, 0],
    ['exabgp internal', 2, 1, 0, 0],
  ])('%s: every prefix is counted and nothing is found wrong', (name, ipv4, ipv6, withdrawnIpv4, withdrawnIpv6) => {
    const session = recordedSessions().find((one) => `${one.implementation} ${one.session}` === name)!
    const sum = { ipv4: 0, ipv6: 0, withdrawnIpv4: 0, withdrawnIpv6: 0 }
    for (const bytes of updatesOf(session)) {
      const { announced, withdrawn, faults } = decodeUpdate(bytes, contextOf(session))
      expect(faults).toEqual([])
      sum.ipv4 += announced.ipv4
      sum.ipv6 += announced.ipv6
      sum.withdrawnIpv4 += withdrawn.ipv4
      sum.withdrawnIpv6 += withdrawn.ipv6
    }
    expect(sum).toEqual({ ipv4, ipv6, withdrawnIpv4, withdrawnIpv6 })
  })

  test.each(['bird', 'frr', 'gobgp', 'exabgp'])(
    "%s's End-of-RIB of both families is recognized (RFC 4724 §2)",
    (implementation) => {
      const session = recordedSessions().find((one) => one.implementation === implementation && one.session === 'internal')!
      const marks = updatesOf(session).map((bytes) => decodeUpdate(bytes, contextOf(session)).endOfRib)
      expect(new Set(marks)).toEqual(new Set(['ipv4', 'ipv6', undefined]))
    },
  )

  test('each prefix is offered in place', () => {
    const session = recordedSessions().find((one) => one.implementation === 'bird' && one.session === 'external')!
    const prefixes: string[] = []
    for (const bytes of updatesOf(session)) {
      decodeUpdate(bytes, {
        ...contextOf(session),
        onPrefix: (family, announced, from, offset, lengthBits) =>
          prefixes.push(
            `${announced ? '+' : '-'}${family} ${hex(from.subarray(offset, offset + ((lengthBits + 7) >> 3)))}/${lengthBits}`,
          ),
      })
    }
    expect(prefixes).toContain('+ipv4 cb0071/24')
    expect(prefixes).toContain('+ipv6 20010db8000100000000000000000001/128')
    expect(prefixes).toContain('-ipv4 c6336402/32')
  })

  test('every truncation, with its length set right or not, gives a result or a BgpError', () => {
    for (const session of recordedSessions()) {
      for (const bytes of updatesOf(session)) {
        for (let length = 23; length < bytes.length; length++) read(bytes.slice(0, length), contextOf(session))
      }
    }
  })

  test('wrong octets anywhere give a result or a BgpError', () => {
    const all = recordedSessions().flatMap((session) =>
      updatesOf(session).map((bytes) => ({ bytes, context: contextOf(session) })),
    )
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), (which, changes) => {
        const { bytes, context } = all[which % all.length]
        const wrong = bytes.slice()
        for (const [at, value] of changes) wrong[19 + (at % (bytes.length - 19))] = value
        read(wrong, context)
      }),
      { numRuns: 20_000 },
    )
  })
})

describe('RFC 7606', () => {
  test.each([
    ['ORIGIN of two octets', '400102 0000' + AS_PATH + NEXT_HOP, AttributeType.ORIGIN],
    ['an ORIGIN that is none', '400101 03' + AS_PATH + NEXT_HOP, AttributeType.ORIGIN],
    ['ORIGIN missing', AS_PATH + NEXT_HOP, AttributeType.ORIGIN],
    ['AS_PATH missing', ORIGIN + NEXT_HOP, AttributeType.AS_PATH],
    ['NEXT_HOP missing', ORIGIN + AS_PATH, AttributeType.NEXT_HOP],
    ['an AS_PATH segment of unknown type', ORIGIN + '400206 0501 0000fbf0' + NEXT_HOP, AttributeType.AS_PATH],
    ['an AS_PATH segment of a confederation', ORIGIN + '400206 0301 0000fbf0' + NEXT_HOP, AttributeType.AS_PATH],
    ['an AS_PATH segment that overruns', ORIGIN + '400206 0202 0000fbf0' + NEXT_HOP, AttributeType.AS_PATH],
    ['an AS_PATH segment that underruns', ORIGIN + '400207 0201 0000fbf0 02' + NEXT_HOP, AttributeType.AS_PATH],
    ['an empty AS_PATH segment', ORIGIN + '400202 0200' + NEXT_HOP, AttributeType.AS_PATH],
    ['AS 0 in AS_PATH (RFC 7607)', ORIGIN + '400206 0201 00000000' + NEXT_HOP, AttributeType.AS_PATH],
    ['NEXT_HOP of five octets', ORIGIN + AS_PATH + '400305 c000020900', AttributeType.NEXT_HOP],
    ['MULTI_EXIT_DISC of three octets', GOOD + '800403 000000', AttributeType.MULTI_EXIT_DISC],
    ['COMMUNITIES of no octets', GOOD + 'c00800', AttributeType.COMMUNITIES],
    ['COMMUNITIES of three octets', GOOD + 'c00803 000000', AttributeType.COMMUNITIES],
    ['EXTENDED_COMMUNITIES of seven', GOOD + 'c01007 00000000000000', AttributeType.EXTENDED_COMMUNITIES],
    ['LARGE_COMMUNITY of eleven', GOOD + 'c0200b 0000000000000000000000', AttributeType.LARGE_COMMUNITY],
    ['ONLY_TO_CUSTOMER of three (RFC 9234)', GOOD + 'c02303 000000', AttributeType.ONLY_TO_CUSTOMER],
    ['ORIGIN that claims to be optional', '800101 00' + AS_PATH + NEXT_HOP, AttributeType.ORIGIN],
    ['COMMUNITIES that claim not to be transitive', GOOD + '800804 fbf00001', AttributeType.COMMUNITIES],
    ['an attribute longer than all of them', GOOD + 'c008ff 00', AttributeType.COMMUNITIES],
    ['an attribute without its length', GOOD + 'c008', AttributeType.COMMUNITIES],
    ['an attribute without half its length', GOOD + 'd00800', AttributeType.COMMUNITIES],
  ])('treats as withdrawn the routes with %s', (_name, attributes, attributeType) => {
    const result = read(update('', attributes, NLRI))
    expect(result).toMatchObject({ announced: { ipv4: 0 }, withdrawn: { ipv4: 1 } })
    expect((result as ReceivedUpdate).faults[0]).toMatchObject({ attributeType, approach: 'treat-as-withdraw' })
  })

  test.each([
    ['LOCAL_PREF of three octets', '400503 000000'],
    ['ORIGINATOR_ID of three', '800903 000000'],
    ['CLUSTER_LIST of no octets', '800a00'],
    ['CLUSTER_LIST of three', '800a03 000000'],
  ])('inside an AS treats as withdrawn the routes with %s, outside drops the attribute', (_name, attribute) => {
    const bytes = update('', GOOD + attribute, NLRI)
    expect(read(bytes, INTERNAL)).toMatchObject({ withdrawn: { ipv4: 1 }, faults: [{ approach: 'treat-as-withdraw' }] })
    expect(read(bytes, EXTERNAL)).toMatchObject({ announced: { ipv4: 1 }, faults: [{ approach: 'attribute discard' }] })
  })

  test.each([
    ['LOCAL_PREF from another AS', '400504 00000064', EXTERNAL],
    ['ORIGINATOR_ID from another AS', '800904 00000064', EXTERNAL],
    ['CLUSTER_LIST from another AS', '800a04 00000064', EXTERNAL],
    ['ATOMIC_AGGREGATE with octets', '400601 00', EXTERNAL],
    ['AGGREGATOR of six octets where eight are due', 'c00706 fbf000000000', EXTERNAL],
    ['AGGREGATOR of eight octets where six are due', 'c00708 0000fbf000000000', OLD],
    ['AS4_PATH from a speaker of four octets (RFC 6793)', 'c01106 0201 0000fbf0', EXTERNAL],
    ['a malformed AS4_PATH', 'c01106 0202 0000fbf0', OLD],
    ['AS4_AGGREGATOR of six octets', 'c01206 000000000000', OLD],
    ['a second ORIGIN', ORIGIN, EXTERNAL],
  ])('drops %s and keeps the route', (_name, attribute, context) => {
    const path = context === OLD ? '400204 0201 fbf0' : AS_PATH
    expect(read(update('', ORIGIN + path + NEXT_HOP + attribute, NLRI), context)).toMatchObject({
      announced: { ipv4: 1 },
      withdrawn: { ipv4: 0 },
      faults: [{ approach: 'attribute discard' }],
    })
  })

  test.each([
    ['withdrawn routes longer than the message', message(2, octets('0005 20c63364 0000')), 1],
    ['withdrawn routes that leave no room for the next length', message(2, octets('0004 20c63364 01')), 1],
    ['attributes longer than the message', message(2, octets('0000 0004 400101')), 1],
    ['an IPv4 prefix of 33 bits', update('', GOOD, '21c633640100'), 10],
    ['a prefix cut short', update('', GOOD, '20c63364'), 10],
    ['a withdrawn prefix of 33 bits', update('21c633640100', '', ''), 10],
    ['a withdrawn prefix cut short', update('20c633', '', ''), 10],
    ['an IPv6 prefix of 129 bits', update('', '800f06 0002 01 81 0000', ''), 10],
    ['MP_REACH_NLRI twice', update('', MP_REACH_6 + MP_REACH_6 + ORIGIN + AS_PATH, ''), 1],
    ['MP_UNREACH_NLRI twice', update('', '800f03 000201 800f03 000201', ''), 1],
    ['a next hop of a length that cannot be', update('', '800e0c 0002 01 04 c0000209 00 0820 30', ''), 9],
    ['an IPv6 next hop for IPv4 that was not agreed', update('', MP_REACH_6.replace('0002', '0001') + ORIGIN + AS_PATH, ''), 9],
    ['a next hop longer than the attribute', update('', '800e05 0002 01 10 00', ''), 9],
    ['an MP_REACH_NLRI of four octets', update('', '800e04 0002 01 10', ''), 9],
    ['an MP_UNREACH_NLRI of two octets', update('', '800f02 0002', ''), 9],
    ['a well-known attribute nobody knows', update('', GOOD + '406300', NLRI), 2],
    ['bad attributes with no prefix to withdraw (§5.2)', update('', '400101 09', ''), 1],
  ])('resets the session for %s', (_name, bytes, subcode) => {
    expect(read(bytes)).toMatchObject({ code: 3, subcode })
  })

  test('a fault in one attribute withdraws what MP_REACH_NLRI announces too', () => {
    expect(read(update('', MP_REACH_6 + '400101 09' + AS_PATH, ''))).toMatchObject({
      announced: { ipv6: 0 },
      withdrawn: { ipv6: 1 },
    })
  })

  test('withdrawals of the same message count whatever the attributes are', () => {
    expect(read(update('20c6336402', '400101 09' + AS_PATH + NEXT_HOP, NLRI))).toMatchObject({ withdrawn: { ipv4: 2 } })
  })

  test('at most sixteen faults are told', () => {
    const result = read(update('', GOOD + ORIGIN.repeat(40), NLRI)) as ReceivedUpdate
    expect(result.faults.length).toBe(16)
  })
})

describe('families', () => {
  test('one not agreed on is not looked at (RFC 4760 §7)', () => {
    const labelled = '800e0a 0001 80 0c ffffffffffff'
    expect(read(update('', labelled + ORIGIN + AS_PATH, ''))).toMatchObject({
      announced: { ipv4: 0, ipv6: 0 },
      otherFamily: true,
    })
    expect(read(update('', MP_REACH_6 + ORIGIN + AS_PATH, ''), { ...EXTERNAL, families: ['ipv4'] })).toMatchObject({
      otherFamily: true,
    })
  })

  test('IPv4 with an IPv6 next hop is read where agreed (RFC 8950)', () => {
    const reach = '800e1a 0001 01 10 20010db8000000000000000000000009 00 20c6336401'
    expect(read(update('', reach + ORIGIN + AS_PATH, ''), { ...EXTERNAL, extendedNextHop: ['ipv4'] })).toMatchObject({
      announced: { ipv4: 1 },
    })
  })

  test('an UPDATE with more than an empty MP_UNREACH_NLRI is no End-of-RIB', () => {
    expect(read(update('', '800f03 000201', ''))).toMatchObject({ endOfRib: 'ipv6' })
    expect(read(update('', '900f0003 000201', ''))).toMatchObject({ endOfRib: 'ipv6' })
    expect(read(update('', '', ''))).toMatchObject({ endOfRib: 'ipv4' })
    expect((read(update('', '800f03 000201', NLRI)) as ReceivedUpdate).endOfRib).toBeUndefined()
    expect((read(update('20c6336401', '', '')) as ReceivedUpdate).endOfRib).toBeUndefined()
    expect((read(update('', `${ORIGIN} 800f03 000201`, '')) as ReceivedUpdate).endOfRib).toBeUndefined()
  })
})
