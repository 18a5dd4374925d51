/**
 * A driver gone mad: any event at any moment, with messages of every kind, whole, cut, damaged or invented, and what must hold
 * whatever happens. Used by the unit test for a few thousand steps and by bench/fuzz.ts for millions.
 */
import {
  NO_CAPABILITIES,
  UpdateWriter,
  cease,
  encodeAttributes,
  encodeKeepalive,
  encodeNotification,
  encodeOpen,
  encodeRouteRefresh,
} from '@dnstap-bgp/bgp-wire'
import { PeerFsm } from '../src/index.ts'
import type { PeerFsmAction, SessionConfig, Side, SessionTimer } from '../src/index.ts'
import { dice } from '@dnstap-bgp/testkit'
import { A, B } from './linked.ts'

const TIMERS: readonly SessionTimer[] = ['ConnectRetryTimer', 'HoldTimer', 'KeepaliveTimer', 'IdleHoldTimer', 'SendHoldTimer']

function messages(): Uint8Array[] {
  const open = {
    asn: B.localAsn,
    holdTimeSeconds: 90,
    bgpIdentifier: B.bgpIdentifier,
    capabilities: {
      ...NO_CAPABILITIES,
      families: ['ipv4', 'ipv6'] as const,
      fourOctetAsn: B.localAsn,
      routeRefresh: true,
      extendedMessage: true,
      gracefulRestart: { restarting: false, notification: true, restartTimeSeconds: 120, families: [] },
    },
  }
  const writer = new UpdateWriter()
  const buffer = new Uint8Array(4096)
  const update = (fill: () => void) => {
    writer.reset(buffer)
    fill()
    return buffer.slice(0, writer.finish())
  }
  const block = encodeAttributes('ipv4', { asPath: [], nextHop: Uint8Array.of(192, 0, 2, 9), localPref: 1 }, true)
  return [
    encodeOpen(open),
    encodeOpen(open),
    encodeOpen({ ...open, holdTimeSeconds: 0 }),
    encodeOpen({ ...open, bgpIdentifier: 1 }),
    encodeOpen({ ...open, bgpIdentifier: A.bgpIdentifier }),
    encodeOpen({ ...open, asn: 1, capabilities: NO_CAPABILITIES }),
    encodeOpen(open, false),
    encodeKeepalive(),
    encodeKeepalive(),
    encodeKeepalive(),
    update(() => {
      writer.advertise(block)
      writer.addIpv4(0xc0000200, 24)
    }),
    update(() => {
      writer.withdraw('ipv6')
      writer.add(new Uint8Array(16), 0, 128)
    }),
    update(() => writer.endOfRib('ipv6')),
    encodeRouteRefresh('ipv4'),
    encodeRouteRefresh('ipv6', 1),
    encodeNotification(cease(1)),
    encodeNotification(cease(2, 'bye')),
    encodeNotification({ code: 2, subcode: 7, data: Uint8Array.of(6, 0) }),
    encodeNotification({ code: 2, subcode: 4, data: new Uint8Array(0) }),
  ]
}

const MESSAGES = messages()

