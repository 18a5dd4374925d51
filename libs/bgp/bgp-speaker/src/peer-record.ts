/** What one peer has been through, for operators: the fields of its status that change, and the log lines about its sessions. */
import type { Negotiated, PeerFsmAction, State } from '@dnstap-bgp/bgp-session'
import { CapabilityCode } from '@dnstap-bgp/bgp-wire'
import type { Clock, Log } from '@dnstap-bgp/runtime'
import { FailureLog } from './failure-log.ts'
import type { PeerStatus } from './peer-status.ts'

export class PeerRecord {
  /** Since the speaker was created; octets sent without UPDATEs. */
  readonly counters = {
    sessions: 0,
    controlBytesSent: 0,
    bytesReceived: 0,
    updatesReceived: 0,
    prefixesReceived: 0,
    floodMessages: 0,
  }
  readonly #clock: Clock
  readonly #log: Log
  readonly #failures: FailureLog
  #state: State = 'Idle'
  #since: number
  #nextAttemptAt: number | undefined
  #isDamped = false

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
    this.#failures = new FailureLog(clock, log)
    this.#since = clock.now()
  }

  status(): Pick<PeerStatus, 'state' | 'since' | 'lastError' | 'nextAttemptAt' | 'isDamped'> {
    return {
      state: this.#state,
      since: this.#since,
      lastError: this.#failures.last,
      nextAttemptAt: this.#nextAttemptAt,
      isDamped: this.#isDamped,
    }
  }

  stateChanged(from: State, to: State): void {
    this.#state = to
    this.#since = this.#clock.now()
    if (to !== 'Idle') this.#nextAttemptAt = undefined
    this.#log.debug({ from, to }, `BGP state ${to}`)
  }

  waiting(seconds: number, isDamped: boolean): void {
    this.#nextAttemptAt = this.#clock.now() + seconds * 1000
    if (isDamped && !this.#isDamped)
      this.#log.error(
        { seconds },
        'The peer refused our number of prefixes. The next attempt is a long time away: raise its limit or set maxRoutes.',
      )
    this.#isDamped = isDamped
  }

  received({ updates, announced, faults }: PeerFsmAction & { type: 'received' }): void {
    this.counters.updatesReceived += updates
    this.counters.prefixesReceived += announced.ipv4 + announced.ipv6
    for (const fault of faults) this.#log.debug({ fault }, 'A path attribute of the peer is malformed.')
  }

  /** Messages that carry nothing, beyond the ordinary rate; `isFirst`: of this session. */
  flooded(messages: number, isFirst: boolean): void {
    this.counters.floodMessages += messages
    if (isFirst) this.#log.warn({}, 'The peer floods us with messages that carry nothing. If it goes on, the session is ended.')
  }

  established(address: string, negotiated: Negotiated, withheldCapabilities: readonly number[]): void {
    this.counters.sessions++
    this.#isDamped = false
    this.#failures.established()
    this.#log.info(
      { address, as: negotiated.peerAsn, families: negotiated.families, holdTimeSeconds: negotiated.holdTimeSeconds },
      'BGP session established.',
    )
    if (withheldCapabilities.length > 0)
      this.#log.warn(
        { withheldCapabilities },
        `The peer refused every capability; the session goes without ${capabilityNames(withheldCapabilities)}.`,
      )
  }

  /** `stopped`: by us; `spare`: one of two connections, while the other one goes on. */
  ended({ from, reason, sent, received }: PeerFsmAction & { type: 'ended' }, why: 'stopped' | 'spare' | 'failed'): void {
    const isNotified = sent !== undefined || received !== undefined
    if (why === 'stopped') this.#failures.stopped(from, reason, isNotified)
    else if (why === 'spare') this.#log.debug({ state: from }, `BGP connection closed: ${reason}`)
    else this.#failures.failed(from, reason, isNotified)
  }

  /** An attempt to connect was given up. */
  unanswered(address: string): void {
    this.#failures.failed('Connect', `no answer from ${address}`, false)
  }
}

/** `graceful restart, route refresh` */
function capabilityNames(codes: readonly number[]): string {
  const name = (code: number) => Object.entries(CapabilityCode).find(([, one]) => one === code)?.[0] ?? `capability ${code}`
  return codes.map((code) => name(code).toLowerCase().replaceAll('_', ' ')).join(', ')
}
