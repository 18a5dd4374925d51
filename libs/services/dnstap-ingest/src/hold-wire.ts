/**
 * What a resolver's hook that holds an answer back and ingest say to each other, over the hook's own dnstap connection (a UNIX socket).
 *
 *     hook -> ingest   the field `extra` (3) of the Dnstap frame, 8 octets:   "hold" | ticket u32be
 *     ingest -> hook   6 octets for each ticket, in any order:                ticket u32be | result u8 | 0
 *
 * A ticket is a number that the hook chooses for its connection. Each is answered once; when we cannot, or the hook does not read, not at all: the
 * hook has a limit of its own. Numbers of results that a hook does not know mean that the answer may go, too.
 */

export const HoldResult = {
  /** Nothing to wait for: no listed name, no address that may be routed, or we cannot say. */
  nothing: 0,
  /** It is routed. */
  routed: 1,
  /** It was not routed in time. */
  late: 2,
} as const
export type HoldResult = (typeof HoldResult)[keyof typeof HoldResult]

const EXTRA_BYTES = 8
const HOLD = 0x68_6f_6c_64 // "hold"

/** The ticket in a frame's `extra`; undefined: the sender asks for nothing. */
export function ticketOf(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start !== EXTRA_BYTES || readU32(bytes, start) !== HOLD) return undefined
  return readU32(bytes, start + 4)
}

export function encodeHoldReply(ticket: number, result: HoldResult): Uint8Array {
  return Uint8Array.of(ticket >>> 24, (ticket >>> 16) & 255, (ticket >>> 8) & 255, ticket & 255, result, 0)
}

function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0
}
