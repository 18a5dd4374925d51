/**
 * `npm run soak -- --shape all-in-one|services|services-ha --minutes 30 --seed N [--names 2000] [--out FOLDER]`
 *
 * The same seed gives the same lookups and the same faults in the same order. Exit code 1: something was violated.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { TARGETS, type Shape } from './faults.ts'
import { tellReport } from './report.ts'
import { soak } from './soak.ts'

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: 'all-in-one' },
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 100_000) },
    names: { type: 'string', default: '2000' },
    /** For the logs of all processes. */
    out: { type: 'string' },
  },
})
if (!(values.shape in TARGETS)) throw new Error(`there is no shape ${values.shape}; there are ${Object.keys(TARGETS).join(', ')}`)
const report = await soak({
  shape: values.shape as Shape,
  seed: Number(values.seed),
  durationMs: Number(values.minutes) * 60_000,
  names: Number(values.names),
  briefMs: 20_000,
  relearnMs: 60_000,
  quietMs: 20_000,
  full: true,
  say: (line) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`),
})
console.log(tellReport(report))
if (values.out !== undefined) {
  mkdirSync(values.out, { recursive: true })
  writeFileSync(join(values.out, 'report.txt'), tellReport(report))
  for (const [name, log] of report.logs) writeFileSync(join(values.out, `${name}.log`), log)
}
process.exit(report.violations.length > 0 ? 1 : 0)
