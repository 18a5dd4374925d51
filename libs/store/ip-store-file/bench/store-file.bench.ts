/**
 * The embedded store with a million addresses: learning, refreshing, starting again, 100,000 expiring at once; what each costs, how
 * much memory, and how long the loop is held. Each phase is a process of its own, as resident memory never shrinks.
 *
 *   npx tsx libs/store/ip-store-file/bench/store-file.bench.ts [--count 1000000] [--json]
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NewDeadline, Sighting, StoreLimits } from '@dnstap-bgp/ip-store'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { openFileStore } from '../src/index.ts'

const argument = (name: string, otherwise: string) => {
  const at = process.argv.indexOf(name)
  return at < 0 ? otherwise : (process.argv[at + 1] as string)
}
const COUNT = Number(argument('--count', '1000000'))
const BATCH = 100
const DUE = 100_000
const HOLD_MS = 86_400_000
const LIMITS: StoreLimits = { namesPerPrefix: 64, prefixesPerName: 1_000, routesPerList: new Map(), routes: Infinity }

/** Ten addresses per name. The first DUE of them expire in `dueMs`, the rest in a day. */
function sighting(at: number, seenAtMs: number, expiresAtMs: number): Sighting {
  const name = `host-${Math.floor(at / 10)}.cdn.example.org`
  const prefix = `${100 + (at >> 24)}.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}/32`
  return { list: 'vpn', name, rule: 'example.org', prefix, seenAtMs, expiresAtMs, source: 'resolver-1', chain: [name] }
}

/**
 * What this thread spent on a processor, in ms: on a busy machine, waiting for one is not our doing. Linux; elsewhere the clock.
 * The file holds nanoseconds run, nanoseconds waited, slices.
 */
const schedule = existsSync(`/proc/self/task/${process.pid}/schedstat`)
  ? openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  : -1
const scheduleBytes = Buffer.alloc(100)
function threadMs(): number {
  if (schedule < 0) return performance.now()
  const length = readSync(schedule, scheduleBytes, 0, 100, 0)
  return Number(scheduleBytes.toString('latin1', 0, length).split(' ')[0]) / 1e6
}

/** The longest the loop was held, in this thread's time. */
function watchLoop(): () => number {
  let worst = 0
  let last = threadMs()
  let on = true
  const look = () => {
    const now = threadMs()
    worst = Math.max(worst, now - last)
    last = now
    if (on) setImmediate(look)
  }
  setImmediate(look)
  return () => {
    on = false
    return Math.max(worst, threadMs() - last)
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
/** All that is resident, and the part of it that is ours alone (the rest is the mapped file, which the system may take back). */
function resident(): { readonly residentMb: number; readonly ownMb: number } {
  const own = /RssAnon:\s+(\d+)/.exec(existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'latin1') : '')
  return { residentMb: Math.round(process.memoryUsage().rss / 1e6), ownMb: Math.round(Number(own?.[1] ?? NaN) / 1e3) }
}

interface Figures {
  readonly phase: string
  readonly milliseconds: number
  readonly threadMs: number
  readonly microsecondsEach: number
  readonly longestHoldMs: number
  readonly residentMb: number
  readonly ownMb: number
  readonly note: string
}

async function run(phase: string, path: string): Promise<Figures> {
  const openedAt = performance.now()
  const stopWatching = watchLoop()
  const store = await openFileStore({ path }, { clock: systemClock, log: silentLog })
  const figures = (from: number, each: number, longest: number, note: string): Figures => ({
    phase,
    milliseconds: Math.round(performance.now() - from),
    threadMs: Math.round(threadMs()),
    microsecondsEach: ((performance.now() - from) / each) * 1e3,
    longestHoldMs: longest,
    ...resident(),
    note,
  })
  let result: Figures
  if (phase === 'load') {
    result = figures(openedAt, COUNT, stopWatching(), `${store.loaded.bindings} bindings`)
  } else if (phase === 'expire') {
    stopWatching()
    await new Promise((resolve) => setTimeout(resolve, 500))
    const keys: NewDeadline[] = []
    for await (const part of store.bindings())
      keys.push(...part.filter((_, at) => at % (COUNT / DUE) === 0).map((one) => ({ ...one, expiresAtMs: 1 })))
    for (let at = 0; at < DUE; at += 1_000) {
      await store.reschedule(keys.slice(at, at + 1_000))
      await turn()
    }
    await store.flush()
    const watched = watchLoop()
    const from = performance.now()
    let longest = 0
    let ended = 0
    for (;;) {
      const slice = threadMs()
      const { bindings } = await store.expire(store.now(), 1_000)
      longest = Math.max(longest, threadMs() - slice)
      ended += bindings
      if (bindings < 1_000) break
      await turn()
    }
    const took = figures(from, DUE, 0, '')
    await store.flush()
    result = { ...took, longestHoldMs: watched(), note: `${ended} ended; longest slice of 1,000 ${longest.toFixed(1)} ms` }
  } else {
    stopWatching()
    // Sightings as they come from ingest: made by somebody else, outside this clock.
    const now = store.now() + (phase === 'refresh' ? HOLD_MS / 4 : 0)
    const watched = watchLoop()
    let spent = 0
    const from = performance.now()
    for (let at = 0; at < COUNT; at += BATCH) {
      const stride = phase === 'refresh' ? 7_919 : 1
      const batch = Array.from({ length: BATCH }, (_, one) => sighting(((at + one) * stride) % COUNT, now, now + HOLD_MS))
      const start = threadMs()
      await store.observe(batch, LIMITS)
      spent += threadMs() - start
      if (at % 1_000 === 0) await turn()
    }
    await store.flush()
    const longest = watched()
    const total = performance.now() - from
    result = {
      phase,
      milliseconds: Math.round(total),
      threadMs: Math.round(threadMs()),
      microsecondsEach: (total / COUNT) * 1e3,
      longestHoldMs: longest,
      ...resident(),
      note: `${((spent / COUNT) * 1e3).toFixed(2)} µs each inside observe(), the rest is making sightings, writing and syncing`,
    }
  }
  await store.close()
  return result
}

if (process.argv.includes('--phase')) {
  console.log(JSON.stringify(await run(argument('--phase', ''), argument('--path', ''))))
} else {
  const folder = mkdtempSync(join(tmpdir(), 'ip-store-file-bench-'))
  const path = join(folder, 'cache')
  const rows: Figures[] = []
  for (const phase of ['learn', 'load', 'refresh', 'expire']) {
    const file = process.argv[1] as string
    const child = spawnSync(
      process.execPath,
      [...process.execArgv, file, '--phase', phase, '--path', path, '--count', String(COUNT)],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    rows.push(JSON.parse(child.stdout) as Figures)
  }
  const fileBytes = bytesAt(path)
  rmSync(folder, { recursive: true })
  if (process.argv.includes('--json')) console.log(JSON.stringify({ count: COUNT, fileBytes, phases: rows }))
  else {
    console.table(
      rows.map((row) => ({
        ...row,
        microsecondsEach: row.microsecondsEach.toFixed(2),
        longestHoldMs: row.longestHoldMs.toFixed(1),
      })),
    )
    console.log(`${COUNT} addresses, file ${(fileBytes / 1e6).toFixed(0)} MB`)
  }
}

function bytesAt(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
}
