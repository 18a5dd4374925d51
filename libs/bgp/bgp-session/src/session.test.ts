import { BgpError, NO_CAPABILITIES, cease, decodeNotification, encodeNotification } from '@dnstap-bgp/bgp-wire'
import type { Open } from '@dnstap-bgp/bgp-wire'
import { describe, expect, test } from 'vitest'
import { notificationIn } from '../testing/linked.ts'
import { withDefaults } from './config.ts'
import type { SessionConfig } from './config.ts'
import type { Action, Event, State } from './fsm.ts'
import { STATES } from './fsm.ts'
import { CapabilityOffer } from './capability-offer.ts'
import { Session } from './session.ts'

const CONFIG: SessionConfig = {
  localAsn: 64496,
  peerAsn: 64497,
  bgpIdentifier: 0xc0000201,
  holdTimeSeconds: 90,
  connectRetrySeconds: 30,
  jitter: () => 1,
}
const OPEN: Open = {
  asn: 64497,
  holdTimeSeconds: 30,
  bgpIdentifier: 0xc0000202,
  capabilities: { ...NO_CAPABILITIES, families: ['ipv4', 'ipv6'], routeRefresh: true, fourOctetAsn: 64497 },
}
const NOTIFICATION = decodeNotification(encodeNotification(cease(4)))
const ERROR = {
  header: new BgpError(1, 2),
  open: new BgpError(2, 1),
  update: new BgpError(3, 1),
  refresh: new BgpError(7, 1),
}

const THE_WAY: readonly Event[] = [
  { type: 'ManualStart' },
  { type: 'Tcp_CR_Acked' },
  { type: 'BGPOpen', open: OPEN },
  { type: 'KeepAliveMsg' },
]

function sessionIn(state: State, config: Partial<SessionConfig> = {}, open: Open = OPEN): Session {
  const settings = withDefaults({ ...CONFIG, ...config })
  const session = new Session(settings, new CapabilityOffer(settings))
  if (state === 'Active') session.handle({ type: 'ManualStart_with_PassiveTcpEstablishment' })
  else {
    for (const event of THE_WAY) {
      if (session.state === state) break
      session.handle(event.type === 'BGPOpen' ? { type: 'BGPOpen', open } : event)
    }
  }
  expect(session.state).toBe(state)
  return session
}

function timers(actions: readonly Action[]): Record<string, number | undefined> {
  const found: Record<string, number | undefined> = {}
  for (const action of actions) {
    if (action.type === 'startTimer') found[action.timer] = action.seconds
    if (action.type === 'stopTimer') found[action.timer] = undefined
  }
  return found
}

const types = (actions: readonly Action[]) => actions.map((one) => (one.type === 'send' ? one.message : one.type))

const EVENTS: Readonly<Record<string, Event>> = {
  ManualStart: { type: 'ManualStart' },
  AutomaticStart: { type: 'AutomaticStart' },
  ManualStart_with_PassiveTcpEstablishment: { type: 'ManualStart_with_PassiveTcpEstablishment' },
  AutomaticStart_with_PassiveTcpEstablishment: { type: 'AutomaticStart_with_PassiveTcpEstablishment' },
  AutomaticStart_with_DampPeerOscillations: { type: 'AutomaticStart_with_DampPeerOscillations' },
  AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment: {
    type: 'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment',
  },
  IdleHoldTimer_Expires: { type: 'IdleHoldTimer_Expires' },
  ManualStop: { type: 'ManualStop' },
  AutomaticStop: { type: 'AutomaticStop' },
  ConnectRetryTimer_Expires: { type: 'ConnectRetryTimer_Expires' },
  HoldTimer_Expires: { type: 'HoldTimer_Expires' },
  KeepaliveTimer_Expires: { type: 'KeepaliveTimer_Expires' },
  SendHoldTimer_Expires: { type: 'SendHoldTimer_Expires' },
  Tcp_CR_Acked: { type: 'Tcp_CR_Acked' },
  TcpConnectionConfirmed: { type: 'TcpConnectionConfirmed' },
  TcpConnectionFails: { type: 'TcpConnectionFails' },
  TcpProgress: { type: 'TcpProgress' },
  BGPOpen: { type: 'BGPOpen', open: OPEN },
  BGPHeaderErr: { type: 'BGPHeaderErr', error: ERROR.header },
  BGPOpenMsgErr: { type: 'BGPOpenMsgErr', error: ERROR.open },
  OpenCollisionDump: { type: 'OpenCollisionDump' },
  NotifMsgVerErr: { type: 'NotifMsgVerErr', notification: NOTIFICATION },
  NotifMsg: { type: 'NotifMsg', notification: NOTIFICATION },
  KeepAliveMsg: { type: 'KeepAliveMsg' },
  UpdateMsg: { type: 'UpdateMsg' },
  UpdateMsgErr: { type: 'UpdateMsgErr', error: ERROR.update },
  RouteRefreshMsg: { type: 'RouteRefreshMsg', family: 'ipv4', subtype: 0 },
  RouteRefreshMsgErr: { type: 'RouteRefreshMsgErr', error: ERROR.refresh },
}

