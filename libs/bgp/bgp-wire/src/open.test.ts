import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hex, octets, recordedSessions } from '../test/recorded.ts'
import { BgpError } from './bgp-error.ts'
import { NO_CAPABILITIES, encodeCapabilities } from './capabilities.ts'
import type { Capabilities } from './capabilities.ts'
import { message } from './header.ts'
import { decodeOpen, encodeOpen } from './open.ts'
import type { Open } from './open.ts'

const HEAD = '04 fbf0 005a c0000202'
const opens = new Map(recordedSessions().map((one) => [`${one.implementation} ${one.session}`, one.messages[0]]))

/** An OPEN of these octets behind the header. */
function open(body: string): Uint8Array {
  return message(1, octets(body))
}

function errorOf(bytes: Uint8Array): BgpError {
  try {
    decodeOpen(bytes)
  } catch (error) {
    if (error instanceof BgpError) return error
    throw error
  }
  throw new Error('no error')
}

describe('decodeOpen', () => {
  test('reads what BIRD 2.0.12 offers', () => {
    expect(decodeOpen(opens.get('bird external')!)).toEqual({
      asn: 4200000001,
      holdTimeSeconds: 240,
      bgpIdentifier: 0xc0000201,
      capabilities: {
        ...NO_CAPABILITIES,
        families: ['ipv4', 'ipv6'],
        routeRefresh: true,
        enhancedRouteRefresh: true,
        extendedMessage: true,
        extendedNextHop: ['ipv4'],
        fourOctetAsn: 4200000001,
        role: 0,
        gracefulRestart: {
          restarting: false,
          notification: false,
          restartTimeSeconds: 120,
          families: [
            { family: 'ipv4', forwarding: false },
            { family: 'ipv6', forwarding: false },
          ],
        },
        longLivedGracefulRestart: [
          { family: 'ipv4', forwarding: false, staleTimeSeconds: 300 },
          { family: 'ipv6', forwarding: false, staleTimeSeconds: 300 },
        ],
      },
    })
  })

  test('reads what FRR 8.4.4 offers, and keeps by code what we have no name for', () => {
    const { capabilities } = decodeOpen(opens.get('frr external')!)
    expect(capabilities).toMatchObject({ role: 4, gracefulRestart: { restarting: true, notification: true } })
    expect(capabilities.unknown.map(({ code }) => code)).toEqual([128, 69])
    expect(hex(capabilities.unknown[1].value)).toBe('0001010100020101')
    expect(capabilities.fqdn?.domainName).toBe('')
  })

  test('reads what GoBGP 3.10 and ExaBGP 4.2.21 offer', () => {
    expect(decodeOpen(opens.get('gobgp internal')!)).toMatchObject({
      asn: 64496,
      capabilities: { gracefulRestart: { notification: true }, extendedNextHop: ['ipv4'], extendedMessage: false },
    })
    expect(decodeOpen(opens.get('exabgp internal')!)).toMatchObject({
      asn: 64496,
      capabilities: { gracefulRestart: { restarting: true, families: [{ forwarding: true }, { forwarding: true }] } },
    })
  })

  test('keeps copies, not views, of a message that is about to be overwritten', () => {
    const bytes = Buffer.from(open(`${HEAD} 06 02 04 c8 02 abcd`))
    const { capabilities } = decodeOpen(bytes)
    bytes.fill(0)
    expect(hex(capabilities.unknown[0].value)).toBe('abcd')
  })

  test('accepts the longer optional parameters of RFC 9072, whatever the first length says', () => {
    const parameters = '02 0002 0200 02 0006 4104 00010203'
    for (const length of ['ff', '2a']) {
      expect(decodeOpen(open(`${HEAD} ${length} ff 000e ${parameters}`))).toMatchObject({
        asn: 0x010203,
        capabilities: { routeRefresh: true },
      })
    }
  })

  test('takes the AS number from My AS where the four-octet capability is missing (RFC 6793)', () => {
    expect(decodeOpen(open(`${HEAD} 00`)).asn).toBe(64496)
  })

  test('several values of the role capability are told from one (RFC 9234 §4.2)', () => {
    expect(decodeOpen(open(`${HEAD} 08 0206 090103 090103`)).capabilities).toMatchObject({ role: 3, conflictingRoles: false })
    expect(decodeOpen(open(`${HEAD} 08 0206 090103 090104`)).capabilities).toMatchObject({ conflictingRoles: true })
  })

  test('of several graceful restart capabilities the last counts (RFC 4724 §3)', () => {
    const { capabilities } = decodeOpen(open(`${HEAD} 0a 0208 40020078 4002800a`))
    expect(capabilities.gracefulRestart).toEqual({ restarting: true, notification: false, restartTimeSeconds: 10, families: [] })
  })

  test('keeps a known capability of the wrong shape among the unknown', () => {
    const { capabilities } = decodeOpen(open(`${HEAD} 0a 0208 0103000100 410100`))
    expect(capabilities.families).toEqual([])
    expect(capabilities.unknown.map(({ code }) => code)).toEqual([1, 65])
  })

  test.each([
    ['version 3 earns the version we speak', '03 fbf0 005a c0000202 00', 1, '0004'],
    ['AS 0 (RFC 7607)', '04 0000 005a c0000202 00', 2, ''],
    ['AS 0 in the four-octet capability', `${HEAD} 08 0206 410400000000`, 2, ''],
    ['BGP Identifier 0 (RFC 6286)', '04 fbf0 005a 00000000 00', 3, ''],
    ['a hold time of 1', '04 fbf0 0001 c0000202 00', 6, ''],
    ['a hold time of 2', '04 fbf0 0002 c0000202 00', 6, ''],
    ['an optional parameter other than capabilities', `${HEAD} 03 010100`, 4, ''],
    ['parameters that end before the message', `${HEAD} 00 0200`, 0, ''],
    ['parameters that end behind the message', `${HEAD} 05 0200`, 0, ''],
    ['a parameter longer than all of them', `${HEAD} 02 0203`, 0, ''],
    ['a parameter without its length', `${HEAD} 01 02`, 0, ''],
    ['a capability longer than its parameter', `${HEAD} 04 0202 4104`, 0, ''],
    ['extended parameters longer than the message', `${HEAD} ff ff 0010 02 0000`, 0, ''],
  ])('refuses %s', (_name, body, subcode, data) => {
    const error = errorOf(open(body))
    expect([error.code, error.subcode, hex(error.data)]).toEqual([2, subcode, data])
  })

  test('every truncation of a recorded OPEN is refused', () => {
    for (const bytes of opens.values()) {
      for (let length = 29; length < bytes.length; length++) expect(errorOf(bytes.subarray(0, length)).code).toBe(2)
    }
  })

  test('one wrong octet anywhere gives an OPEN or a BgpError', () => {
    for (const bytes of opens.values()) {
      for (let at = 19; at < bytes.length; at++) {
        for (const value of [0, 1, 0x7f, 0xff, bytes[at] ^ 1]) {
          const wrong = bytes.slice()
          wrong[at] = value
          try {
            decodeOpen(wrong)
          } catch (error) {
            expect(error).toBeInstanceOf(BgpError)
          }
        }
      }
    }
  })
})

