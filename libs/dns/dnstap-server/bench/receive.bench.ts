/**
 * CPU time that receiving costs, without looking into the frames: a sender in another process, a UNIX socket between.
 *
 *     npx tsx libs/dns/dnstap-server/bench/receive.bench.ts [--json]
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { startDnstapServer } from '../src/index.ts'
import { optionsFor } from '../testing/options.ts'

const blast = fileURLToPath(new URL('blast.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'dnstap-bench-'))
const path = join(folder, 'dnstap.sock')
let sink = 0
const server = await startDnstapServer(optionsFor({ kind: 'unix', path }), {
  clock: systemClock,
  log: silentLog,
  handler: { onFrame: (_, __, start, end) => (sink += end - start) },
})
const rows = []
for (const [name, frames, perWrite, rate] of [
  ['200 frames a write, flat out', 4_000_000, 200, 0],
  ['33 frames a write, flat out (as Unbound)', 3_000_000, 33, 0],
  ['one frame a write, 20k/s', 200_000, 1, 20_000],
] as const) {
  const before = { ...server.counters }
  const cpu = process.cpuUsage()
  const began = performance.now()
  const child = spawn(process.execPath, ['--import', 'tsx', blast, path, String(frames), String(perWrite), String(rate)], {
    stdio: 'inherit',
  })
  await new Promise((resolve) => child.once('exit', resolve))
  while (server.counters.connectionsOpen > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  const used = process.cpuUsage(cpu)
  const received = server.counters.frames - before.frames
  const reads = server.counters.reads - before.reads
  rows.push({
    name,
    received,
    framesPerRead: received / reads,
    microsecondsPerFrame: (used.user + used.system) / received,
    microsecondsPerRead: (used.user + used.system) / reads,
    framesPerSecond: Math.round(received / ((performance.now() - began) / 1000)),
  })
}
await server.close()
rmSync(folder, { recursive: true })
if (process.argv.includes('--json')) console.log(JSON.stringify(rows))
else {
  console.log('sender                                     frames/read   µs CPU/frame   µs CPU/read   frames/s')
  for (const row of rows)
    console.log(
      `${row.name.padEnd(42)} ${row.framesPerRead.toFixed(1).padStart(11)} ${row.microsecondsPerFrame.toFixed(3).padStart(14)} ${row.microsecondsPerRead.toFixed(2).padStart(13)} ${String(row.framesPerSecond).padStart(10)}`,
    )
  if (sink < 0) console.log(sink)
}
