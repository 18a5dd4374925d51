import { NO_CAPABILITIES, cease, encodeNotification } from '@dnstap-bgp/bgp-wire'
import { describe, expect, test } from 'vitest'
import { GRACEFUL, Played, types } from '../testing/played.ts'

describe('a peer that refuses', () => {
  test('too many prefixes is left alone for a long time, and not let in meanwhile', () => {
    const { fsm, actions } = ((played) => {
      played.receive(encodeNotification(cease(1)))
      return played
    })(new Played().established())
    expect(actions.at(-2)).toEqual({ type: 'waiting', seconds: 900, damped: true })
    expect(fsm.isDamped).toBe(true)
    expect(fsm.incoming().connection).toBeUndefined()
    expect(types(fsm.expired('outgoing', 'IdleHoldTimer'))).toContain('connect')
    expect(fsm.isDamped).toBe(false)
  })

  test('too many prefixes is tried again at once when the operator says so', () => {
    const played = new Played().established()
    played.receive(encodeNotification(cease(1)))
    expect(types(played.fsm.start())).toEqual(['stopTimer', 'startTimer', 'connect', 'stateChanged'])
    expect(played.fsm.isDamped).toBe(false)
  })

  test('capabilities is tried again soon without any (RFC 5492 §3)', () => {
    const played = new Played({ ...GRACEFUL, extendedNextHop: true })
    played.receive(refusal(4))
    expect(played.actions.at(-2)).toMatchObject({ type: 'waiting', seconds: 1 })
    expect(played.fsm.withheldCapabilities).toEqual([1, 2, 5, 6, 64, 65, 70])
    played.again()
    expect(played.opens().map(({ bytes }) => bytes.length)).toEqual([expect.any(Number), 29])
    played.established({ capabilities: NO_CAPABILITIES })
    expect(played.fsm.negotiated).toMatchObject({ families: ['ipv4'], fourOctetAsn: false })
    // That session over, it may be another router by now.
    played.actions.push(...played.fsm.closed(played.connection))
    played.again()
    expect(played.opens()[2].bytes.length).toBe(played.opens()[0].bytes.length)
    expect(played.fsm.withheldCapabilities).toEqual([])
  })

  test('capabilities, and refuses an OPEN without them too, is offered them again', () => {
    const played = new Played()
    for (const code of [4, 2]) {
      played.receive(refusal(code))
      played.again()
    }
    const lengths = played.opens().map(({ bytes }) => bytes.length)
    expect(lengths).toEqual([lengths[0], 29, lengths[0]])
    expect(lengths[0]).toBeGreaterThan(29)
  })

  test('capabilities on both connections of a collision is offered none next', () => {
    const played = new Played()
    const { connection = 0 } = played.fsm.incoming()
    played.actions.push(...played.fsm.receive(connection, refusal(4)))
    expect(played.fsm.withheldCapabilities).not.toEqual([])
    played.receive(refusal(4))
    expect(played.actions.at(-2)).toMatchObject({ type: 'waiting', seconds: 1 })
    played.again()
    expect(played.opens().at(-1)?.bytes.length).toBe(29)
  })

  test('capabilities is offered none next, whatever happens to an OPEN with capabilities on another connection', () => {
    const played = new Played()
    const { connection = 0 } = played.fsm.incoming()
    played.actions.push(...played.fsm.receive(connection, refusal(4)))
    played.receive(refusal(2))
    played.again()
    expect(played.opens().at(-1)?.bytes.length).toBe(29)
  })

  test('capabilities is offered them again after a reset by the operator', () => {
    const played = new Played()
    played.receive(refusal(4))
    played.actions.push(...played.fsm.start())
    played.connect()
    expect(played.opens()[1].bytes).toEqual(played.opens()[0].bytes)
  })

  test('us because we lack a capability is still offered all of ours (RFC 5492 §5)', () => {
    const played = new Played()
    played.receive(encodeNotification({ code: 2, subcode: 7, data: Uint8Array.of(6, 0) }))
    played.again()
    expect(played.fsm.withheldCapabilities).toEqual([])
    expect(played.opens()[1].bytes).toEqual(played.opens()[0].bytes)
  })
})

const refusal = (subcode: number) => encodeNotification({ code: 2, subcode, data: new Uint8Array(0) })
