/**
 * Throws bytes at the three decoders and compares each with its slow twin: frames as captured and damaged in every way that comes to
 * mind, truncated, spliced, and plain noise. Ends with the first difference, exception or result out of bounds, and prints the input
 * to make a test of.
 *
 *     npx tsx libs/dns/dns-wire/bench/fuzz.ts [all|frame-streams|dnstap|dns-wire] [cases] [--seed N] [--json]
 */
import { DnstapDecoder, dnstapFaultName } from '@dnstap-bgp/dnstap'
import { FrameStreamReader } from '@dnstap-bgp/frame-streams'
import { dice } from '@dnstap-bgp/testkit'
import { captureNames, readCapture } from '../../dnstap/test/captures.ts'
import { slowDecode } from '../../dnstap/test/slow-decoder.ts'
import { slowRead as slowReadStream } from '../../frame-streams/test/slow-reader.ts'
import { found, reader } from '../test/read.ts'
import { slowRead as slowReadResponse } from '../test/slow-response.ts'
import { nameToText, responseFaultName } from '../src/index.ts'

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const target = words.find((word) => !/^\d+$/.test(word)) ?? 'all'
const cases = Number(words.find((word) => /^\d+$/.test(word)) ?? 100_000)
const seedAt = process.argv.indexOf('--seed')
const firstSeed = seedAt > 0 ? Number(process.argv[seedAt + 1]) : Date.now() % 1e9

/** A number in [0, below). */
const throwDice = dice(firstSeed)
const random = (below: number): number => Math.floor(throwDice() * below)

const frames: Uint8Array[] = []
const messages: Uint8Array[] = []
const decoder = new DnstapDecoder()
for (const name of captureNames) {
  const capture = readCapture(name)
  for (const { start, end } of capture.frames) {
    if (end - start > 1500) continue
    frames.push(capture.bytes.slice(start, end))
    decoder.decode(capture.bytes, start, end)
    const response = capture.bytes.slice(decoder.responseMessageStart, decoder.responseMessageEnd)
    // Most answers have none, and those that have some are what can go wrong.
    if (response.length > 12 && (response[7]! > 0 || random(10) === 0)) messages.push(response)
  }
}

const pick = <T>(all: readonly T[]): T => all[random(all.length)]!
const INTERESTING = [0x00, 0x01, 0x04, 0x05, 0x0c, 0x1c, 0x27, 0x3f, 0x40, 0x41, 0x7f, 0x80, 0xc0, 0xff]

/** A damaged copy: some bytes changed, a piece cut out, doubled or taken from another, or the end cut off. */
function damaged(original: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(original)
  for (let times = 1 + random(4); times > 0 && bytes.length > 0; times--) {
    const at = random(bytes.length)
    switch (random(8)) {
      case 0:
        bytes[at] = random(256)
        break
      case 1:
        bytes[at] = pick(INTERESTING)
        break
      case 2:
        bytes[at]! ^= 1 << random(8)
        break
      case 3:
        bytes[at]! += random(2) === 0 ? 1 : 255
        break
      case 4:
        bytes = bytes.slice(0, at)
        break
      case 5: {
        const to = Math.min(bytes.length, at + 1 + random(20))
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(to)])
        break
      }
      case 6: {
        const other = pick(others)
        const from = random(other.length)
        const piece = other.subarray(from, from + random(40))
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...piece, ...bytes.subarray(at)])
        break
      }
      case 7:
        // A pointer to somewhere, in the message or not.
        bytes[at] = 0xc0 | random(2)
        if (at + 1 < bytes.length) bytes[at + 1] = random(Math.min(256, bytes.length + 20))
        break
    }
  }
  return bytes
}

/** With so many records of no interest before its own that owners stand where 16 bits, or the 14 of a pointer, do not reach. */
function enlarged(message: Uint8Array): Uint8Array {
  if (message.length < 12) return message
  let question = 12
  while (question < message.length && message[question]! > 0) question += message[question]! + 1
  question += 5
  if (question > message.length) return message
  const fillers = 1 + random(3)
  const filler = new Uint8Array(12 + pick([10_000, 21_840, 30_000, 65_000])) // a pointer to QNAME, TXT, IN
  filler.set([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, (filler.length - 12) >> 8, (filler.length - 12) & 255])
  const large = Uint8Array.from([...message.subarray(0, question), ...repeated(filler, fillers), ...message.subarray(question)])
  const answers = ((large[6]! << 8) | large[7]!) + fillers
  large.set([answers >> 8, answers & 255], 6)
  return large
}

function repeated(bytes: Uint8Array, times: number): Uint8Array {
  const all = new Uint8Array(bytes.length * times)
  for (let i = 0; i < times; i++) all.set(bytes, i * bytes.length)
  return all
}

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length: random(length) }, () => (random(3) === 0 ? pick(INTERESTING) : random(256)))
}

/** The bytes in the middle of others that no decoder may look at. */
function surrounded(bytes: Uint8Array): { around: Uint8Array; start: number; end: number } {
  const around = new Uint8Array(bytes.length + 300).fill(pick(INTERESTING))
  around.set(bytes, 150)
  return { around, start: 150, end: 150 + bytes.length }
}

function outcome<T>(read: () => T): T | string {
  try {
    return read()
  } catch (error) {
    return (error as Error).message
  }
}

const BYTES_FIELDS = ['identity', 'version', 'queryAddress', 'responseAddress', 'responseMessage']
const NUMBER_FIELDS = ['messageType', 'responseTimeSec', 'responseTimeNsec']

