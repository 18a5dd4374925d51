// `npm test`: everything that must hold, from a fresh clone. Installs what it needs, then checks types, style, layers, builds, and runs
// the unit tests and the tests against real servers. Arguments go to vitest: `npm test -- libs/bgp` runs only those tests.
import { mkdirSync, readFileSync } from 'node:fs'
import { checkNode, installDebianPackages, installPackages, root, run } from './setup.mjs'

checkNode()
installPackages()
installDebianPackages()

const bin = (name) => `${root}node_modules/.bin/${name}`
const env = { ...process.env, NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false' }
const filters = process.argv.slice(2)
const started = Date.now()

step('codegen', process.execPath, ['tools/nx.mjs', 'codegen', 'steering', '--outputStyle=static'])
step('types', bin('tsc'), ['-b'])
step('types of the tests', bin('tsc'), ['-p', 'tsconfig.tests.json'])
step('lint', bin('eslint'), ['.', '--max-warnings=0'])
step('format', bin('prettier'), ['--check', '--log-level', 'warn', '.'])
step('layers', process.execPath, ['tools/boundaries.mjs'])
step('build', process.execPath, ['tools/nx.mjs', 'run-many', '-t', 'build', '--outputStyle=static'])

mkdirSync(`${root}test-results`, { recursive: true })
const reports = ['unit', 'integration'].map((project) => {
  const outputFile = `${root}test-results/${project}.json`
  console.log(`\n── ${project} tests`)
  const passed = run(
    bin('vitest'),
    [
      'run',
      '--project',
      project,
      '--passWithNoTests',
      '--reporter=dot',
      '--reporter=json',
      `--outputFile.json=${outputFile}`,
      ...filters,
    ],
    { env },
  )
  return { passed, ...JSON.parse(readFileSync(outputFile, 'utf8')) }
})

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
console.log(`\nin ${Math.round((Date.now() - started) / 1000)} s`)
console.log(`${tests.filter((test) => test.status === 'passed').length} passed, ${failures} failed, ${skipped.length} skipped`)
// What cannot be tried as root, or against a peer that cannot do it, is skipped everywhere; anything else counts as not tested.
const NATURE = [/in a folder that is not ours/, /exabgp.*gtsm/i, /^k8s.*not installed: kubectl\)/]
const untested = skipped.filter((test) => !NATURE.some((nature) => nature.test(test.fullName)))
if (process.env.CI !== undefined && untested.length > 0) {
  console.error(`On CI nothing may be skipped for want of a program: ${untested.length} were.`)
  process.exit(1)
}
process.exit(failures > 0 || reports.some((report) => !report.passed) ? 1 : 0)

function step(name, command, args) {
  console.log(`\n── ${name}`)
  if (run(command, args, { env })) return
  console.error(`\n${name}: failed`)
  process.exit(1)
}
