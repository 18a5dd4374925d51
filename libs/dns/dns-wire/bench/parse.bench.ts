/**
 * What reading a frame costs before anybody asks a matcher: Frame Streams, dnstap and DNS, over captured frames in memory.
 *
 *     npx tsx libs/dns/dns-wire/bench/parse.bench.ts [--json] [--seconds N]
 *
 * "chain" adds reading each name of the chain octet by octet, as a matcher that finds nothing has to. CPU time of this process.
 */
import { DnstapDecoder, MessageType } from '@dnstap-bgp/dnstap'
import { FrameStreamReader } from '@dnstap-bgp/frame-streams'
import { readCapture } from '../../dnstap/test/captures.ts'
import { ResponseReader } from '../src/index.ts'

const seconds = Number(process.argv[process.argv.indexOf('--seconds') + 1]) || 2
const decoder = new DnstapDecoder()
const response = new ResponseReader()
let sink = 0

interface Work {
  name: string
  onFrame(bytes: Uint8Array, start: number, end: number): void
}

const works: Work[] = [
  {
    name: 'frame-streams',
    onFrame: (_, start, end) => {
      sink += end - start
    },
  },
  {
    name: '+ dnstap',
    onFrame: (bytes, start, end) => {
      sink += decoder.decode(bytes, start, end) + decoder.messageType
    },
  },
  {
    name: '+ dns',
    onFrame: (bytes, start, end) => {
      if (decoder.decode(bytes, start, end) === 0 && decoder.messageType === MessageType.CLIENT_RESPONSE)
        sink += response.read(bytes, decoder.responseMessageStart, decoder.responseMessageEnd) + response.addressCount
    },
  },
  {
    name: '+ chain',
    onFrame: (bytes, start, end) => {
      if (decoder.decode(bytes, start, end) !== 0 || decoder.messageType !== MessageType.CLIENT_RESPONSE) return
      if (response.read(bytes, decoder.responseMessageStart, decoder.responseMessageEnd) !== 0) return
      if (response.addressCount === 0) return
      for (let i = 0; i < response.chainLength; i++) sink += hashOf(response.chainBytes(i), response.chainOffset(i))
    },
  },
]

function hashOf(bytes: Uint8Array, offset: number): number {
  let hash = 0
  for (let at = offset; bytes[at] !== 0;) {
    for (const end = at + bytes[at]! + 1; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  }
  return hash
}

const rows: { capture: string; work: string; frames: number; bytesPerFrame: number; microseconds: number }[] = []
for (const capture of ['unbound: answers', 'unbound: all', 'dnsdist', 'bind9']) {
  const [name = '', only] = capture.split(': ')
  const { stream, count, bytes } = streamOf(name, only === 'answers')
  for (const work of works) {
    const reader = new FrameStreamReader({ onFrame: work.onFrame, answer() {} })
    reader.push(Buffer.from('000000000000000400000002', 'hex')) // START
    const run = (until: number) => {
      let frames = 0
      while (process.cpuUsage().user / 1e6 < until) for (let i = 0; i < 20; i++, frames += count) reader.push(stream)
      return frames
    }
    run(process.cpuUsage().user / 1e6 + seconds / 4)
    const before = process.cpuUsage()
    const frames = run(before.user / 1e6 + seconds)
    const used = process.cpuUsage(before)
    rows.push({
      capture,
      work: work.name,
      frames,
      bytesPerFrame: Math.round(bytes / count),
      microseconds: (used.user + used.system) / frames,
    })
  }
}

if (process.argv.includes('--json')) console.log(JSON.stringify(rows))
else {
  console.log('capture            bytes/frame   work            µs/frame')
  for (const { capture, bytesPerFrame, work, microseconds } of rows)
    console.log(
      `${capture.padEnd(18)} ${String(bytesPerFrame).padStart(11)}   ${work.padEnd(14)} ${microseconds.toFixed(3).padStart(9)}`,
    )
  if (sink === 0.5) console.log(sink)
}

/** The data frames of a capture as one stream of at least 256 KiB. */
function streamOf(name: string, answersOnly: boolean): { stream: Uint8Array; count: number; bytes: number } {
  const capture = readCapture(name)
  const parts: Uint8Array[] = []
  capture.frames.forEach(({ start, end }, i) => {
    const truth = capture.truth[i]!
    if (answersOnly && !(truth.type === 'CLIENT_RESPONSE' && (truth.response_message?.resolved?.addresses.length ?? 0) > 0))
      return
    if (end - start > 4000) return // one answer of 62 kB would be all that is measured
    parts.push(capture.bytes.subarray(start - 4, end))
  })
  const once = Buffer.concat(parts)
  const times = Math.ceil(262_144 / once.length)
  const stream = Buffer.concat(Array.from({ length: times }, () => once))
  return { stream, count: parts.length * times, bytes: stream.length }
}