const results = new Map<string, number>()
const note = (what: string) => results.set(what, (results.get(what) ?? 0) + 1)

function fuzzDnstap(): void {
  const bytes = random(20) === 0 ? noise(200) : damaged(pick(frames), frames)
  const { around, start, end } = surrounded(bytes)
  const code = decoder.decode(around, start, end)
  const fields = decoder as unknown as Record<string, number>
  let result: string | Record<string, string | number>
  if (code === 0) {
    result = {}
    for (const name of BYTES_FIELDS)
      result[name] = Buffer.from(around.subarray(fields[`${name}Start`], fields[`${name}End`])).toString('hex')
    for (const name of NUMBER_FIELDS) result[name] = fields[name]!
  } else result = dnstapFaultName(code)
  compare(
    'dnstap',
    bytes,
    result,
    outcome(() => slowDecode(bytes)),
    true,
  )
  note(`dnstap ${code === 0 ? 'decoded' : dnstapFaultName(code)}`)
}

function fuzzResponse(): void {
  let bytes: Uint8Array =
    random(20) === 0 ? Uint8Array.from([0, 0, 0x80, 0, 0, 1, 0, 3, 0, 0, 0, 0, ...noise(100)]) : damaged(pick(messages), messages)
  // A header that turns the rest away would be most of what is tested.
  if (bytes.length > 12 && random(10) > 0) {
    bytes[2] = 0x80 | (bytes[2]! & 0x02)
    bytes[3] = 0
    bytes[4] = 0
    bytes[5] = 1
  }
  if (random(30) === 0) bytes = bytes.slice(0, random(bytes.length + 1))
  if (random(50) === 0) bytes = enlarged(bytes)
  const { around, start, end } = surrounded(bytes)
  const code = reader.read(around, start, end)
  if (code === 0) {
    for (let i = 0; i < reader.addressCount; i++) {
      const at = reader.addressOffset[i]!
      if (at < start || at + reader.addressLength[i]! > end) throw new Error(`address out of bounds: ${hex(bytes)}`)
    }
    for (let i = 0; i < reader.chainLength; i++) nameToText(reader.chainBytes(i), reader.chainOffset(i))
  }
  const result = code === 0 ? found(around) : responseFaultName(code)
  compare(
    'dns-wire',
    bytes,
    result,
    outcome(() => slowReadResponse(bytes)),
    false,
  )
  note(`dns-wire ${code === 0 ? `read, ${reader.chainLength > 1 ? 'with chain' : 'no chain'}` : responseFaultName(code)}`)
}

function fuzzStream(): void {
  const control = () => [0, 0, 0, 0, 0, 0, 0, pick([4, 4, 4, 3, 12, 34]), 0, 0, 0, pick([1, 2, 3, 4, 5, 9])]
  const parts: number[][] = random(8) === 0 ? [] : [[0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 2]]
  for (let i = random(6); i > 0; i--) {
    const payload = [...(random(3) === 0 ? pick(frames) : noise(60))]
    parts.push([0, 0, payload.length >> 8, payload.length & 255, ...payload])
    if (random(12) === 0) parts.push(control())
  }
  let bytes: Uint8Array = Uint8Array.from(parts.flat())
  if (random(2) === 0) bytes = damaged(bytes, frames)
  const limit = 1 + random(1600)
  const heard = { frames: [] as string[], answers: [] as string[] }
  const stream = new FrameStreamReader(
    {
      onFrame: (chunk, start, end) => heard.frames.push(hex(chunk.subarray(start, end))),
      answer: (answer) => heard.answers.push(hex(answer)),
    },
    { maxFrameLength: limit },
  )
  const longest = pick([1, 3, 20, 200, 5000])
  for (let at = 0; at < bytes.length;) {
    const chunk = bytes.slice(at, at + 1 + random(longest))
    stream.push(chunk)
    chunk.fill(0xee)
    at += chunk.length
  }
  const result = { ...heard, state: stream.state, refusal: stream.refusal }
  compare('frame-streams', bytes, result, slowReadStream(bytes, limit), true)
  note(`frame-streams ${stream.refusal ?? stream.state}`)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** Of several faults in one message the two readers may meet another one first, unless `sameFault`. */
function compare(what: string, input: Uint8Array, result: unknown, expected: unknown, sameFault: boolean): void {
  if (!sameFault && typeof result === 'string' && typeof expected === 'string') return
  const [a, b] = [JSON.stringify(result), JSON.stringify(expected)]
  if (sorted(result) === sorted(expected)) return
  throw new Error(`${what} differs (seed ${firstSeed})\ninput    ${hex(input)}\nfound    ${a}\nexpected ${b}`)
}

function sorted(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const targets = { 'frame-streams': fuzzStream, dnstap: fuzzDnstap, 'dns-wire': fuzzResponse }
if (target !== 'all' && !(target in targets)) throw new Error(`no target ${target}: all, ${Object.keys(targets).join(', ')}`)
const began = performance.now()
for (const [name, fuzz] of Object.entries(targets))
  if (target === 'all' || target === name) for (let i = 0; i < cases; i++) fuzz()
const secondsTaken = (performance.now() - began) / 1000

if (process.argv.includes('--json')) console.log(JSON.stringify({ seed: firstSeed, cases, results: Object.fromEntries(results) }))
else {
  console.log(`${cases} cases each, seed ${firstSeed}, ${secondsTaken.toFixed(1)} s: no difference, no exception`)
  for (const [what, count] of [...results].sort()) console.log(`  ${what.padEnd(44)} ${count}`)
}
