/**
 * Captured traffic of real resolvers, for tests and benches: the frames of fixtures/X.fstrm, and beside each what independent
 * tools say is in it (fixtures/README.md).
 */
import { readFileSync, readdirSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { FrameStreamReader } from '@dnstap-bgp/frame-streams'

const fixtures = new URL('../fixtures/', import.meta.url)

export interface MessageTruth {
  id: number
  qr: 0 | 1
  opcode: number
  tc: 0 | 1
  rcode: string
  counts: [number, number, number, number]
  size: number
  questions: { name: string; wire: string; type: string }[]
  answer?: { name: string; ttl: number; type: string; rclass?: number; rdata: string }[]
  resolved?: {
    chain: { owner: string; target: string; ttl: number }[]
    addresses: { ip: string; ttl: number; min_ttl: number }[]
    loop?: boolean
  }
  malformed?: string
  trailing?: number
}

export interface FrameTruth {
  n: number
  offset: number
  length: number
  type: string
  identity?: string
  version?: string
  family: string
  protocol: string
  query_address: string
  query_port: number
  response_address: string
  response_port: number
  query_time?: string
  response_time?: string
  zone?: string
  query_message?: MessageTruth
  response_message?: MessageTruth
}

export interface Capture {
  name: string
  bytes: Uint8Array
  /** Where each data frame lies in the file. */
  frames: { start: number; end: number }[]
  truth: FrameTruth[]
}

export const captureNames: readonly string[] = readdirSync(fixtures)
  .filter((file) => file.endsWith('.fstrm'))
  .map((file) => file.slice(0, -'.fstrm'.length))

export function readCapture(name: string): Capture {
  const bytes = new Uint8Array(readFileSync(new URL(`${name}.fstrm`, fixtures)))
  const frames: Capture['frames'] = []
  const reader = new FrameStreamReader({ onFrame: (_, start, end) => frames.push({ start, end }), answer() {} })
  reader.push(bytes)
  const lines = gunzipSync(readFileSync(new URL(`${name}.frames.jsonl.gz`, fixtures)))
    .toString('utf8')
    .trim()
    .split('\n')
  return { name, bytes, frames, truth: lines.map((line) => JSON.parse(line) as FrameTruth) }
}
