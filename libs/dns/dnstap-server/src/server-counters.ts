import type { StreamRefusal } from '@dnstap-bgp/frame-streams'

/** Why a connection ended. */
export const CLOSE_REASONS = [
  'finished', // STOP was read, and answered where an answer is due
  'ended-without-stop', // the sender closed between two frames; many do
  'ended-in-frame', // it closed in the middle of a frame: that frame is lost
  'ended-before-start', // it closed before any data could come
  'handshake-timeout', // READY or START, or TLS, took too long
  'connection-error', // reset by the other side, or broken
  'tls-error', // no TLS, no common version, or a client certificate missing or not ours
  'too-many-connections', // at its listener, or from its address
  'not-allowed', // its address is not among those that may talk to us
  'too-much-held', // frames begun and not ended took too much memory at its listener, and it held most
  'server-closed', // by us, stopping
  'wrong-content-type',
  'frame-too-long',
  'control-frame-too-long',
  'malformed-control-frame',
  'unexpected-control-frame',
  'data-before-start',
] as const

export type CloseReason = (typeof CLOSE_REASONS)[number]

/** A refusal of the protocol is a reason of the same name. */
export const reasonOfRefusal: Readonly<Record<StreamRefusal, CloseReason>> = {
  'wrong-content-type': 'wrong-content-type',
  'frame-too-long': 'frame-too-long',
  'control-frame-too-long': 'control-frame-too-long',
  'malformed-control-frame': 'malformed-control-frame',
  'unexpected-control-frame': 'unexpected-control-frame',
  'data-before-start': 'data-before-start',
}

/** Numbers that only grow; `connectionsOpen` also falls. */
export interface DnstapServerCounters {
  connectionsAccepted: number
  connectionsOpen: number
  frames: number
  bytes: number
  /** Reads from sockets: frames / reads tells how well senders pack. */
  reads: number
  readonly closed: Record<CloseReason, number>
}

export function newServerCounters(): DnstapServerCounters {
  return {
    connectionsAccepted: 0,
    connectionsOpen: 0,
    frames: 0,
    bytes: 0,
    reads: 0,
    closed: Object.fromEntries(CLOSE_REASONS.map((reason) => [reason, 0])) as Record<CloseReason, number>,
  }
}
