/**
 * Memory, build time and lookup time of the matcher.
 *
 *     npx tsx libs/dns/domain-matcher/bench/matcher.ts [--json] [names ...]
 *
 * Lookups are measured in CPU time, the best of several rounds, over 200,000 different names in random order: nothing but the filter stays in
 * a near cache, which is worse than real traffic. "popular" asks for listed names as often as people do (Zipf). The code is bundled first, as it is in
 * the apps: between modules that are not, V8 inlines less.
 */
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
  const random = generator(12345)
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
  const lookup = (text: () => string, expected: boolean) => {
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
      if (expected ? matched < LOOKUPS : matched > LOOKUPS / 100) throw new Error(`${matched} of ${LOOKUPS} matched`)
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
    'hit ns': lookup(any, true),
    'hit below ns': lookup(() => `www.${any()}`, true),
    'popular hit ns': lookup(popular, true),
    'miss ns': lookup(() => `www.${word(random, 6, 15)}.com`, false),
    'deep miss ns': lookup(() => `${word(random, 3, 9)}.${word(random, 6, 13)}.${word(random, 4, 15)}.net`, false),
  }
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

function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
