import {
  BgpError,
  NO_CAPABILITIES,
  UpdateWriter,
  cease,
  encodeAttributes,
  encodeKeepalive,
  encodeNotification,
  encodeOpen,
  encodeRouteRefresh,
} from '@dnstap-bgp/bgp-wire'
import type { Open } from '@dnstap-bgp/bgp-wire'
import { describe, expect, test } from 'vitest'
import { A, B, Host, pair } from '../test/linked.ts'
import type { Pair } from '../test/linked.ts'
import type { SessionConfig } from './config.ts'
import { PeerFsm } from './peer-fsm.ts'
import type { PeerFsmAction } from './peer-fsm-actions.ts'

const GRACEFUL = { gracefulRestart: { restartTimeSeconds: 120, restarting: false } }

function expectOneSession({ a, b }: Pair): void {
  expect([a.fsm.state, b.fsm.state]).toEqual(['Established', 'Established'])
  expect([a.openConnections, b.openConnections]).toEqual([[a.fsm.connection], [b.fsm.connection]])
}

function started(a: Partial<SessionConfig> = {}, b: Partial<SessionConfig> = {}, seed = 1): Pair {
  const both = pair(a, b, seed)
  both.a.start()
  both.b.start()
  return both
}

describe('two peerings', () => {
  test('come up, one connecting and one waiting, and stay up', () => {
    const both = started({}, { passive: true })
    both.world.run(1)
    expectOneSession(both)
    expect(both.a.actions('stateChanged').map(({ to }) => to)).toEqual(['Connect', 'OpenSent', 'OpenConfirm', 'Established'])
    expect(both.b.actions('stateChanged').map(({ to }) => to)).toEqual(['Active', 'OpenSent', 'OpenConfirm', 'Established'])
    both.world.run(3600)
    expectOneSession(both)
    expect(both.a.actions('ended')).toEqual([])
    // A KEEPALIVE at least every 30 s, and not many more.
    const keepalives = both.a.actions('send').filter((one) => one.message === 'KEEPALIVE').length
    expect(keepalives).toBeGreaterThan(119)
    expect(keepalives).toBeLessThan(165)
  })

  test('that both connect settle on one connection, that of the higher identifier where they collide (RFC 4271 §6.8)', () => {
    let collisions = 0
    for (let seed = 1; seed <= 400; seed++) {
      const both = pair({}, {}, seed)
      const { world, a, b } = both
      a.latency = b.latency = () => 0.001 + world.random() * 0.2
      a.start()
      world.after(world.random() * 0.3, () => b.start())
      world.run(120)
      expectOneSession(both)
      collisions +=
        a
          .notifications()
          .concat(b.notifications())
          .filter((one) => one === '6/7').length > 0
          ? 1
          : 0
      const before = [a.fsm.connection, b.fsm.connection]
      world.run(600)
      expect([a.fsm.connection, b.fsm.connection]).toEqual(before)
    }
    expect(collisions).toBeGreaterThan(20)
  })

  test('in two ASes with one identifier settle by AS number (RFC 6286 §2.3)', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const both = pair(
        { localAsn: 64496, peerAsn: 64497 },
        { localAsn: 64497, peerAsn: 64496, bgpIdentifier: A.bgpIdentifier },
        seed,
      )
      const { world, a, b } = both
      a.latency = b.latency = () => 0.001 + world.random() * 0.1
      a.start()
      b.start()
      world.run(120)
      expectOneSession(both)
    }
  })

  test('find each other again after either end was lost', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const both = started({}, {}, seed)
      both.world.run(200)
      both.a.do(both.a.fsm.reset(cease(4)))
      both.world.run(60)
      expectOneSession(both)
    }
  })

  test('agree on everything both are configured for', () => {
    const both = started({ ...GRACEFUL, extendedNextHop: true }, { ...GRACEFUL, extendedNextHop: true, holdTimeSeconds: 9 })
    both.world.run(1)
    expect(both.a.fsm.negotiated).toMatchObject({ holdTimeSeconds: 9, extendedNextHop: ['ipv4'], maxMessageLength: 65535 })
    expect(both.a.fsm.negotiated).toEqual({
      ...both.b.fsm.negotiated,
      peerBgpIdentifier: both.a.fsm.negotiated?.peerBgpIdentifier,
    })
  })

  test('with a hold time of 0 send no KEEPALIVE after the first', () => {
    const both = started({ holdTimeSeconds: 0 }, { passive: true })
    both.world.run(3600)
    expectOneSession(both)
    expect(both.a.actions('send').filter((one) => one.message === 'KEEPALIVE').length).toBe(1)
    expect(both.a.runningTimers).toEqual([])
  })

  test('a frozen peer is given up when the hold time is over', () => {
    const both = started({ holdTimeSeconds: 9 }, { passive: true })
    both.world.run(10)
    both.b.isFrozen = true
    both.world.run(9.1)
    expect(both.a.notifications()).toEqual(['4/0'])
    expect(both.a.actions('ended')).toContainEqual(expect.objectContaining({ from: 'Established', words: 'Hold Timer Expired' }))
    // What froze comes back and finds out.
    both.b.thaw()
    both.world.run(200)
    expectOneSession(both)
  })

  test('a wrong AS is refused by both, again and again but ever more seldom', () => {
    const both = started({ peerAsn: 64511 }, { passive: true })
    both.world.run(3600)
    expect(both.a.fsm.state).not.toBe('Established')
    expect(new Set(both.a.notifications())).toEqual(new Set(['2/2']))
    expect(both.a.notifications().length).toBeLessThan(100)
    const pauses = both.a.actions('waiting').map(({ seconds }) => seconds)
    expect(pauses[0]).toBeLessThan(1)
    expect(Math.max(...pauses)).toBeGreaterThan(45)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(60)
  })

  test('a peer that is down is looked for for ever, at a pace', () => {
    const both = pair()
    both.b.isDown = true
    both.a.start()
    both.world.run(7200)
    const attempts = both.a.actions('connect').length
    expect(attempts).toBeGreaterThan(120)
    expect(attempts).toBeLessThan(180)
    both.b.isDown = false
    both.b.start()
    both.world.run(2)
    // The peer connects to us meanwhile and is let in though we pause.
    expectOneSession(both)
  })
})

