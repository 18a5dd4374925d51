/**
 * Feeds the decoders damaged recordings, invented UPDATEs and noise: `npx tsx bench/fuzz.ts [millions of cases] [seed]`. Anything but a
 * message or a BgpError stops it.
 */
import { BgpError, MessageFramer, decodeMessage } from '../src/index.ts'
import { recordedSessions } from '../test/recorded.ts'

const total = Number(process.argv[2] ?? 1) * 1e6
let state = Number(process.argv[3] ?? 1) + 12345
const random = (below: number) => (state = (state * 48271) % 2147483647) % below
const messages = recordedSessions().flatMap((one) => one.messages)
const outcomes = new Map<string, number>()
const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
const start = Date.now()

/** A message of a random type whose body was damaged, cut, or made up of lengths that nearly fit. */
function invent(): Uint8Array {
  const kind = random(4)
  if (kind === 0) return Uint8Array.from({ length: random(60) }, () => random(256))
  const bytes = Buffer.from(messages[random(messages.length)])
  if (kind === 1) {
    for (let i = random(4); i >= 0; i--) bytes[random(bytes.length)] = random(256)
    return bytes
  }
  for (let i = random(6); i >= 0; i--)
    bytes[19 + random(Math.max(1, bytes.length - 19))] = random(3) === 0 ? random(256) : random(34)
  if (kind === 2) return bytes
  const cut = bytes.subarray(0, Math.max(19, bytes.length - random(bytes.length)))
  cut[16] = cut.length >> 8
  cut[17] = cut.length
  return cut
}

for (let done = 0; done < total; done++) {
  const framer = new MessageFramer()
  const context = {
    fourOctetAsn: random(2) === 0,
    internal: random(2) === 0,
    families: ['ipv4', 'ipv6'] as const,
    extendedNextHop: random(2) === 0 ? (['ipv4'] as const) : [],
  }
  framer.push(invent())
  try {
    const one = framer.next()
    if (one === undefined) count('unfinished')
    else {
      const decoded = decodeMessage(one, context)
      count(
        decoded.type === 'UPDATE' && decoded.update.faults.length > 0
          ? `UPDATE, ${decoded.update.faults[0].approach}`
          : decoded.type,
      )
    }
  } catch (error) {
    if (!(error instanceof BgpError)) throw error
    count(`error ${error.code}/${error.subcode}`)
  }
}
console.log(`${total} cases in ${((Date.now() - start) / 1000).toFixed(1)} s, nothing found`)
console.log(Object.fromEntries([...outcomes].sort()))
