/**
 * What one peer is told: its Adj-RIB-Out with the export policy of the present session, the sending of UPDATEs, and the answers to its
 * ROUTE-REFRESHes. Counters run over all sessions.
 */
import type { Negotiated } from '@dnstap-bgp/bgp-session'
import { encodeRouteRefresh, RouteRefreshSubtype } from '@dnstap-bgp/bgp-wire'
import { AdjRibOut, ExportProfile, FamilyNumber, type RouteStanding, type RouteTable } from '@dnstap-bgp/route-table'
import { RateLimitedLog, type Clock, type Log } from '@dnstap-bgp/runtime'
import type { SpeakerConfig, SpeakerPeerConfig } from './config.ts'
import type { ConfirmingPeer, SendProgress } from './confirmation.ts'
import { exportPolicy, MAX_UPDATE_LENGTH, type SessionAddresses } from './export-policy.ts'
import type { PeerStatus } from './peer-status.ts'
import { RefreshLimit } from './refresh-limit.ts'
import type { SendTurns } from './send-turns.ts'
import { sentRoute, type SentRoute } from './sent-route.ts'
import { UpdateSender, type Outlet } from './update-sender.ts'

export interface AdvertiserDeps {
  readonly clock: Clock
  readonly log: Log
  readonly table: RouteTable
  readonly turns: SendTurns
  readonly maxInFlightBytes: number
  /** The kernel has taken UPDATEs, or the session is over; only of a peer that confirms. */
  readonly onConfirming?: (() => void) | undefined
}

export class Advertiser implements ConfirmingPeer {
  readonly #speaker: SpeakerConfig
  readonly #config: SpeakerPeerConfig
  readonly #deps: AdvertiserDeps
  readonly #adjRibOut: AdjRibOut
  readonly #sender: UpdateSender
  readonly #refreshLimits: Readonly<Record<'ipv4' | 'ipv6', RefreshLimit>>
  /** Of the present session. */
  #negotiated: Negotiated | undefined
  /** All routes are withdrawn; a session that comes up now announces none. */
  #isLeaving = false
  /** The peer is stopped for good. */
  #hasStopped = false
  #bytesSent = 0
  // Of the sessions before the present one.
  #announcedBefore = 0
  #withdrawnBefore = 0
  #updatesBefore = 0

  constructor(speaker: SpeakerConfig, config: SpeakerPeerConfig, deps: AdvertiserDeps) {
    this.#speaker = speaker
    this.#config = config
    this.#deps = deps
    this.#adjRibOut = new AdjRibOut(deps.table, () => this.#sender.wake())
    this.#sender = new UpdateSender({
      ...deps,
      adjRibOut: this.#adjRibOut,
      onSent: (octets) => (this.#bytesSent += octets),
      onTaken: config.confirm === true ? deps.onConfirming : undefined,
    })
    const limitedLog = new RateLimitedLog(deps.log, deps.clock)
    const refreshLimit = (family: 'ipv4' | 'ipv6') =>
      new RefreshLimit(deps.clock, () => {
        if (this.#refresh(family)) limitedLog.info({ family }, 'The peer asks for our routes again.')
      })
    this.#refreshLimits = { ipv4: refreshLimit('ipv4'), ipv6: refreshLimit('ipv6') }
  }

