/** Frames of names that nobody listed, in pieces as a busy resolver writes them; and the words that begin a stream. */
import { dnsResponse, dnstapFrame } from '@dnstap-bgp/testkit'

const DISTINCT = 10_000
const PER_PIECE = 100

/** `count` frames; every piece holds a hundred of ten thousand distinct ones. */
export function unlistedFrames(count: number): Buffer[] {
  const pieces = Array.from({ length: DISTINCT / PER_PIECE }, (_, piece) =>
    Buffer.concat(
      Array.from({ length: PER_PIECE }, (_, i) => {
        const n = piece * PER_PIECE + i
        const qname = `host${n}.some-unlisted-domain${n % 500}.example.com`
        const response = dnsResponse({ qname, answers: [{ owner: qname, type: 'A', value: `20.${n & 127}.${n >> 8}.1` }] })
        const frame = dnstapFrame({ response, identity: 'bench' })
        return Buffer.concat([u32(frame.length), frame])
      }),
    ),
  )
  return Array.from({ length: count / PER_PIECE }, (_, i) => pieces[i % pieces.length])
}

export const START = { ready: control(4), start: control(2) }

function control(type: number): Buffer {
  const contentType = Buffer.from('protobuf:dnstap.Dnstap')
  const body = Buffer.concat([u32(type), u32(1), u32(contentType.length), contentType])
  return Buffer.concat([u32(0), u32(body.length), body])
}

function u32(value: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}
