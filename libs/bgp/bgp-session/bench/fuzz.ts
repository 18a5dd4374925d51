/** Fuzzes the PeerFsm until the count is reached: `npx tsx bench/fuzz.ts [millions of steps] [first seed]`. */
import { fuzz } from '../testing/fuzz.ts'

const STEPS = 2000
const total = Number(process.argv[2] ?? 1) * 1e6
const first = Number(process.argv[3] ?? 1)
const reached = new Map<string, number>()
const start = Date.now()
let steps = 0
for (let seed = first; steps < total; seed++) {
  for (const [state, count] of fuzz(seed, STEPS)) reached.set(state, (reached.get(state) ?? 0) + count)
  steps += STEPS
}
console.log(
  `${steps} steps in ${((Date.now() - start) / 1000).toFixed(1)} s, nothing found; states after a step:`,
  Object.fromEntries(reached),
)
