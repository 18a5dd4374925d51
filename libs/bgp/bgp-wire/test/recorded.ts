/** The messages of other implementations in ../fixtures, for tests. capture.py there made them. */
import { readFileSync, readdirSync } from 'node:fs'

export interface RecordedSession {
  readonly implementation: string
  readonly version: string
  /** external, internal, or old: no capability offered. */
  readonly session: string
  readonly asn: number
  readonly peerAsn: number
  readonly messages: readonly Uint8Array[]
}

const folder = new URL('../fixtures/', import.meta.url)

export function recordedSessions(): RecordedSession[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const { implementation, version, sessions } = JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
      return sessions.map((one: { session: string; asn: number; peerAsn: number; messages: string[] }) => ({
        ...one,
        implementation,
        version,
        messages: one.messages.map((hex) => octets(hex)),
      }))
    })
}

/** Octets of hexadecimal text; blanks are for the reader. */
export function octets(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
