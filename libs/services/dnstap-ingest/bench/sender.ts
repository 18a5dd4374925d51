/**
 * The sending side of the ingest bench: a process of its own that writes frames as Unbound makes them into the UNIX socket.
 *
 * Started by ingest.ts with one JSON argument. Frames are prepared before the clock starts; the last one is the sentinel.
 */
import { dnsResponse, dnstapFrame } from '@dnstap-bgp/testkit'
import { connect } from 'node:net'

interface Work {
  socket: string
  frames: number
  /** Share of frames whose name is listed. */
  matching: number
  /** Every matching frame brings an address not seen before. */
  fresh: boolean
  /** So many frames a second; 0: as fast as it goes, many frames a write. */
  perSecond: number
  /** Frames in a write() when paced; default 1. */
  pack?: number
}

const work = JSON.parse(process.argv[2]) as Work
const CONTENT_TYPE = Buffer.from('protobuf:dnstap.Dnstap')
const DISTINCT = 20_000

const u32 = (value: number) => {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}
const control = (type: number, withType: boolean) => {
  const body = withType ? Buffer.concat([u32(type), u32(1), u32(CONTENT_TYPE.length), CONTENT_TYPE]) : u32(type)
  return Buffer.concat([u32(0), u32(body.length), body])
}
const framed = (frame: Uint8Array) => Buffer.concat([u32(frame.length), frame])

/** Half are plain answers, half go through a CNAME, as on an ordinary resolver. */
function frame(i: number, listed: boolean, address: string): Buffer {
  const qname = listed
    ? `www${i % 997}.name${i % 1000}.listed-example.org`
    : `host${i}.some-unlisted-domain${i % 5000}.example.com`
  const answers =
    i % 2 === 0
      ? [{ owner: qname, type: 'A' as const, value: address }]
      : [
          { owner: qname, type: 'CNAME' as const, value: `edge${i % 300}.cdn.example.net` },
          { owner: `edge${i % 300}.cdn.example.net`, type: 'A' as const, value: address },
        ]
  return framed(dnstapFrame({ response: dnsResponse({ qname, answers }), identity: 'bench', responseAddress: '127.0.0.53' }))
}

const freshAddress = (n: number) => `${20 + ((n >> 24) & 63)}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
const sentinel = framed(
  dnstapFrame({
    response: dnsResponse({
      qname: 'sentinel.listed-example.org',
      answers: [{ owner: 'sentinel.listed-example.org', type: 'A', value: '93.184.215.250' }],
    }),
  }),
)

const every = work.matching === 0 ? 0 : Math.round(1 / work.matching)
const isListed = (i: number) => every > 0 && i % every === 0
/** Known facts: a few hundred names and addresses again and again. */
const knownAddress = (i: number) => `93.184.${216 + (i % 8)}.${i % 250}`

const socket = connect(work.socket)
socket.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
const write = (bytes: Buffer) => new Promise<void>((resolve) => (socket.write(bytes) ? resolve() : socket.once('drain', resolve)))
await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
socket.resume()
await write(control(2, true)) // unidirectional: START at once

const prepared: Buffer[] = []
if (work.fresh) for (let i = 0; i < work.frames; i++) prepared.push(frame(i, isListed(i), freshAddress(i)))
else for (let i = 0; i < DISTINCT; i++) prepared.push(frame(i, isListed(i), knownAddress(i)))

process.send?.({ prepared: true })
await new Promise<void>((resolve) => process.once('message', () => resolve()))

if (work.perSecond > 0) {
  const { pack = 1 } = work
  const writes: Buffer[] = []
  for (let i = 0; i < prepared.length; i += pack)
    writes.push(pack === 1 ? prepared[i] : Buffer.concat(prepared.slice(i, i + pack)))
  const wanted = Math.ceil(work.frames / pack)
  const started = performance.now()
  for (let sent = 0; sent < wanted;) {
    const due = Math.min(wanted, Math.floor(((performance.now() - started) / 1000) * (work.perSecond / pack)))
    for (; sent < due; sent++) socket.write(writes[sent % writes.length])
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
} else {
  const blocks: { bytes: Buffer; frames: number }[] = []
  for (let i = 0; i < prepared.length; i += 1000)
    blocks.push({ bytes: Buffer.concat(prepared.slice(i, i + 1000)), frames: Math.min(1000, prepared.length - i) })
  for (let sent = 0, b = 0; sent < work.frames; b++) {
    const block = blocks[b % blocks.length]
    await write(block.bytes)
    sent += block.frames
  }
}
await write(sentinel)
socket.end(control(3, false))