describe('graceful restart', () => {
  test('"restarting" is told in the first session alone (RFC 4724 §4.1)', () => {
    const both = started({ gracefulRestart: { restartTimeSeconds: 120, restarting: true } }, { ...GRACEFUL, passive: true })
    both.world.run(1)
    expect(both.b.fsm.negotiated?.gracefulRestart?.peerRestarting).toBe(true)
    both.a.do(both.a.fsm.reset(cease(4)))
    both.world.run(10)
    expectOneSession(both)
    expect(both.b.fsm.negotiated?.gracefulRestart?.peerRestarting).toBe(false)
  })

  test('a stop that preserves says nothing, and the peer sees a closed connection', () => {
    const both = started(GRACEFUL, { ...GRACEFUL, passive: true })
    both.world.run(1)
    both.a.do(both.a.fsm.stop({ type: 'preserve' }))
    both.world.run(1)
    expect(both.a.notifications()).toEqual([])
    expect(both.b.actions('ended').at(-1)).toMatchObject({ from: 'Established', words: 'the peer closed the connection' })
    expect(both.a.runningTimers).toEqual([])
    both.world.run(1000)
    expect(both.a.fsm.state).toBe('Idle')
  })

  test.each([
    ['with', GRACEFUL, 1],
    ['without', {}, 90],
  ])('a peer that lost its power and comes back is let in %s it', (_name, restart, atMostSeconds) => {
    const both = started({ ...restart, passive: true }, restart)
    both.world.run(100)
    both.b.vanish()
    const reborn = new Host('b again', both.world, { ...B, ...restart })
    reborn.peer = both.a
    both.a.peer = reborn
    reborn.start()
    both.world.run(atMostSeconds + 61)
    expectOneSession({ ...both, b: reborn })
    const ended = both.a.actions('ended').find(({ from }) => from === 'Established')!
    expect(ended.at - 100).toBeLessThanOrEqual(atMostSeconds)
    expect(ended.words).toBe(restart === GRACEFUL ? 'the peer restarted and connected anew' : 'Hold Timer Expired')
  })

  test.each([
    ['restarts itself', [{ family: 'ipv4', forwarding: true }], true],
    ['only helps', [], false],
  ] as const)('a peer that %s and connects anew has restarted (families: %j): %s (RFC 4724 §5)', (_name, families, isRestart) => {
    const gracefulRestart = { restarting: false, notification: false, restartTimeSeconds: 0, families }
    const { fsm } = new Played(GRACEFUL).established({ capabilities: { ...OPEN.capabilities, gracefulRestart } })
    fsm.expired('outgoing', 'KeepaliveTimer') // the session has lasted a while
    expect(fsm.incoming().connection !== undefined).toBe(isRestart)
    expect(fsm.state === 'Established').toBe(!isRestart)
  })

  test('a second connection of a young session is no restart: it may be what is left of a collision', () => {
    const both = started({ ...GRACEFUL, passive: true }, GRACEFUL)
    both.world.run(1)
    expect(both.a.fsm.incoming().connection).toBeUndefined()
    expectOneSession(both)
  })
})