describe('encodeOpen', () => {
  test('what it writes is what it reads', () => {
    const family = fc.constantFrom('ipv4' as const, 'ipv6' as const)
    const families = fc.uniqueArray(family)
    const capabilities: fc.Arbitrary<Capabilities> = fc
      .record(
        {
          families,
          routeRefresh: fc.boolean(),
          enhancedRouteRefresh: fc.boolean(),
          extendedMessage: fc.boolean(),
          extendedNextHop: fc.constantFrom([], ['ipv4' as const]),
          fourOctetAsn: fc.integer({ min: 1, max: 0xffffffff }),
          role: fc.integer({ min: 0, max: 4 }),
          gracefulRestart: fc.record({
            restarting: fc.boolean(),
            notification: fc.boolean(),
            restartTimeSeconds: fc.nat(4095),
            families: fc.array(fc.record({ family, forwarding: fc.boolean() }), { maxLength: 4 }),
          }),
          longLivedGracefulRestart: fc.array(
            fc.record({ family, forwarding: fc.boolean(), staleTimeSeconds: fc.nat(0xffffff) }),
            { maxLength: 4 },
          ),
          fqdn: fc.record({ hostName: fc.constantFrom('', 'host', 'bücher'), domainName: fc.constantFrom('', 'example.org') }),
          unknown: fc.array(fc.record({ code: fc.integer({ min: 200, max: 255 }), value: fc.uint8Array({ maxLength: 255 }) }), {
            maxLength: 4,
          }),
        },
        { requiredKeys: ['families', 'routeRefresh', 'enhancedRouteRefresh', 'extendedMessage', 'extendedNextHop', 'unknown'] },
      )
      .map((some) => ({ ...NO_CAPABILITIES, ...some }) as Capabilities)
    fc.assert(
      fc.property(capabilities, fc.integer({ min: 1, max: 0xffff }), (offered, asn) => {
        const written: Open = {
          asn: offered.fourOctetAsn ?? asn,
          holdTimeSeconds: 90,
          bgpIdentifier: 0xfffffffe,
          capabilities: offered,
        }
        expect(decodeOpen(encodeOpen(written))).toEqual(written)
      }),
    )
  })

  test('writes AS_TRANS where the AS number needs four octets', () => {
    const bytes = encodeOpen({ asn: 4200000001, holdTimeSeconds: 9, bgpIdentifier: 1, capabilities: NO_CAPABILITIES })
    expect(hex(bytes)).toBe(`${'ff'.repeat(16)}001d01045ba000090000000100`)
  })

  test('puts all capabilities in one parameter, and in an extended one when they are many', () => {
    const many = { ...NO_CAPABILITIES, unknown: Array.from({ length: 20 }, () => ({ code: 200, value: new Uint8Array(20) })) }
    const bytes = encodeOpen({ asn: 1, holdTimeSeconds: 9, bgpIdentifier: 1, capabilities: many })
    expect(hex(bytes.subarray(28, 35))).toBe('ffff01bb0201b8')
    expect(decodeOpen(bytes).capabilities.unknown.length).toBe(20)
    expect(encodeOpen({ asn: 1, holdTimeSeconds: 9, bgpIdentifier: 1, capabilities: many }, false).length).toBe(29)
  })

  test('a restart time or stale time too long for its field is the longest that fits', () => {
    const gracefulRestart = { restarting: false, notification: false, restartTimeSeconds: 9999, families: [] }
    expect(encodeCapabilities({ ...NO_CAPABILITIES, gracefulRestart })).toEqual([64, 2, 0x0f, 0xff])
  })
})
