/**
 * Kills 200 writers at random moments: how old the oldest loss was, and that nothing came back past its deadline.
 *
 *   npx tsx libs/store/ip-store-file/bench/killed.ts [--rounds 200] [--json]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildWriter, killWriters } from '../test/killed-writer.ts'

const WINDOW_MS = 100
const at = process.argv.indexOf('--rounds')
const rounds = at < 0 ? 200 : Number(process.argv[at + 1])

const folder = mkdtempSync(join(tmpdir(), 'ip-store-killed-'))
const writer = await buildWriter()
const kills = await killWriters(join(folder, 'store'), writer.file, rounds, Math.random)
writer.remove()
rmSync(folder, { recursive: true })

if (process.argv.includes('--json')) console.log(JSON.stringify({ ...kills, windowMs: WINDOW_MS }))
else {
  console.log(
    `${kills.rounds} kills, ${kills.answered} answers before them; ${kills.lost} lost, the oldest ${kills.oldestLossMs} ms old (window ${WINDOW_MS} ms)`,
  )
  for (const fault of kills.faults) console.log(fault)
}
process.exitCode = kills.faults.length > 0 || kills.oldestLossMs > WINDOW_MS ? 1 : 0