describe('stop', () => {
  test('sends Cease with the message given, and begins nothing before start()', () => {
    const both = started({}, { passive: true })
    both.world.run(1)
    both.a.do(both.a.fsm.stop({ type: 'notify', error: cease(2, 'back at noon') }))
    both.world.run(1)
    expect(both.b.actions('ended').at(-1)).toMatchObject({
      words: 'the peer sent Cease, Administrative Shutdown: "back at noon"',
      received: { shutdownCommunication: 'back at noon' },
    })
    both.world.run(600)
    expect([both.a.fsm.state, both.b.fsm.state]).toEqual(['Idle', 'Active'])
    both.a.start()
    both.world.run(1)
    expectOneSession(both)
  })

  test('from any moment leaves no timer and no connection', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const both = pair({}, {}, seed)
      const { world, a, b } = both
      a.latency = b.latency = () => world.random() * 0.1
      a.start()
      b.start()
      world.run(world.random() * 0.8)
      a.do(a.fsm.stop(seed % 2 === 0 ? { type: 'preserve' } : { type: 'notify' }))
      expect([a.fsm.state, a.runningTimers, a.openConnections]).toEqual(['Idle', [], []])
      expect(a.fsm.incoming().connection).toBeUndefined()
    }
  })
})

/** One peering under test and a peer played by hand. */
class Played {
  readonly fsm: PeerFsm
  readonly actions: PeerFsmAction[]
  connection: number

  constructor(config: Partial<SessionConfig> = {}) {
    this.fsm = new PeerFsm({ ...A, jitter: () => 1, ...config })
    this.actions = this.fsm.start()
    this.connection = this.connect()
  }

  connect(): number {
    const { connection } = this.actions.filter((one) => one.type === 'connect').at(-1)!
    this.actions.push(...this.fsm.connected(connection))
    return (this.connection = connection)
  }

  receive(...messages: Uint8Array[]): PeerFsmAction[] {
    const actions = this.fsm.receive(this.connection, Buffer.concat(messages))
    this.actions.push(...actions)
    return actions
  }

  /** The pause is over. */
  again(): void {
    this.actions.push(...this.fsm.expired('outgoing', 'IdleHoldTimer'))
    this.connect()
  }

  opens(): { readonly bytes: Uint8Array }[] {
    return this.actions.filter((one) => one.type === 'send').filter((one) => one.message === 'OPEN')
  }

  established(open: Partial<Open> = {}): this {
    this.receive(encodeOpen({ ...OPEN, ...open }), encodeKeepalive())
    expect(this.fsm.state).toBe('Established')
    return this
  }
}

const OPEN: Open = {
  asn: B.localAsn,
  holdTimeSeconds: 90,
  bgpIdentifier: B.bgpIdentifier,
  capabilities: { ...NO_CAPABILITIES, families: ['ipv4', 'ipv6'], fourOctetAsn: B.localAsn, routeRefresh: true },
}
const types = (actions: readonly PeerFsmAction[]) => actions.map((one) => (one.type === 'send' ? one.message : one.type))

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

  test('capabilities, and does no better without, is offered them again', () => {
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

  test('capabilities is offered none next, whatever becomes of the OPEN with capabilities on another connection', () => {
    const played = new Played()
    const { connection = 0 } = played.fsm.incoming()
    played.actions.push(...played.fsm.receive(connection, refusal(4)))
    played.receive(refusal(2))
    played.again()
    expect(played.opens().at(-1)?.bytes.length).toBe(29)
  })

  test('capabilities is offered them again when the operator begins anew', () => {
    const played = new Played()
    played.receive(refusal(4))
    played.actions.push(...played.fsm.start())
    played.connect()
    expect(played.opens()[1].bytes).toEqual(played.opens()[0].bytes)
  })

  test('us for a capability that we lack is not offered less (RFC 5492 §5)', () => {
    const played = new Played()
    played.receive(encodeNotification({ code: 2, subcode: 7, data: Uint8Array.of(6, 0) }))
    played.again()
    expect(played.fsm.withheldCapabilities).toEqual([])
    expect(played.opens()[1].bytes).toEqual(played.opens()[0].bytes)
  })
})

const refusal = (subcode: number) => encodeNotification({ code: 2, subcode, data: new Uint8Array(0) })

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

  test('is not settled by an OPEN that is refused', () => {
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

  test('behind the end of a session are nobody’s', () => {
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

  test('are looked at as many at a time as the driver says, and the rest waits where it is', () => {
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
