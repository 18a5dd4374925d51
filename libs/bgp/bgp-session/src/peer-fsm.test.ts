import { cease } from '@dnstap-bgp/bgp-wire'
import { describe, expect, test } from 'vitest'
import { A, B, Host, pair } from '../testing/linked.ts'
import type { Pair } from '../testing/linked.ts'
import { GRACEFUL, OPEN, Played } from '../testing/played.ts'
import type { SessionConfig } from './config.ts'

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

describe('two linked peers', () => {
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

  test('that both connect keep one connection, that of the higher identifier where they collide (RFC 4271 §6.8)', () => {
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

  test('in two ASes with one identifier decide by AS number (RFC 6286 §2.3)', () => {
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

  test('a session with a frozen peer ends when the hold time is over', () => {
    const both = started({ holdTimeSeconds: 9 }, { passive: true })
    both.world.run(10)
    both.b.isFrozen = true
    both.world.run(9.1)
    expect(both.a.notifications()).toEqual(['4/0'])
    expect(both.a.actions('ended')).toContainEqual(expect.objectContaining({ from: 'Established', reason: 'Hold Timer Expired' }))
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

  test('a peer that is down is tried for ever, with pauses', () => {
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
  test('"restarting" is sent in the first session only (RFC 4724 §4.1)', () => {
    const both = started({ gracefulRestart: { restartTimeSeconds: 120, restarting: true } }, { ...GRACEFUL, passive: true })
    both.world.run(1)
    expect(both.b.fsm.negotiated?.gracefulRestart?.peerRestarting).toBe(true)
    both.a.do(both.a.fsm.reset(cease(4)))
    both.world.run(10)
    expectOneSession(both)
    expect(both.b.fsm.negotiated?.gracefulRestart?.peerRestarting).toBe(false)
  })

  test('a stop that preserves sends no NOTIFICATION, and the peer sees a closed connection', () => {
    const both = started(GRACEFUL, { ...GRACEFUL, passive: true })
    both.world.run(1)
    both.a.do(both.a.fsm.stop({ type: 'preserve' }))
    both.world.run(1)
    expect(both.a.notifications()).toEqual([])
    expect(both.b.actions('ended').at(-1)).toMatchObject({ from: 'Established', reason: 'the peer closed the connection' })
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
    expect(ended.reason).toBe(restart === GRACEFUL ? 'the peer restarted and connected again' : 'Hold Timer Expired')
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
      reason: 'the peer sent Cease, Administrative Shutdown: "back at noon"',
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