  /** A session is up: the peer gets the whole table, then End-of-RIB. */
  open(outlet: Outlet, negotiated: Negotiated, addresses: SessionAddresses): void {
    this.#negotiated = negotiated
    this.#sender.open(outlet)
    const faultsTold = new Set<string>()
    const policy = exportPolicy(this.#speaker, this.#config, negotiated, addresses, (sentence) => {
      if (faultsTold.has(sentence)) return
      faultsTold.add(sentence)
      this.#deps.log.warn({}, sentence)
    })
    this.#announcedBefore += this.#adjRibOut.announced
    this.#withdrawnBefore += this.#adjRibOut.withdrawn
    this.#updatesBefore += this.#adjRibOut.updates
    this.#adjRibOut.open({
      profile: new ExportProfile(this.#deps.table.attributeSets, policy),
      families: [negotiated.families.includes('ipv4'), negotiated.families.includes('ipv6')],
      maxMessageLength: MAX_UPDATE_LENGTH,
      maxRoutes: this.#config.maxRoutes ?? Infinity,
    })
    if (this.#isLeaving) this.#adjRibOut.withdrawAll()
  }

  /** The session is over. */
  close(): void {
    this.#negotiated = undefined
    for (const limit of Object.values(this.#refreshLimits)) limit.close()
    this.#adjRibOut.close()
    this.#releaseInTurns()
    this.#sender.close()
    if (this.#config.confirm === true) this.#deps.onConfirming?.()
  }

  /** For good. */
  stop(): void {
    this.#hasStopped = true
    this.close()
  }

  /** From now on the peer gets no route, and those that it has are withdrawn. */
  withdrawAll(): void {
    this.#isLeaving = true
    this.#adjRibOut.withdrawAll()
  }

  /** Resolves when every UPDATE was handed to the kernel, or the session is gone. */
  async drained(): Promise<void> {
    await this.#sender.drained()
  }

  /** The socket has room again. */
  wake(): void {
    this.#sender.wake()
  }

  /** The peer asks for a family again (RFC 2918); answered as often as the limit allows. */
  refreshAsked(family: 'ipv4' | 'ipv6'): void {
    this.#refreshLimits[family].asked()
  }

  /** Sends everything again, as if the peer had asked. */
  resend(): void {
    for (const family of ['ipv4', 'ipv6'] as const) this.#refresh(family)
  }

  *routesOut(): IterableIterator<SentRoute> {
    for (const [prefix, attributes] of this.#adjRibOut.routes()) yield sentRoute(prefix, attributes)
  }

  get isUp(): boolean {
    return this.#negotiated !== undefined
  }

  standing(prefix: string): RouteStanding {
    return this.#adjRibOut.standing(prefix)
  }

  /** Octets of UPDATEs that were written so far, and how many of them the kernel has taken at least. */
  get progress(): SendProgress {
    // A KEEPALIVE among the octets that wait makes the second number smaller, never larger.
    return { written: this.#bytesSent, taken: this.#bytesSent - this.#sender.untaken }
  }

  has(prefix: string): boolean {
    return this.#adjRibOut.has(prefix)
  }

  status(): Pick<PeerStatus, 'prefixesOut' | 'tableSent' | 'queued' | 'suppressed' | 'adjRibOutBytes'> {
    const out = this.#adjRibOut
    return {
      prefixesOut: { ipv4: out.routesOut(FamilyNumber.ipv4), ipv6: out.routesOut(FamilyNumber.ipv6) },
      tableSent: out.tableSent,
      queued: out.queued,
      suppressed: out.suppressed,
      adjRibOutBytes: out.sizeBytes,
    }
  }

  counters(): Pick<PeerStatus['counters'], 'bytesSent' | 'updatesSent' | 'announced' | 'withdrawn'> {
    const out = this.#adjRibOut
    return {
      bytesSent: this.#bytesSent,
      updatesSent: this.#updatesBefore + out.updates,
      announced: this.#announcedBefore + out.announced,
      withdrawn: this.#withdrawnBefore + out.withdrawn,
    }
  }

  /** False if an earlier request is not answered yet: its answer serves this one, too. */
  #refresh(family: 'ipv4' | 'ipv6'): boolean {
    const mark = (subtype: RouteRefreshSubtype) => encodeRouteRefresh(family, subtype)
    const marks = [mark(RouteRefreshSubtype.beginning), mark(RouteRefreshSubtype.end)] as const
    return this.#adjRibOut.refresh(FamilyNumber[family], this.#negotiated?.enhancedRouteRefresh === true ? marks : undefined)
  }

  /** Releases the prefixes that the Adj-RIB-Out keeps in the table, some in each turn of the event loop. */
  #releaseInTurns(): void {
    this.#deps.turns.add(() => {
      if (!this.#adjRibOut.releasePins()) this.#releaseInTurns()
      else if (this.#hasStopped) this.#adjRibOut.detach()
    })
  }
}
