import { BgpError } from '@dnstap-bgp/bgp-wire'
import { describe, expect, test } from 'vitest'
import { recordedSessions } from '../../bgp-wire/test/recorded.ts'
import type { RecordedSession } from '../../bgp-wire/test/recorded.ts'
import { dice } from '@dnstap-bgp/testkit'
import { PeerFsm } from './peer-fsm.ts'
import type { PeerFsmAction } from './peer-fsm-actions.ts'

/** A PeerFsm configured to face the recorded speaker, connected to it. */
function facing(recorded: RecordedSession): { fsm: PeerFsm; connection: number } {
  const fsm = new PeerFsm({
    localAsn: recorded.peerAsn,
    peerAsn: recorded.asn,
    bgpIdentifier: 0xc0000202,
    passive: true,
    extendedNextHop: true,
    holdTimeSeconds: 90,
    connectRetrySeconds: 30,
    gracefulRestart: { restartTimeSeconds: 120, restarting: false, longLivedStaleTimeSeconds: 60 },
    jitter: () => 1,
  })
  fsm.start()
  const { connection } = fsm.incoming()
  if (connection === undefined) throw new Error('not taken')
  return { fsm, connection }
}

const all = recordedSessions()

describe('recorded sessions of other implementations', () => {
  test.each(all.map((one) => [`${one.implementation} ${one.session}`, one] as const))(
    '%s comes up and ends as it did, in whatever pieces it arrives',
    (_name, recorded) => {
      const stream = Buffer.concat(recorded.messages)
      for (const size of [1, 7, 64, stream.length]) {
        const { fsm, connection } = facing(recorded)
        const actions: PeerFsmAction[] = []
        for (let at = 0; at < stream.length; at += size) {
          actions.push(...fsm.receive(connection, stream.subarray(at, at + size)))
        }
        const established = actions.find((one) => one.type === 'established')
        expect(established?.negotiated).toMatchObject({
          peerAsn: recorded.asn,
          internal: recorded.session === 'internal',
          families: ['ipv4', 'ipv6'],
          fourOctetAsn: true,
        })
        const ended = actions.find((one) => one.type === 'ended' && one.deliberate !== true)
        if (recorded.messages.at(-1)![18] === 3)
          expect(ended).toMatchObject({ from: 'Established', received: { code: 6, subcode: 2 } })
        else expect(fsm.state).toBe('Established')
      }
    },
  )

  test('with octets damaged end in some state and with a NOTIFICATION at most, never in an exception', () => {
    const random = dice(7)
    const below = (limit: number) => Math.floor(random() * limit)
    const codes = new Set<number>()
    for (let round = 0; round < 5000; round++) {
      const recorded = all[below(all.length)]
      const stream = Buffer.concat(recorded.messages)
      for (let i = below(4); i >= 0; i--) stream[below(stream.length)] = below(256)
      const { fsm, connection } = facing(recorded)
      for (const action of fsm.receive(connection, stream)) {
        if (action.type === 'ended' && action.sent instanceof BgpError) codes.add(action.sent.code)
      }
    }
    expect([...codes].sort()).toEqual(expect.arrayContaining([1, 2, 3, 5]))
  })
})
