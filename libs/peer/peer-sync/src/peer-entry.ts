/**
 * What one instance tells another: this name resolved to this address, last seen then. The ancestor's JSON, both ways.
 *
 *   {"IP":"203.0.113.1","Domain":"listed.test","TS":"2026-11-23T01:13:08.73332502Z"}
 *
 * Read as Go's encoding/json does: keys in any case, the last of equal keys counts, unknown keys are ignored. Stricter where the ancestor
 * would announce nonsense: an address, a name and a time must be there (it takes `{}` for ::/128), and an IPv4-mapped address is none.
 */
import { nameToText, textToName } from '@dnstap-bgp/dns-wire'
import { foreignText } from '@dnstap-bgp/foreign-text'
import { formatAddress, isIpv4Mapped, parseAddress } from '@dnstap-bgp/ip'
import { PeerSyncError, parseJson } from './value-scanner.ts'
import { formatTime, parseTime } from './time.ts'

/** Characters of a peer's text in an answer and in logs. */
const MAX_SHOWN = 100

export interface PeerEntry {
  /** Canonical text. */
  readonly address: string
  /** Presentation format, lower case, no trailing dot. */
  readonly name: string
  /** Unix time; never negative. */
  readonly seenAtMs: number
}

/** The JSON of an entry, as Go writes it: no white space, and `<`, `>`, `&` as escapes. */
export function encodeEntry({ address, name, seenAtMs }: PeerEntry): string {
  return `{"IP":"${address}","Domain":${goString(name)},"TS":"${formatTime(seenAtMs)}"}`
}

/** @throws PeerSyncError with what the 400 shall say */
export function decodeEntry(text: string): PeerEntry {
  return entryOf(parseJson(text))
}

/** @throws PeerSyncError */
export function entryOf(value: unknown): PeerEntry {
  if (value !== null && (typeof value !== 'object' || Array.isArray(value)))
    throw new PeerSyncError(`json: cannot unmarshal ${goKind(value)} into Go value of type main.cacheEntry`)
  let ip: unknown
  let domain: unknown
  let seen: unknown
  for (const [key, field] of Object.entries(value ?? {})) {
    switch (key.toUpperCase()) {
      case 'IP':
        ip = field
        break
      case 'DOMAIN':
        domain = field
        break
      case 'TS':
        seen = field
        break
      default:
    }
  }
  return { address: readAddress(ip), name: readName(domain), seenAtMs: readTime(seen) }
}

function readAddress(value: unknown): string {
  const text = textOf(value, 'IP', 'net.IP')
  if (text === '') throw new PeerSyncError('missing IP address')
  const octets = parseAddress(text)
  if (octets === undefined || (octets.length === 16 && isIpv4Mapped(octets)))
    throw new PeerSyncError(`invalid IP address: ${foreignText(text, MAX_SHOWN)}`)
  return formatAddress(octets)
}

function readName(value: unknown): string {
  const text = textOf(value, 'Domain', 'string')
  if (text === '') throw new PeerSyncError('missing Domain')
  const wire = text.length > MAX_NAME_TEXT_LENGTH ? undefined : textToName(text)
  if (wire === undefined) throw new PeerSyncError(`invalid Domain: ${foreignText(text, MAX_SHOWN)}`)
  return nameToText(wire, 0)
}

function readTime(value: unknown): number {
  const text = textOf(value, 'TS', 'time.Time')
  if (text === '') throw new PeerSyncError('missing TS')
  const ms = parseTime(text)
  if (ms === undefined) throw new PeerSyncError(`parsing time "\\"${foreignText(text, MAX_SHOWN)}\\"": not RFC 3339`)
  return Math.max(0, ms)
}

/** 255 octets, each at most four characters as \DDD. */
const MAX_NAME_TEXT_LENGTH = 1020

/** The text of a field; empty when it is absent or null, as Go leaves it. */
function textOf(value: unknown, field: string, type: string): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  throw new PeerSyncError(`json: cannot unmarshal ${goKind(value)} into Go struct field cacheEntry.${field} of type ${type}`)
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

function goString(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