/** Runs `steps` steps; throws where something does not hold. Answers how often each state was reached. */
export function fuzz(seed: number, steps: number): Map<string, number> {
  const random = dice(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const chance = (share: number) => random() < share
  const config: SessionConfig = {
    ...A,
    jitter: random,
    passive: chance(0.3),
    peerAsn: chance(0.2) ? 'any' : A.peerAsn,
    ...(chance(0.5) ? { gracefulRestart: { restartTimeSeconds: 1, restarting: chance(0.5) } } : {}),
  }
  const fsm = new PeerFsm(config)
  const open = new Set<number>() // connections we may write to
  const opening = new Set<number>()
  const timers = new Set<string>()
  const reached = new Map<string, number>()
  let highest = 0
  let isStarted = false

  const must = (holds: boolean, what: string) => {
    if (!holds) throw new Error(`${what} (seed ${seed}, state ${fsm.state})`)
  }
  const take = (actions: readonly PeerFsmAction[]) => {
    for (const action of actions) {
      switch (action.type) {
        case 'connect':
          must(action.connection > highest, 'a number used twice')
          must(config.passive !== true, 'a passive peer is connected to')
          highest = action.connection
          opening.add(action.connection)
          break
        case 'send':
          must(open.has(action.connection), `${action.message} on connection ${action.connection}, which is not open`)
          break
        case 'close':
          must(open.delete(action.connection) || opening.delete(action.connection), 'closed what was not open')
          break
        case 'startTimer':
          must(action.seconds > 0 && action.seconds <= 960, `${action.timer} of ${action.seconds} s`)
          timers.add(`${action.side} ${action.timer}`)
          break
        case 'stopTimer':
          must(timers.delete(`${action.side} ${action.timer}`), `stopped ${action.side} ${action.timer}, which did not run`)
          break
        case 'established':
          must(open.has(action.connection), 'established without a connection')
          break
        default:
      }
    }
    must(open.size + opening.size <= 2, `${open.size + opening.size} connections`)
    must(fsm.connection === undefined || open.has(fsm.connection), 'a session without a connection')
    must((fsm.connection !== undefined) === (fsm.state === 'Established'), 'a state without its connection')
    if (!isStarted)
      must(
        open.size + opening.size + timers.size === 0 && fsm.state === 'Idle',
        `something goes on after a stop: ${[...open, ...opening, ...timers].join()}`,
      )
    // Whatever state it is in, something will lead out of it: a timer, or a connection.
    else if (config.passive !== true) must(timers.size > 0 || open.size > 0, 'nothing will ever happen again')
    else must(timers.size > 0 || open.size > 0 || fsm.state === 'Active', 'nothing will ever happen again')
    reached.set(fsm.state, (reached.get(fsm.state) ?? 0) + 1)
  }
  const anyOf = (set: ReadonlySet<number>): number | undefined => [...set][below(set.size)]

  for (let step = 0; step < steps; step++) {
    const connection = chance(0.02) ? below(highest + 2) : anyOf(open)
    switch (below(12)) {
      case 0:
        if (chance(0.3)) {
          isStarted = true
          take(fsm.start())
        } else if (chance(0.05)) {
          isStarted = false
          take(fsm.stop(chance(0.5) ? { type: 'preserve' } : { type: 'notify' }))
        } else if (chance(0.05)) take(fsm.reset(cease(4)))
        break
      case 1: {
        const { connection: taken, actions } = fsm.incoming()
        if (taken !== undefined) {
          must(taken > highest, 'a number used twice')
          highest = taken
          open.add(taken)
          // What made room for it closed first; put it in the order the driver sees.
        }
        take(actions)
        break
      }
      case 2: {
        const one = anyOf(opening)
        if (one === undefined) break
        opening.delete(one)
        if (chance(0.7)) {
          open.add(one)
          take(fsm.connected(one))
        } else take(fsm.closed(one, 'refused'))
        break
      }
      case 3:
        if (connection !== undefined && chance(0.1)) {
          open.delete(connection)
          opening.delete(connection)
          take(fsm.closed(connection))
        }
        break
      case 4: {
        const running = [...timers]
        if (chance(0.1)) {
          // One that does not run, or no longer.
          const side: Side = chance(0.5) ? 'outgoing' : 'incoming'
          const timer = TIMERS[below(TIMERS.length)]
          if (!timers.has(`${side} ${timer}`)) take(fsm.expired(side, timer))
        } else if (running.length > 0) {
          const one = running[below(running.length)]
          const [side, timer] = one.split(' ') as [Side, SessionTimer]
          if (timer === 'HoldTimer' && chance(0.8)) break
          timers.delete(one)
          take(fsm.expired(side, timer))
        }
        break
      }
      case 5:
        if (connection !== undefined) take(fsm.progressed(connection))
        break
      default: {
        if (connection === undefined) break
        const parts: Uint8Array[] = []
        for (let count = 1 + below(3); count > 0; count--) {
          const message = Uint8Array.from(MESSAGES[chance(0.5) ? below(10) : below(MESSAGES.length)])
          if (chance(0.03)) message[below(message.length)] = below(256)
          parts.push(chance(0.01) ? message.subarray(0, below(message.length)) : message)
          if (chance(0.005)) parts.push(Uint8Array.from({ length: below(40) }, () => below(256)))
        }
        const octets = Buffer.concat(parts)
        const cut = chance(0.3) ? below(octets.length) : octets.length
        take(fsm.receive(connection, octets.subarray(0, cut)))
        if (cut < octets.length) take(fsm.receive(connection, octets.subarray(cut)))
      }
    }
  }
  return reached
}
