/**
 * CPU time to parse a list of a million names, by format: `npx tsx libs/dns/domain-list/bench/lists.bench.ts [--json] [--names=1000000]`.
 *
 * The sink counts and keeps nothing, so this is parsing alone. "bytes" is a sink that takes names as bytes. Memory is the peak above what was
 * there before, the chunk of the list that is repeated apart.
 */
import { parseList } from '../src/index.ts'
import type { ListFormat, RuleSink } from '../src/index.ts'

const names = Number(process.argv.find((argument) => argument.startsWith('--names='))?.slice(8) ?? 1_000_000)
const CHUNK_BYTES = 65536

const name = (i: number) => `${['www', 'cdn7', 'api', 'static-eu'][i & 3]}.host${i.toString(36)}.example-${i % 977}.com`
const shapes: Record<string, { format: ListFormat | 'auto'; head?: string; line: (i: number) => string; tail?: string }> = {
  plain: { format: 'plain', line: name },
  'plain, CRLF and comments': { format: 'plain', line: (i) => `${name(i)} # ${i}\r` },
  'plain, every name in Cyrillic': { format: 'plain', line: (i) => `имя${i}.пример.рф` },
  auto: { format: 'auto', line: name },
  hosts: { format: 'hosts', line: (i) => `0.0.0.0 ${name(i)}` },
  dnsmasq: { format: 'dnsmasq', line: (i) => `server=/${name(i)}/192.0.2.53` },
  adblock: { format: 'adblock', line: (i) => `||${name(i)}^` },
  'v2fly, full:': { format: 'v2fly', line: (i) => `full:${name(i)} @cn` },
  rpz: { format: 'rpz', head: '$ORIGIN rpz.example.\n', line: (i) => `${name(i)} CNAME .` },
  'sing-box': { format: 'sing-box', head: '{"rules":[{"domain":[', line: (i) => `"${name(i)}",`, tail: '"x.example"]}]}' },
  clash: { format: 'clash', head: 'payload:\n', line: (i) => `  - '+.${name(i)}'` },
  routeros: { format: 'routeros', line: (i) => `add name=${name(i)} match-subdomain=yes type=FWD forward-to=192.0.2.53` },
}

function* chunksOf(text: string): Generator<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES)
}

function measure(shape: (typeof shapes)[string], asBytes: boolean): { rules: number; cpuMs: number; heapMb: number } {
  const body = Array.from({ length: names }, (_, i) => shape.line(i)).join('\n')
  const chunks = [...chunksOf(`${shape.head ?? ''}${body}\n${shape.tail ?? ''}`)]
  let length = 0
  const sink: RuleSink = {
    rule: (_kind, pattern) => (length += pattern.charCodeAt(0)),
    address: () => undefined,
    skip: () => undefined,
  }
  if (asBytes) sink.ruleBytes = (_kind, bytes, start) => (length += bytes[start])
  const memory = process.memoryUsage()
  const cpu = process.cpuUsage()
  const { rules } = parseList(chunks, shape.format, {}, sink)
  const used = process.cpuUsage(cpu)
  const after = process.memoryUsage()
  return {
    rules: Object.values(rules).reduce((sum, count) => sum + count, 0),
    cpuMs: Math.round((used.user + used.system) / 1000),
    heapMb: Math.max(0, Math.round((after.heapUsed + after.arrayBuffers - memory.heapUsed - memory.arrayBuffers) / 1e6)),
  }
}

const rows = Object.entries(shapes).flatMap(([shape, what]) => {
  const best = (asBytes: boolean) => [0, 1, 2].map(() => measure(what, asBytes)).reduce((a, b) => (b.cpuMs < a.cpuMs ? b : a))
  const text = best(false)
  const bytes = best(true)
  return {
    shape,
    rules: text.rules,
    cpuMs: text.cpuMs,
    bytesCpuMs: bytes.cpuMs,
    nsPerName: Math.round((text.cpuMs * 1e6) / names),
  }
})
if (process.argv.includes('--json')) console.log(JSON.stringify(rows, undefined, 2))
else console.table(rows)
