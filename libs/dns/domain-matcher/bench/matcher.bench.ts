/**
 * Memory, build time and lookup time of the matcher.
 *
 *     npx tsx libs/dns/domain-matcher/bench/matcher.bench.ts [--json] [names ...]
 *
 * Lookups are measured in CPU time, the best of several rounds, over 200,000 different names in random order: nothing but the filter stays in
 * a near cache, which is worse than real traffic. "popular" asks for listed names as often as people do (Zipf); "mixed" is one in ten of these among names that are not listed. "one read" is what one read of
 * memory costs that is chosen at random from as much as the matcher takes: a listed name that nobody asked for lately takes one, or two. The code is bundled first, as it is in
 * the apps: between modules that are not, V8 inlines less.
 */
import { dice } from '@dnstap-bgp/testkit'
import { build } from 'esbuild'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as DnsWireModule from '@dnstap-bgp/dns-wire'
import type * as MatcherModule from '../src/index.ts'

const asJson = process.argv.includes('--json')
const sizes = process.argv
  .slice(2)
  .filter((argument) => argument !== '--json')
  .map(Number)
if (sizes.length === 0) sizes.push(100_000, 1_000_000)
const LOOKUPS = 200_000
const ROUNDS = 12
/** The least and the most shares of names that may match. */
const LISTED = [1, 1] as const
const UNLISTED = [0, 0.01] as const

const folder = mkdtempSync(join(tmpdir(), 'bench-matcher-'))
try {
  await build({
    stdin: {
      contents: `export * from '@dnstap-bgp/domain-matcher'\nexport { textToName } from '@dnstap-bgp/dns-wire'`,
      resolveDir: join(import.meta.dirname, '../../../..'),
    },
    outfile: join(folder, 'matcher.mjs'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['dnstap-bgp-source'],
  })
  const bundled = (await import(pathToFileURL(join(folder, 'matcher.mjs')).href)) as typeof MatcherModule & typeof DnsWireModule
  const rows = sizes.map((names) => measure(bundled, names))
  if (asJson) console.log(JSON.stringify(rows))
  else console.table(rows)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function measure({ Matcher, MatcherBuilder, NO_MATCH, textToName }: typeof MatcherModule & typeof DnsWireModule, names: number) {
  const random = dice(12345)
  const list = namesAsBytes(names, random)
  const builder = new MatcherBuilder({ seed: 99 })
  const rules = builder.addList('bench')
  let started = performance.now()
  for (let i = 0; i < names; i++) rules.ruleBytes(0, list.bytes, list.starts[i]!, list.starts[i + 1]! - 1, false, false)
  const addMs = performance.now() - started
  started = performance.now()
  const buffer = builder.build()
  const buildMs = performance.now() - started
  started = performance.now()
  const matcher = new Matcher(buffer)
  const attachMs = performance.now() - started

  const textOf = (i: number) => Buffer.from(list.bytes.subarray(list.starts[i]!, list.starts[i + 1]! - 1)).toString('latin1')
  const any = () => textOf(Math.floor(random() * names))
  const popular = () => textOf(Math.min(names - 1, Math.floor(names ** random()) - 1))
  const shallow = () => `www.${word(random, 6, 15)}.com`
  const deep = () => `${word(random, 3, 9)}.${word(random, 6, 13)}.${word(random, 4, 15)}.net`
  const lookup = (text: () => string, [least, most]: readonly [number, number]) => {
    const wire = new Uint8Array(LOOKUPS * 64)
    const starts = new Int32Array(LOOKUPS)
    let at = 0
    for (let i = 0; i < LOOKUPS; i++) {
      const name = textToName(text())!
      starts[i] = at
      wire.set(name, at)
      at += name.length
    }
    let best = Infinity
    for (let round = 0; round < ROUNDS; round++) {
      let matched = 0
      const before = process.cpuUsage()
      for (let i = 0; i < LOOKUPS; i++) if (matcher.match(wire, starts[i]!) !== NO_MATCH) matched++
      const { user, system } = process.cpuUsage(before)
      best = Math.min(best, ((user + system) * 1000) / LOOKUPS)
      if (matched < least * LOOKUPS || matched > most * LOOKUPS) throw new Error(`${matched} of ${LOOKUPS} matched`)
    }
    return Math.round(best)
  }
  return {
    names,
    'octets a name': round(list.starts[names]! / names - 1),
    MB: round(buffer.byteLength / 1e6),
    'add ms': Math.round(addMs),
    'build ms': Math.round(buildMs),
    'attach ms': round(attachMs),
    'hit ns': lookup(any, LISTED),
    'hit below ns': lookup(() => `www.${any()}`, LISTED),
    'popular hit ns': lookup(popular, LISTED),
    'miss ns': lookup(shallow, UNLISTED),
    'deep miss ns': lookup(deep, UNLISTED),
    'mixed ns': lookup(() => (random() < 0.1 ? popular() : random() < 0.5 ? shallow() : deep()), [0.09, 0.12]),
    'one read ns': oneRead(buffer.byteLength),
  }
}

/** Each read says where the next one is. */
function oneRead(bytes: number): number {
  const lineWords = 16
  const lines = Math.max(1, Math.floor(bytes / 4 / lineWords))
  const order = Int32Array.from({ length: lines }, (_, i) => i)
  const random = dice(1)
  for (let i = lines - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  const words = new Int32Array(lines * lineWords)
  for (let i = 0; i < lines; i++) words[order[i]! * lineWords] = order[(i + 1) % lines]! * lineWords
  let best = Infinity
  let at = 0
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < 1_000_000; i++) at = words[at]!
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / 1000)
  }
  if (at < 0) throw new Error('never')
  return Math.round(best)
}

function namesAsBytes(names: number, random: () => number): { bytes: Uint8Array; starts: Float64Array } {
  const tlds = ['com', 'net', 'org', 'ru', 'de', 'co.uk', 'info', 'xyz', 'io', 'cn']
  const bytes = new Uint8Array(names * 36)
  const starts = new Float64Array(names + 1)
  let at = 0
  for (let i = 0; i < names; i++) {
    starts[i] = at
    const parent = `${word(random, 6, 15)}.${tlds[Math.floor(random() * 10)]}\n`
    const text = random() < 0.4 ? parent : `${word(random, 3, 9)}.${parent}`
    for (let j = 0; j < text.length; j++) bytes[at++] = text.charCodeAt(j)
  }
  starts[names] = at
  return { bytes, starts }
}

function word(random: () => number, min: number, max: number): string {
  let text = ''
  for (let length = min + Math.floor(random() * (max - min)); length > 0; length--)
    text += 'abcdefghijklmnopqrstuvwxyz0123456789'[Math.floor(random() * 36)]
  return text
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
