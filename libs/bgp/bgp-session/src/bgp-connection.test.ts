import { NO_CAPABILITIES, encodeKeepalive, encodeOpen } from '@dnstap-bgp/bgp-wire'
import { describe, expect, test } from 'vitest'
import { A } from '../testing/linked.ts'
import { OPEN, Played, types } from '../testing/played.ts'
import { PeerFsm } from './peer-fsm.ts'

describe('a collision', () => {
  test.each([
    ['the higher identifier, the connection it opened stays', 0xc0000202, 'incoming'],
    ['the lower identifier, the connection we opened stays', 0xc0000200, 'outgoing'],
  ] as const)('found at the second OPEN: where the peer has %s (RFC 4271 §6.8)', (_name, bgpIdentifier, stays) => {
    for (const first of ['outgoing', 'incoming'] as const) {
      const played = new Played()
      const numbers = { outgoing: played.connection, incoming: played.fsm.incoming().connection! }
      const second = first === 'outgoing' ? 'incoming' : 'outgoing'
      const open = encodeOpen({ ...OPEN, bgpIdentifier })
      played.fsm.receive(numbers[first], open)
      expect(played.fsm.state).toBe('OpenConfirm')
      const actions = played.fsm.receive(numbers[second], open)
      const loser = stays === 'outgoing' ? 'incoming' : 'outgoing'
      expect(actions.find((one) => one.type === 'ended')).toMatchObject({ side: loser, sent: { code: 6, subcode: 7 } })
      // The loser hears no KEEPALIVE behind its OPEN: the peer must not take it for the one that stays.
      const keepalives = actions.filter((one) => one.type === 'send' && one.message === 'KEEPALIVE')
      expect(keepalives.map((one) => 'connection' in one && one.connection)).toEqual(second === loser ? [] : [numbers[second]])
      played.fsm.receive(numbers[stays], encodeKeepalive())
      expect(played.fsm.connection).toBe(numbers[stays])
    }
  })

  test('is not decided by an OPEN that is refused', () => {
    const played = new Played()
    const incoming = played.fsm.incoming().connection!
    played.fsm.receive(played.connection, encodeOpen(OPEN))
    const ended = played.fsm
      .receive(incoming, encodeOpen({ ...OPEN, asn: 64511, capabilities: NO_CAPABILITIES }))
      .filter((one) => one.type === 'ended')
    expect(ended).toEqual([expect.objectContaining({ side: 'incoming' })])
    expect(played.fsm.state).toBe('OpenConfirm')
  })

  test('with an Established session ends the new connection', () => {
    const played = new Played()
    const incoming = played.fsm.incoming().connection!
    played.receive(encodeOpen(OPEN), encodeKeepalive())
    expect(played.actions).toContainEqual(expect.objectContaining({ type: 'close', connection: incoming }))
    expect(played.fsm.connection).toBe(played.connection)
  })
})

describe('incoming connections', () => {
  test('are not taken before start(), nor beside a session', () => {
    const fsm = new PeerFsm({ ...A, jitter: () => 1 })
    expect(fsm.incoming()).toEqual({ connection: undefined, actions: [] })
    expect(new Played().established().fsm.incoming().connection).toBeUndefined()
  })

  test('a thousand of them leave one', () => {
    const fsm = new PeerFsm({ ...A, passive: true, jitter: () => 1 })
    fsm.start()
    const open = new Set<number>()
    for (let i = 0; i < 1000; i++) {
      const { connection, actions } = fsm.incoming()
      for (const action of actions) if (action.type === 'close') open.delete(action.connection)
      if (connection !== undefined) open.add(connection)
      expect(open.size).toBeLessThanOrEqual(1)
    }
  })

  test('of a peer that connects in vain again and again are not taken for the length of the pause', () => {
    const fsm = new PeerFsm({ ...A, passive: true, jitter: () => 1 })
    fsm.start()
    let taken = 0
    for (let i = 0; i < 100; i++) {
      const { connection } = fsm.incoming()
      if (connection === undefined) continue
      taken++
      fsm.receive(connection, new Uint8Array(19))
    }
    expect(taken).toBe(4)
    expect(fsm.state).toBe('Idle')
    fsm.expired('outgoing', 'IdleHoldTimer')
    expect(fsm.state).toBe('Active')
    expect(fsm.incoming().connection).toBeDefined()
  })

  test('one that drips an octet at a time ends with the hold timer of OpenSent', () => {
    const fsm = new PeerFsm({ ...A, passive: true, jitter: () => 1 })
    fsm.start()
    const { connection, actions } = fsm.incoming()
    expect(actions).toContainEqual({ type: 'startTimer', side: 'incoming', timer: 'HoldTimer', seconds: 240 })
    for (const octet of encodeOpen(OPEN).subarray(0, -1)) expect(fsm.receive(connection!, Uint8Array.of(octet))).toEqual([])
    expect(types(fsm.expired('incoming', 'HoldTimer'))).toContain('NOTIFICATION')
  })
})

test('words about connections and timers that are gone change nothing', () => {
  const { fsm, connection } = new Played().established()
  expect(fsm.closed(connection + 1)).toEqual([])
  expect(fsm.connected(99)).toEqual([])
  expect(fsm.receive(99, encodeKeepalive())).toEqual([])
  expect(fsm.progressed(99)).toEqual([])
  expect(fsm.expired('incoming', 'HoldTimer')).toEqual([])
  expect(fsm.expired('outgoing', 'ConnectRetryTimer')).toEqual([])
  expect(fsm.expired('outgoing', 'IdleHoldTimer')).toEqual([])
  expect(fsm.state).toBe('Established')
})

test('the pause is ended by its own timer alone', () => {
  const played = new Played()
  played.fsm.closed(played.connection)
  played.fsm.expired('outgoing', 'ConnectRetryTimer')
  const attempt = played.fsm.expired('outgoing', 'ConnectRetryTimer').find((one) => one.type === 'connect')!
  expect(types(played.fsm.closed(attempt.connection, 'refused'))).toContain('waiting')
  expect(played.fsm.expired('incoming', 'IdleHoldTimer')).toEqual([])
  expect(types(played.fsm.expired('outgoing', 'IdleHoldTimer'))).toContain('connect')
})
