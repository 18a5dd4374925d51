// `npm test`: every check, from a fresh clone. Installs packages and servers, builds, checks types, style, layers and names while the unit
// tests run, and then runs the tests against real servers. Arguments go to vitest: `npm test -- libs/bgp` runs only those
// tests.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { checkNode, installDebianPackages, installPackages, root } from './setup.mjs'

checkNode()
installPackages()
installDebianPackages()

const bin = (name) => `${root}node_modules/.bin/${name}`
const env = { ...process.env, NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false' }
const filters = process.argv.slice(2)
const started = Date.now()
const running = new Set()

await step('codegen', process.execPath, ['tools/nx.mjs', 'codegen', 'steering', '--outputStyle=static'])
await step('build', process.execPath, ['tools/nx.mjs', 'run-many', '-t', 'build', '--outputStyle=static'])
mkdirSync(`${root}test-results`, { recursive: true })
// Two cores: one compiles and lints, the other runs what needs no server.
const [unit] = await Promise.all([vitest('unit', 'unit'), checks()])
const reports = [unit, await vitest('integration', 'integration', 'alone')]

const tests = reports.flatMap((report) =>
  report.testResults.flatMap((file) => file.assertionResults.map((test) => ({ file: file.name.slice(root.length), ...test }))),
)
const skipped = tests.filter((test) => test.status === 'pending' || test.status === 'skipped' || test.status === 'todo')
const failed = tests.filter((test) => test.status === 'failed')
for (const test of skipped) console.log(`skipped: ${test.file}: ${test.fullName}`)
for (const test of failed) console.log(`failed: ${test.file}: ${test.fullName}`)
// A file that cannot even be loaded has no test to count.
const broken = reports
  .flatMap((report) => report.testResults)
  .filter((file) => file.status === 'failed' && file.assertionResults.length === 0)
for (const file of broken) console.log(`failed: ${file.name.slice(root.length)}: ${file.message}`)
const failures = failed.length + broken.length
console.log(`\nin ${secondsSince(started)} s`)
console.log(`${tests.filter((test) => test.status === 'passed').length} passed, ${failures} failed, ${skipped.length} skipped`)
// These tests cannot run as root, or against a peer without the feature. Every other skipped test is a fault on CI.
const NATURE = [/in a folder that is not ours/, /exabgp.*gtsm/i, /^k8s.*not installed: kubectl\)/]
const untested = skipped.filter((test) => !NATURE.some((nature) => nature.test(test.fullName)))
if (process.env.CI !== undefined && untested.length > 0) {
  console.error(`On CI no test may be skipped because a program is missing: ${untested.length} were.`)
  process.exit(1)
}
process.exit(failures > 0 || reports.some((report) => !report.passed) ? 1 : 0)

async function checks() {
  await step('types', bin('tsc'), ['-b'])
  await step('types of the tests', bin('tsc'), ['-p', 'tsconfig.tests.json'])
  await step('layers', process.execPath, ['tools/boundaries.mjs'])
  await step('names', process.execPath, ['tools/names.mjs'])
  await step('sizes of tests', process.execPath, ['tools/test-sizes.mjs'])
  await step('format', bin('prettier'), ['--check', '--log-level', 'warn', '.'])
  await step('lint', bin('eslint'), ['.', '--max-warnings=0'])
}

/** Ends the whole run when the command fails. */
async function step(name, command, args) {
  const begun = Date.now()
  const { passed, output } = await run(command, args)
  console.log(`── ${name}: ${passed ? 'good' : 'failed'} in ${secondsSince(begun)} s`)
  if (passed) return
  console.error(output)
  for (const child of running) child.kill()
  process.exit(1)
}

/** Runs the tests of the projects; the report is kept as test-results/NAME.json. */
async function vitest(name, ...projects) {
  const begun = Date.now()
  const outputFile = `${root}test-results/${name}.json`
  rmSync(outputFile, { force: true })
  const report = ['--passWithNoTests', '--reporter=dot', '--reporter=json', `--outputFile.json=${outputFile}`]
  const chosen = projects.flatMap((project) => ['--project', project])
  const { passed, output } = await run(bin('vitest'), ['run', ...chosen, ...report, ...filters])
  console.log(`── ${name} tests: ${passed ? 'good' : 'failed'} in ${secondsSince(begun)} s`)
  if (!passed) console.error(output)
  if (!existsSync(outputFile)) process.exit(1)
  return { passed, ...JSON.parse(readFileSync(outputFile, 'utf8')) }
}

/** Runs a command and collects its output, so that the lines of two commands do not mix. */
function run(command, args) {
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ passed: false, output: `${command}: ${error.message}` }))
    child.once('close', (code) => {
      running.delete(child)
      resolve({ passed: code === 0, output })
    })
  })
}

function secondsSince(timeMs) {
  return Math.round((Date.now() - timeMs) / 1000)
}
