import {
  BgpError,
  UpdateWriter,
  cease,
  encodeAttributes,
  encodeKeepalive,
  encodeNotification,
  encodeOpen,
  encodeRouteRefresh,
} from '@dnstap-bgp/bgp-wire'
import { describe, expect, test } from 'vitest'
import { OPEN, Played, types } from '../testing/played.ts'

describe('octets from the peer', () => {
  test('become one sum of UPDATEs and one start of the hold timer for each chunk', () => {
    const played = new Played().established()
    const block = encodeAttributes('ipv4', { asPath: [], nextHop: Uint8Array.of(192, 0, 2, 9), localPref: 1 }, true)
    const writer = new UpdateWriter()
    const buffer = new Uint8Array(65536)
    writer.reset(buffer)
    writer.advertise(block)
    for (let i = 0; i < 2000; i++) writer.addIpv4(i, 32)
    writer.withdraw('ipv6')
    writer.add(new Uint8Array(16), 0, 64)
    writer.endOfRib('ipv4')
    const chunk = Buffer.concat([buffer.subarray(0, writer.finish()), ...Array.from({ length: 500 }, encodeKeepalive)])
    expect(played.receive(chunk)).toEqual([
      { type: 'startTimer', side: 'outgoing', timer: 'HoldTimer', seconds: 90 },
      {
        type: 'received',
        connection: played.connection,
        updates: writer.messages,
        announced: { ipv4: 2000, ipv6: 0 },
        withdrawn: { ipv4: 0, ipv6: 1 },
        endOfRib: ['ipv4'],
        faults: [],
      },
    ])
  })

  test('after the end of a session are ignored', () => {
    const played = new Played().established()
    const actions = played.receive(encodeNotification(cease(4)), new Uint8Array(100), encodeKeepalive())
    expect(types(actions)).toEqual([
      'close',
      'stopTimer',
      'stopTimer',
      'stopTimer',
      'ended',
      'startTimer',
      'waiting',
      'stateChanged',
    ])
    expect(played.receive(encodeKeepalive())).toEqual([])
  })

  test.each([
    ['a bad header', new Uint8Array(19), { code: 1, subcode: 1 }],
    ['an UPDATE that cannot be read', Uint8Array.of(...new Array(16).fill(255), 0, 23, 2, 0, 9, 0, 0), { code: 3, subcode: 1 }],
    ['a bad ROUTE-REFRESH', Uint8Array.of(...new Array(16).fill(255), 0, 24, 5, 0, 1, 1, 1, 0), { code: 7, subcode: 1 }],
    ['an OPEN', encodeOpen(OPEN), { code: 5, subcode: 3 }],
  ])('that are %s end the session with the right NOTIFICATION', (_name, octets, expected) => {
    const ended = new Played()
      .established()
      .receive(octets)
      .find((one) => one.type === 'ended')
    expect(ended).toMatchObject({ sent: expected })
  })

  test('longer than 4096 are accepted after we said so (RFC 8654), before and without it not', () => {
    const long = (played: Played) => {
      const writer = new UpdateWriter(65535)
      const buffer = new Uint8Array(65535)
      writer.reset(buffer)
      writer.withdraw('ipv4')
      for (let i = 0; i < 10_000; i++) writer.addIpv4(i, 32)
      return played.receive(buffer.subarray(0, writer.finish())).find((one) => one.type === 'ended' || one.type === 'received')
    }
    expect(long(new Played().established())).toMatchObject({ withdrawn: { ipv4: 10_000 } })
    expect(long(new Played({ extendedMessage: false }).established())).toMatchObject({ sent: { code: 1, subcode: 2 } })
    expect(long(new Played())).toMatchObject({ sent: { code: 1, subcode: 2 } })
  })

  test('are read as many at a time as the driver says, and the rest waits in the buffer', () => {
    const played = new Played().established()
    const { fsm, connection } = played
    const chunk = Buffer.concat([...Array.from({ length: 25 }, encodeKeepalive), encodeNotification(cease(4))])
    const before = fsm.idleMessages(connection)
    expect(types(fsm.receive(connection, chunk, 10))).toEqual(['startTimer'])
    expect([fsm.idleMessages(connection) - before, fsm.hasMore(connection)]).toEqual([10, true])
    expect(types(fsm.receiveMore(connection, 10))).toEqual(['startTimer'])
    expect(fsm.state).toBe('Established')
    expect(types(fsm.receiveMore(connection, 10))).toContain('ended')
    expect(fsm.hasMore(connection)).toBe(false)
  })

  test('that carry nothing are counted, and of many in a chunk each leads to one action', () => {
    const played = new Played().established()
    const { fsm, connection } = played
    const endOfRib = Uint8Array.of(...new Array<number>(16).fill(255), 0, 23, 2, 0, 0, 0, 0)
    const before = fsm.idleMessages(connection)
    const chunk = Array.from({ length: 100 }, () => [encodeRouteRefresh('ipv6'), encodeKeepalive(), endOfRib]).flat()
    expect(types(played.receive(...chunk))).toEqual(['routeRefresh', 'startTimer', 'received'])
    expect(fsm.idleMessages(connection) - before).toBe(300)
  })

  test('too many of them end the session, and the pause after it grows as after failures', () => {
    const played = new Played()
    const flooded = new BgpError(6, 8)
    const pauses: number[] = []
    for (let round = 0; round < 4; round++) {
      played.established()
      const actions = played.fsm.punish(flooded)
      expect(actions).toContainEqual(expect.objectContaining({ type: 'ended', sent: flooded }))
      pauses.push(...actions.filter((one) => one.type === 'waiting').map((one) => one.seconds))
      played.again()
    }
    expect(pauses).toEqual([1, 2, 4, 8])
  })

  test('a ROUTE-REFRESH is handed on with its connection', () => {
    const played = new Played().established()
    expect(played.receive(encodeRouteRefresh('ipv6'))).toEqual([
      { type: 'routeRefresh', connection: played.connection, family: 'ipv6', subtype: 0 },
    ])
  })
})
