/** Nanoseconds of CPU and octets per route: filling the table, encoding it for a peer, changing it. `npx tsx adj-rib-out.ts [--json] [routes]` */
import { encodeAttributes } from '@dnstap-bgp/bgp-wire'
import { AdjRibOut, ExportProfile, type ExportPolicy, FAMILY_NAMES, type RouteAttributes, RouteTable } from '../src/index.ts'

const json = process.argv.includes('--json')
const n = Number(process.argv.find((word) => /^[0-9]+$/.test(word)) ?? 1_000_000)
const policy: ExportPolicy = (attributes, family) =>
  encodeAttributes(
    FAMILY_NAMES[family],
    { asPath: [], nextHop: new Uint8Array(family === 0 ? 4 : 16).fill(9), localPref: 100, communities: attributes.communities },
    true,
  )
const A: RouteAttributes = { lists: ['a'], communities: [1], largeCommunities: [] }
const B: RouteAttributes = { lists: ['b'], communities: [2], largeCommunities: [] }
const rows: Record<string, number> = {}

for (const [family, prefix] of [
  ['IPv4', (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}/32`],
  ['IPv6', (i: number) => `2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::1/128`],
] as const) {
  const texts = Array.from({ length: n }, (_, i) => prefix(i))
  const table = new RouteTable({ seed: 42 })
  measure(`${family}: set, ns`, () => texts.forEach((text) => table.set(text, A)))
  const outs = [new AdjRibOut(table, () => {}), new AdjRibOut(table, () => {})]
  for (const [i, out] of outs.entries()) {
    out.open({
      profile: new ExportProfile(table.attributeSets, policy),
      families: [true, true],
      maxMessageLength: 4096,
      maxRoutes: Infinity,
    })
    measure(`${family}: encode the table for peer ${i + 1}, ns`, () => drain(out))
  }
  measure(`${family}: change all, two peers told, ns`, () => texts.forEach((text) => table.set(text, B)))
  measure(`${family}: encode the changes for peer 1, ns`, () => drain(outs[0]))
  rows[`${family}: table, octets per route`] = table.sizeBytes / n
  rows[`${family}: Adj-RIB-Out with all changed and unsent, octets per route and peer`] = outs[1].sizeBytes / n
  drain(outs[1])
  rows[`${family}: Adj-RIB-Out at rest, octets per route and peer`] = outs[1].sizeBytes / n
}

if (json) console.log(JSON.stringify(rows))
else for (const [name, value] of Object.entries(rows)) console.log(`${name.padEnd(78)} ${value.toFixed(1)}`)

function drain(out: AdjRibOut): void {
  while (out.pending) out.next(65_536)
}

/** CPU time, not the clock's: others may share the machine. */
function measure(name: string, work: () => void): void {
  const start = process.cpuUsage()
  work()
  const used = process.cpuUsage(start)
  rows[name] = ((used.user + used.system) * 1000) / n
}
