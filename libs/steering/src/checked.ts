/**
 * The checks of what arrives on the bus. Any process that can reach the bus may have written it: each value is bounded and in range before
 * anybody works with it.
 *
 * A check throws SteeringError, and nothing else leaves a codec of checkedCodec(). A bound is far above what our own services write, so
 * that a later version may write more.
 */
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '@dnstap-bgp/ip'
import type { Codec } from '@dnstap-bgp/bus'

/** The bytes are not the message they were said to be. Its text repeats nothing of the message: it goes into logs. */
export class SteeringError extends Error {
  override readonly name = 'SteeringError'
}

/** 255 octets of binary labels in presentation format (RFC 1035 §5.1: `\DDD`). */
export const MAX_NAME = 1020
/** Sources, rules and sentences for people. */
export const MAX_TEXT = 4096
/** Of one message: more than any of our parts and batches has. */
export const MAX_ITEMS = 100_000
/** No hold-down is longer: ten years. */
export const MAX_HOLD_DOWN_MS = 10 * 365 * 24 * 3_600_000
/** Beyond it there is no date (ECMA-262). */
const MAX_TIME_MS = 8.64e15

interface Message<Wire> {
  encode(message: Wire): { finish(): Uint8Array }
  decode(bytes: Uint8Array): Wire
}

/** A codec over one protobuf message. `fromWire` checks every field; what protobuf itself refuses is told as SteeringError, too. */
export function checkedCodec<T, Wire>(message: Message<Wire>, toWire: (value: T) => Wire, fromWire: (wire: Wire) => T): Codec<T> {
  return {
    encode: (value) => message.encode(toWire(value)).finish(),
    decode(bytes) {
      let wire: Wire
      try {
        wire = message.decode(bytes)
      } catch (cause) {
        throw new SteeringError('the bytes are not of such a message', { cause })
      }
      return fromWire(wire)
    },
  }
}

/** A text that is perhaps empty. Absent is empty (proto3). */
export function textOf(value: string | null | undefined, field: string, maxLength = MAX_TEXT): string {
  const text = value ?? ''
  if (text.length > maxLength) throw new SteeringError(`${field} has ${text.length} characters, at most ${maxLength} expected`)
  return text
}

/** For the sender: as much of a text for people as textOf() takes. */
export function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT)
}

/** A name, an identifier: not empty, without control characters. Stores take such texts apart at control characters. */
export function wordOf(value: string | null | undefined, field: string, maxLength = MAX_NAME): string {
  const word = textOf(value, field, maxLength)
  if (word === '') throw new SteeringError(`${field} is empty`)
  return withoutControls(word, field)
}

/** As wordOf(), or empty. */
export function wordOrNothingOf(value: string | null | undefined, field: string, maxLength = MAX_NAME): string {
  return withoutControls(textOf(value, field, maxLength), field)
}

function withoutControls(text: string, field: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code === 0x7f) throw new SteeringError(`${field} has a control character`)
  }
  return text
}

export function listOf<Wire, T>(
  values: readonly Wire[] | null | undefined,
  field: string,
  read: (value: Wire) => T,
  maxItems = MAX_ITEMS,
): T[] {
  const list = values ?? []
  if (list.length > maxItems) throw new SteeringError(`${field} has ${list.length} items, at most ${maxItems} expected`)
  return list.map(read)
}

/** A number from 0 to `max`, whole or not. */
export function amountOf(value: number | null | undefined, field: string, max: number): number {
  const amount = value ?? 0
  // NaN is not between any two numbers.
  if (!(amount >= 0 && amount <= max)) throw new SteeringError(`${field} is not a number from 0 to ${max}`)
  return amount
}

/** Unix time in milliseconds, one that is a date. */
export function timeOf(value: number | null | undefined, field: string): number {
  const time = value ?? 0
  if (!(Math.abs(time) <= MAX_TIME_MS)) throw new SteeringError(`${field} is not a time`)
  return time
}

export function revisionOf(value: number | null | undefined): number {
  const revision = value ?? 0
  if (!Number.isSafeInteger(revision) || revision < 0) throw new SteeringError('not a revision')
  return revision
}

export function octetsOf(address: string): Uint8Array {
  const octets = parseAddress(address)
  if (octets === undefined) throw new SteeringError(`not an address: ${address}`)
  return octets
}

export function addressOf(octets: Uint8Array | null | undefined): string {
  if (octets?.length !== 4 && octets?.length !== 16)
    throw new SteeringError(`an address of ${octets?.length ?? 0} octets, 4 or 16 expected`)
  return formatAddress(octets, 0, octets.length)
}

export interface PrefixOnWire {
  address?: Uint8Array | null
  lengthBits?: number | null
}

export function prefixToWire(text: string): { address: Uint8Array; lengthBits: number } {
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw new SteeringError(`not a prefix: ${text}`)
  return { address: prefix.bytes, lengthBits: prefix.lengthBits }
}

export function prefixOf(wire: PrefixOnWire | null | undefined): string {
  const text = `${addressOf(wire?.address)}/${wire?.lengthBits ?? 0}`
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw new SteeringError(`not a prefix: ${text}`)
  return formatPrefix(prefix)
}
