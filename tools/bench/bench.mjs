// `npm run bench`: what things cost on this machine. Prints a table for each bench and leaves all figures in test-results/bench.json.
// `npm run bench -- ingest path` runs only those; `npm run bench -- --list` names them. Run it on a quiet machine: every figure is a
// measurement of the moment, and the load is printed with it.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { loadavg, cpus } from 'node:os'
import { basename, join } from 'node:path'
import { checkNode, installPackages, root, run } from '../setup.mjs'

/** A bench is a file NAME.bench.ts in a folder bench/ of a lib or of tools. */
const BENCHES = Object.fromEntries(
  ['apps', 'libs', 'tools']
    .flatMap((top) => readdirSync(root + top, { recursive: true, encoding: 'utf8' }).map((file) => join(top, file)))
    .filter((file) => /\/bench\/[^/]+\.bench\.ts$/.test(file) && !file.includes('/node_modules/'))
    .map((file) => [basename(file, '.bench.ts'), file])
    .sort(),
)

checkNode()
installPackages()
const wanted = process.argv.slice(2)
if (wanted.includes('--list')) {
  console.log(Object.keys(BENCHES).join('\n'))
  process.exit(0)
}
const unknown = wanted.filter((name) => BENCHES[name] === undefined)
if (unknown.length > 0) {
  console.error(`There is no bench ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}.`)
  process.exit(2)
}
if (
  !run(process.execPath, ['tools/nx.mjs', 'run-many', '-t', 'build', '--outputStyle=static'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
)
  process.exit(1)

const results = []
for (const [name, script] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n── ${name}   (load ${loadavg()[0].toFixed(1)} on ${cpus().length} cores)`)
  const { stdout, status } = spawnSync(process.execPath, ['--import', 'tsx', '--expose-gc', script, '--json'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 26,
    timeout: 1_200_000,
  })
  const figures = jsonOf(stdout ?? '')
  if (status !== 0 || figures.length === 0) {
    console.log(`did not finish (${status ?? 'too long'})\n${stdout ?? ''}`)
    results.push({ name, failed: true })
    continue
  }
  for (const figure of figures) console.table(rowsOf(figure))
  results.push({ name, load: loadavg()[0], figures })
}
mkdirSync(`${root}test-results`, { recursive: true })
writeFileSync(`${root}test-results/bench.json`, `${JSON.stringify(results, null, 2)}\n`)
process.exit(results.some((result) => result.failed === true) ? 1 : 0)

/** What a bench printed as JSON, on one line or several. */
function jsonOf(text) {
  const from = text.search(/^[[{]/m)
  if (from < 0) return []
  try {
    return [JSON.parse(text.slice(from))]
  } catch {
    return text
      .split('\n')
      .filter((line) => /^[[{].*[\]}]$/.test(line))
      .map((line) => JSON.parse(line))
  }
}

function rowsOf(figure) {
  if (Array.isArray(figure)) return figure
  return figure.rows ?? figure.results ?? [figure]
}
