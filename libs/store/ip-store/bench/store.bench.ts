/**
 * What a million bindings cost in memory: time to make, refresh and expire them, the longest single step, and resident bytes.
 *
 *   npx tsx libs/store/ip-store/bench/store.bench.ts [--count 1000000] [--json]
 */
import { BindingTable } from '../src/binding-table.ts'
import type { Sighting, StoreLimits } from '../src/ip-store.ts'

const argument = (name: string) => process.argv[process.argv.indexOf(name) + 1]
const COUNT = process.argv.includes('--count') ? Number(argument('--count')) : 1_000_000
const BATCH = 100
const NOW = 1_790_000_000_000
const LIMITS: StoreLimits = {
  namesPerPrefix: 64,
  prefixesPerName: 1_000,
  routesPerList: new Map([['vpn', 2 * COUNT]]),
  routes: 2 * COUNT,
}

/** As they come from a decoder: every text a string of its own. */
function sighting(at: number, addressesPerName: number, seenAtMs: number): Sighting {
  const name = `host-${Math.floor(at / addressesPerName)}.cdn.example.org`
  const expiresAtMs = seenAtMs + 86_400_000
  const prefix = `${100 + (at >> 24)}.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}/32`
  return { list: 'vpn', name, rule: 'example.org', prefix, seenAtMs, expiresAtMs, source: 'resolver-1', chain: [name] }
}

interface Row {
  readonly what: string
  readonly perSecond: number
  readonly microseconds: number
  readonly longestMs: number
}

const rows: Row[] = []
function measure(what: string, operations: number, step: (at: number) => number): void {
  let spent = 0
  let longest = 0
  for (let at = 0; at < operations;) {
    const from = performance.now()
    at += step(at)
    const took = performance.now() - from
    spent += took
    longest = Math.max(longest, took)
  }
  rows.push({
    what,
    perSecond: Math.round((operations / spent) * 1e3),
    microseconds: (spent / operations) * 1e3,
    longestMs: longest,
  })
}

const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})
function residentMb(): number {
  collect()
  return process.memoryUsage().rss / 1e6
}

const memory: { readonly addressesPerName: number; readonly bytesPerBinding: number; readonly residentMb: number }[] = []
for (const addressesPerName of [10, 1]) {
  const before = residentMb()
  const table = new BindingTable({ epoch: 'bench', hashSeed: 1 })
  const batchFrom = (from: number, seenAtMs: number, stride: number) =>
    Array.from({ length: BATCH }, (_, at) =>
      sighting(((from + at) * stride) % COUNT, addressesPerName, seenAtMs + ((from + at) & 1023)),
    )
  let made: Sighting[] = []
  // Sightings are made outside the clock.
  const run = (what: string, operations: number, seenAtMs: number, stride: number) => {
    let spent = 0
    let longest = 0
    for (let from = 0; from < operations; from += BATCH) {
      made = batchFrom(from, seenAtMs, stride)
      const start = performance.now()
      table.observe(made, LIMITS)
      const took = performance.now() - start
      spent += took
      longest = Math.max(longest, took)
    }
    rows.push({
      what: `${what}, ${addressesPerName} per name`,
      perSecond: Math.round((operations / spent) * 1e3),
      microseconds: (spent / operations) * 1e3,
      longestMs: longest,
    })
  }
  run('new binding', COUNT, NOW, 1)
  made = []
  const after = residentMb()
  memory.push({ addressesPerName, bytesPerBinding: Math.round(((after - before) * 1e6) / COUNT), residentMb: Math.round(after) })
  run('refresh at random', COUNT / 2, NOW + 60_000, 7_919)
  run('stale at random', COUNT / 2, NOW + 60_000, 7_919)
  let left = table.size
  measure(`expire by 1,000, ${addressesPerName} per name`, left, () => {
    const { bindings } = table.expire(NOW * 2, 1_000)
    left -= bindings
    return bindings
  })
}

if (process.argv.includes('--json')) console.log(JSON.stringify({ rows, memory }))
else {
  console.table(
    rows.map((row) => ({
      ...row,
      microseconds: row.microseconds.toFixed(2),
      longestMs: row.longestMs.toFixed(1),
    })),
  )
  console.table(memory)
}