/** By event, what Idle, Connect, Active, OpenSent, OpenConfirm, Established do: the next state, and the NOTIFICATION sent. */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  ManualStart: ['Connect', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'],
  AutomaticStart: ['Connect', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'],
  ManualStart_with_PassiveTcpEstablishment: ['Active', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'],
  AutomaticStart_with_PassiveTcpEstablishment: ['Active', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'],
  AutomaticStart_with_DampPeerOscillations: ['Connect', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'],
  AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment: [
    'Active',
    'Connect',
    'Active',
    'OpenSent',
    'OpenConfirm',
    'Established',
  ],
  IdleHoldTimer_Expires: ['Connect', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'],
  ManualStop: ['Idle', 'Idle', 'Idle', 'Idle 6/2', 'Idle 6/2', 'Idle 6/2'],
  AutomaticStop: ['Idle', 'Idle', 'Idle', 'Idle 6/8', 'Idle 6/8', 'Idle 6/8'],
  ConnectRetryTimer_Expires: ['Idle', 'Connect', 'Connect', 'Idle 5/1', 'Idle 5/2', 'Idle 5/3'],
  HoldTimer_Expires: ['Idle', 'Idle', 'Idle', 'Idle 4/0', 'Idle 4/0', 'Idle 4/0'],
  KeepaliveTimer_Expires: ['Idle', 'Idle', 'Idle', 'Idle 5/1', 'OpenConfirm', 'Established'],
  SendHoldTimer_Expires: ['Idle', 'Idle', 'Idle', 'Idle 5/1', 'Idle 5/2', 'Idle'],
  Tcp_CR_Acked: ['Idle', 'OpenSent', 'OpenSent', 'OpenSent', 'OpenConfirm', 'Established'],
  TcpConnectionConfirmed: ['Idle', 'OpenSent', 'OpenSent', 'OpenSent', 'OpenConfirm', 'Established'],
  TcpConnectionFails: ['Idle', 'Idle', 'Idle', 'Active', 'Idle', 'Idle'],
  TcpProgress: ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'],
  BGPOpen: ['Idle', 'Idle', 'Idle', 'OpenConfirm', 'Idle 5/2', 'Idle 5/3'],
  BGPHeaderErr: ['Idle', 'Idle', 'Idle', 'Idle 1/2', 'Idle 1/2', 'Idle 1/2'],
  BGPOpenMsgErr: ['Idle', 'Idle', 'Idle', 'Idle 2/1', 'Idle 2/1', 'Idle 5/3'],
  OpenCollisionDump: ['Idle', 'Idle', 'Idle', 'Idle 6/7', 'Idle 6/7', 'Idle 6/7'],
  NotifMsgVerErr: ['Idle', 'Idle', 'Idle', 'Idle', 'Idle', 'Idle'],
  NotifMsg: ['Idle', 'Idle', 'Idle', 'Idle', 'Idle', 'Idle'],
  KeepAliveMsg: ['Idle', 'Idle', 'Idle', 'Idle 5/1', 'Established', 'Established'],
  UpdateMsg: ['Idle', 'Idle', 'Idle', 'Idle 5/1', 'Idle 5/2', 'Established'],
  UpdateMsgErr: ['Idle', 'Idle', 'Idle', 'Idle 5/1', 'Idle 5/2', 'Idle 3/1'],
  RouteRefreshMsg: ['Idle', 'Idle', 'Idle', 'Idle 5/1', 'Idle 5/2', 'Established'],
  RouteRefreshMsgErr: ['Idle', 'Idle', 'Idle', 'Idle 5/1', 'Idle 5/2', 'Idle 7/1'],
}

describe('every event in every state', () => {
  test('the table names every event', () => expect(Object.keys(TABLE).sort()).toEqual(Object.keys(EVENTS).sort()))

  for (const [index, state] of STATES.entries()) {
    test.each(Object.keys(EVENTS))(`in ${state}, %s leads where RFC 4271 §8.2.2 says, with the NOTIFICATION it earns`, (name) => {
      const session = sessionIn(state)
      const running = (['ConnectRetryTimer', 'HoldTimer', 'KeepaliveTimer', 'SendHoldTimer'] as const).filter(
        (timer) => session.isRunning(timer) && name !== `${timer}_Expires`,
      )
      const actions = session.handle(EVENTS[name])
      const sent = notificationIn(actions)
      expect(session.state + (sent === undefined ? '' : ` ${sent.code}/${sent.subcode}`)).toBe(TABLE[name][index])
      if (session.state !== 'Idle' || state === 'Idle') return
      // To Idle goes only who says so, closes, and stops what ran, in this order.
      expect(types(actions)).toEqual([
        ...(sent === undefined ? [] : ['NOTIFICATION']),
        'close',
        ...running.map(() => 'stopTimer'),
        'ended',
      ])
      expect(session.negotiated).toBeUndefined()
    })
  }
})

describe('timers', () => {
  test('ConnectRetryTimer runs with jitter while the connection is being made (RFC 4271 §10)', () => {
    const lowest = sessionIn('Idle', { connectRetrySeconds: 40, jitter: () => 0 })
    expect(timers(lowest.handle({ type: 'ManualStart' }))).toEqual({ ConnectRetryTimer: 30 })
    expect(types(lowest.handle({ type: 'ConnectRetryTimer_Expires' }))).toEqual(['close', 'startTimer', 'connect'])
    expect(timers(lowest.handle({ type: 'Tcp_CR_Acked' }))).toEqual({ ConnectRetryTimer: undefined, HoldTimer: 240 })
  })

  test('a passive session runs no ConnectRetryTimer', () => {
    expect(sessionIn('Active', { passive: true }).isRunning('ConnectRetryTimer')).toBe(false)
  })

  test('the hold time is the smaller of both, and KEEPALIVEs come at a third of it', () => {
    const session = sessionIn('OpenSent')
    const actions = session.handle({ type: 'BGPOpen', open: OPEN })
    expect(types(actions)).toEqual(['KEEPALIVE', 'startTimer', 'startTimer'])
    expect(timers(actions)).toEqual({ KeepaliveTimer: 10, HoldTimer: 30 })
  })

  test('KEEPALIVE and UPDATE restart the hold timer, ROUTE-REFRESH does not (§4.2)', () => {
    const session = sessionIn('Established')
    expect(timers(session.handle({ type: 'KeepAliveMsg' }))).toEqual({ HoldTimer: 30 })
    expect(timers(session.handle({ type: 'UpdateMsg' }))).toEqual({ HoldTimer: 30 })
    expect(timers(session.handle({ type: 'RouteRefreshMsg', family: 'ipv4', subtype: 0 }))).toEqual({})
  })

  test('with a hold time of 0 there are no KEEPALIVEs and no hold timer, but OpenConfirm does not last for ever', () => {
    const open = { ...OPEN, holdTimeSeconds: 0 }
    const session = sessionIn('OpenSent')
    expect(timers(session.handle({ type: 'BGPOpen', open }))).toEqual({ HoldTimer: 240 })
    expect(timers(session.handle({ type: 'KeepAliveMsg' }))).toEqual({ HoldTimer: undefined })
    expect(session.handle({ type: 'KeepAliveMsg' })).toEqual([])
    expect(session.handle({ type: 'TcpProgress' })).toEqual([])
  })

  test('SendHoldTimer restarts while the peer reads, and ends the session when it expires (RFC 9687)', () => {
    const session = sessionIn('OpenConfirm')
    expect(timers(session.handle({ type: 'KeepAliveMsg' }))).toEqual({ HoldTimer: 30, SendHoldTimer: 480 })
    expect(timers(session.handle({ type: 'TcpProgress' }))).toEqual({ SendHoldTimer: 480 })
    const actions = session.handle({ type: 'SendHoldTimer_Expires' })
    expect(actions[0]).toEqual({ type: 'close', abort: true })
    expect(actions.at(-1)).toMatchObject({ type: 'ended', reason: 'Send Hold Timer Expired' })
  })

  test('SendHoldTimer is 8 minutes or twice the hold time, whichever is longer (RFC 9687 §3.2)', () => {
    expect(withDefaults({ ...CONFIG, holdTimeSeconds: 300 }).sendHoldTimeSeconds).toBe(600)
  })
})

describe('an end', () => {
  test('is reported with its reason and its NOTIFICATION', () => {
    expect(sessionIn('Established').handle({ type: 'NotifMsg', notification: NOTIFICATION }).at(-1)).toMatchObject({
      type: 'ended',
      from: 'Established',
      reason: 'the peer sent Cease, Administrative Reset',
      received: { code: 6, subcode: 4 },
    })
    expect(sessionIn('OpenSent').handle({ type: 'TcpConnectionFails', reason: 'connection reset' }).at(-1)).toMatchObject({
      type: 'ended',
      reason: 'connection reset',
    })
  })

  test('with a message for the other operator (RFC 9003)', () => {
    const error = cease(2, 'back at noon')
    const actions = sessionIn('Established').handle({ type: 'ManualStop', error })
    expect(notificationIn(actions)).toMatchObject({ shutdownCommunication: 'back at noon' })
    expect(actions.at(-1)).toMatchObject({ deliberate: true })
  })

  test.each(['OpenSent', 'OpenConfirm', 'Established'] as const)('from %s that preserves sends no NOTIFICATION', (state) => {
    const actions = sessionIn(state).handle({ type: 'ManualStop', preserve: true })
    expect(notificationIn(actions)).toBeUndefined()
    expect(types(actions)[0]).toBe('close')
    expect(actions.at(-1)).toMatchObject({ preserved: true, deliberate: true })
  })

  test('a shutdown is a Hard Reset where the peer would keep our routes over a NOTIFICATION (RFC 8538 §4)', () => {
    const gracefulRestart = { restartTimeSeconds: 120, restarting: false }
    const peer = { restarting: false, restartTimeSeconds: 60, families: [] }
    const open = (notification: boolean) => ({
      ...OPEN,
      capabilities: { ...OPEN.capabilities, gracefulRestart: { ...peer, notification } },
    })
    const ended = (notification: boolean, event: Event) =>
      notificationIn(sessionIn('Established', { gracefulRestart }, open(notification)).handle(event))
    expect(ended(true, { type: 'ManualStop' })).toMatchObject({ code: 6, subcode: 2, hardReset: true })
    expect(ended(true, { type: 'ManualStop', error: cease(4) })).toMatchObject({ code: 6, subcode: 4, hardReset: false })
    expect(ended(true, { type: 'HoldTimer_Expires' })).toMatchObject({ code: 4, hardReset: false })
    expect(ended(false, { type: 'ManualStop' })).toMatchObject({ code: 6, subcode: 2, hardReset: false })
  })
})

describe('route refresh', () => {
  test('is handed on for a family agreed on and ignored for another (RFC 2918 §4)', () => {
    expect(sessionIn('Established').handle({ type: 'RouteRefreshMsg', family: 'ipv6', subtype: 0 })).toEqual([
      { type: 'routeRefresh', family: 'ipv6', subtype: 0 },
    ])
    expect(
      sessionIn('Established', { families: ['ipv4'] }).handle({ type: 'RouteRefreshMsg', family: 'ipv6', subtype: 0 }),
    ).toEqual([])
    expect(sessionIn('Established').handle({ type: 'RouteRefreshMsg' })).toEqual([])
    expect(sessionIn('Established').handle({ type: 'RouteRefreshMsg', family: 'ipv6', subtype: 1 })).toEqual([])
    expect(
      sessionIn('Established', { routeRefresh: false }).handle({ type: 'RouteRefreshMsg', family: 'ipv6', subtype: 0 }),
    ).toEqual([])
  })
})
