/** A PeerFsm under test, and a peer whose messages the test writes itself. */
import { NO_CAPABILITIES, encodeKeepalive, encodeOpen } from '@dnstap-bgp/bgp-wire'
import type { Open } from '@dnstap-bgp/bgp-wire'
import { PeerFsm } from '../src/index.ts'
import type { PeerFsmAction, SessionConfig } from '../src/index.ts'
import { A, B } from './linked.ts'

export const GRACEFUL = { gracefulRestart: { restartTimeSeconds: 120, restarting: false } }

export class Played {
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
    if (this.fsm.state !== 'Established') throw new Error(`the session is in ${this.fsm.state}`)
    return this
  }
}

/** The OPEN of the peer. */
export const OPEN: Open = {
  asn: B.localAsn,
  holdTimeSeconds: 90,
  bgpIdentifier: B.bgpIdentifier,
  capabilities: { ...NO_CAPABILITIES, families: ['ipv4', 'ipv6'], fourOctetAsn: B.localAsn, routeRefresh: true },
}
/** The kinds of some actions, in order. */
export const types = (actions: readonly PeerFsmAction[]) => actions.map((one) => (one.type === 'send' ? one.message : one.type))
