/** Nanoseconds per route for UPDATEs: written, and read as one who keeps nothing. `npx tsx bench/bgp-encode.bench.ts [--json]` */
import { MessageFramer, UpdateWriter, decodeUpdate, encodeAttributes } from '../src/index.ts'

const ROUTES = 1_000_000
const ROUNDS = 7
const NEXT_HOP_4 = Uint8Array.of(192, 0, 2, 9)
const NEXT_HOP_6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9)
const attributes = { asPath: [], localPref: 100, communities: [0xfbf00064] }
const block4 = encodeAttributes('ipv4', { ...attributes, nextHop: NEXT_HOP_4 }, true)
const block6 = encodeAttributes('ipv6', { ...attributes, nextHop: NEXT_HOP_6 }, true)
const buffer = new Uint8Array(32 << 20)
const column4 = Uint32Array.from({ length: ROUTES }, (_, i) => 0x0a000000 + i)
const octets4 = new Uint8Array(4 * ROUTES)
const octets6 = new Uint8Array(16 * ROUTES)
for (let i = 0; i < ROUTES; i++) {
  octets4.set([10, i >> 16, i >> 8, i], 4 * i)
  octets6.set([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, i >> 16, i >> 8, i], 16 * i)
}

function write(limit: number, fill: (writer: UpdateWriter) => void): number {
  const writer = new UpdateWriter(limit)
  writer.reset(buffer)
  fill(writer)
  return writer.finish()
}

const cases: Record<string, () => number> = {
  'IPv4 from a column of numbers': () =>
    write(4096, (writer) => {
      writer.advertise(block4)
      for (let i = 0; i < ROUTES; i++) writer.addIpv4(column4[i], 32)
    }),
  'IPv4 from octets': () =>
    write(4096, (writer) => {
      writer.advertise(block4)
      for (let i = 0; i < ROUTES; i++) writer.add(octets4, 4 * i, 32)
    }),
  'IPv4 withdrawn': () =>
    write(4096, (writer) => {
      writer.withdraw('ipv4')
      for (let i = 0; i < ROUTES; i++) writer.addIpv4(column4[i], 32)
    }),
  'IPv6 from octets': () =>
    write(4096, (writer) => {
      writer.advertise(block6)
      for (let i = 0; i < ROUTES; i++) writer.add(octets6, 16 * i, 128)
    }),
  'IPv4, extended messages': () =>
    write(65535, (writer) => {
      writer.advertise(block4)
      for (let i = 0; i < ROUTES; i++) writer.addIpv4(column4[i], 32)
    }),
  'IPv4 read': () => {
    const framer = new MessageFramer()
    let routes = 0
    const context = { fourOctetAsn: true, internal: true, families: ['ipv4', 'ipv6'] as const, extendedNextHop: [] }
    for (let at = 0; at < encoded.length; at += 65536) {
      framer.push(encoded.subarray(at, at + 65536))
      for (let one = framer.next(); one !== undefined; one = framer.next()) routes += decodeUpdate(one, context).announced.ipv4
    }
    if (routes !== ROUTES) throw new Error(`${routes} routes`)
    return encoded.length
  },
}
const encoded = buffer.slice(0, cases['IPv4 from octets']())

const results = Object.entries(cases).map(([name, run]) => {
  const times: number[] = []
  let lengthBytes = 0
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint()
    lengthBytes = run()
    times.push(Number(process.hrtime.bigint() - start))
  }
  times.sort((a, b) => a - b)
  return { name, nsPerRoute: times[ROUNDS >> 1] / ROUTES, bestNsPerRoute: times[0] / ROUTES, lengthBytes }
})
if (process.argv.includes('--json')) console.log(JSON.stringify(results, null, 2))
else {
  for (const { name, nsPerRoute, bestNsPerRoute, lengthBytes } of results) {
    console.log(
      `${name.padEnd(32)} ${nsPerRoute.toFixed(1).padStart(7)} ns/route median, ${bestNsPerRoute.toFixed(1).padStart(6)} best, ${lengthBytes} octets`,
    )
  }
}
