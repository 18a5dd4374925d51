/**
 * CPU time and memory for a list of a million names, by format: `npx tsx libs/dns/domain-list/bench/lists.bench.ts [--json] [--names=1000000] [SHAPE...]`.
 *
 * Each format runs in a child process, which makes the list, parses it three times, and takes the best. Columns:
 *   cpuMs       parsing with a sink that counts and keeps nothing; names are handed over as octets (`ruleBytes`)
 *   textCpuMs   the same with a sink that takes each name as a string
 *   splitter    cpuMs divided by the time that a loop of indexOf(LF) takes over the same octets in the same process: compare this between machines
 *   buildMs     parsing into a MatcherBuilder, and building the matcher
 *   buildMb     what that adds to the largest resident set of a child that only makes the list
 */
import { MatcherBuilder } from '@dnstap-bgp/domain-matcher'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseList } from '../src/index.ts'
import type { ParserFormat, RuleSink } from '../src/index.ts'

const names = Number(process.argv.find((argument) => argument.startsWith('--names='))?.slice(8) ?? 1_000_000)
const CHUNK_BYTES = 65536
const ROUNDS = 3

interface Shape {
  readonly format: ParserFormat | 'auto'
  readonly head?: string
  readonly line: (i: number) => string
  readonly tail?: string
}

const name = (i: number) => `${['www', 'cdn7', 'api', 'static-eu'][i & 3]}.host${i.toString(36)}.example-${i % 977}.com`
const shapes: Readonly<Record<string, Shape>> = {
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

/** What a child does after it has made the list. */
type Task = 'parse' | 'build' | 'nothing'

interface Measured {
  readonly rules: number
  readonly cpuMs: number
  readonly textCpuMs: number
  readonly splitMs: number
  readonly maxRssMb: number
}

const [, task, childShape] = /^--child=(\w+):(.*)$/.exec(process.argv.at(-1) ?? '') ?? []
if (childShape !== undefined) console.log(JSON.stringify(measure(shapes[childShape]!, task as Task)))
else report()

function report(): void {
  const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
  const rows = Object.entries(shapes)
    .filter(([shape]) => wanted.length === 0 || wanted.includes(shape))
    .map(([shape]) => {
      const parsed = inChild(shape, 'parse')
      const built = inChild(shape, 'build')
      const idle = inChild(shape, 'nothing')
      return {
        shape,
        rules: parsed.rules,
        cpuMs: parsed.cpuMs,
        textCpuMs: parsed.textCpuMs,
        splitter: Math.round((parsed.cpuMs / parsed.splitMs) * 10) / 10,
        buildMs: built.cpuMs,
        buildMb: built.maxRssMb - idle.maxRssMb,
      }
    })
  if (process.argv.includes('--json')) console.log(JSON.stringify(rows, undefined, 2))
  else console.table(rows)
}

function inChild(shape: string, what: Task): Measured {
  const self = fileURLToPath(import.meta.url)
  const argv = [...process.execArgv, self, `--names=${names}`, `--child=${what}:${shape}`]
  return JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' })) as Measured
}

function measure(shape: Shape, what: Task): Measured {
  const chunks = chunksOf(shape)
  let rules = 0
  let length = 0
  const text: RuleSink = {
    rule: (_kind, pattern) => (length += pattern.charCodeAt(0)),
    address: () => undefined,
    skip: () => undefined,
  }
  const octets: RuleSink = { ...text, ruleBytes: (_kind, bytes, start) => (length += bytes[start]) }
  const parse = (sink: RuleSink) => () => {
    const summary = parseList(chunks, shape.format, {}, sink)
    rules = Object.values(summary.rules).reduce((sum, count) => sum + count, 0)
  }
  const isParse = what === 'parse'
  const cpuMs = isParse ? best(parse(octets)) : what === 'build' ? cpuOf(() => build(chunks, shape.format)) : 0
  return {
    rules,
    cpuMs,
    textCpuMs: isParse ? best(parse(text)) : 0,
    splitMs: isParse ? best(() => split(chunks)) : 0,
    maxRssMb: Math.round(process.resourceUsage().maxRSS / 1000),
  }
}

function build(chunks: readonly Uint8Array[], format: ParserFormat | 'auto'): void {
  const builder = new MatcherBuilder({ seed: 1 })
  const list = builder.addList('bench')
  parseList(
    chunks,
    format,
    {},
    {
      rule: (kind, pattern, exception, important) => void list.rule(kind, pattern, exception, important),
      ruleBytes: (kind, bytes, start, end, exception, important) =>
        void list.ruleBytes(kind, bytes, start, end, exception, important),
      address: () => undefined,
      skip: () => undefined,
    },
  )
  builder.build()
}

function split(chunks: readonly Uint8Array[]): number {
  let lines = 0
  for (const chunk of chunks) for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines++
  return lines
}

function best(run: () => void): number {
  return Math.min(...Array.from({ length: ROUNDS }, () => cpuOf(run)))
}

function cpuOf(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return Math.max(1, Math.round((user + system) / 1000))
}

/** The list in chunks of a file's size; made a thousand lines at a time, so that making it is not the peak of memory. */
function chunksOf({ head = '', line, tail = '' }: Shape): Uint8Array[] {
  const encoder = new TextEncoder()
  const chunks = [encoder.encode(head)]
  for (let at = 0; at < names; at += 1000)
    chunks.push(encoder.encode(Array.from({ length: Math.min(1000, names - at) }, (_, i) => `${line(at + i)}\n`).join('')))
  chunks.push(encoder.encode(tail))
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let end = 0
  for (const chunk of chunks) {
    whole.set(chunk, end)
    end += chunk.length
  }
  const cut: Uint8Array[] = []
  for (let at = 0; at < whole.length; at += CHUNK_BYTES) cut.push(whole.subarray(at, at + CHUNK_BYTES))
  return cut
}
