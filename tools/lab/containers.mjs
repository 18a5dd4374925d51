// Tries the Dockerfile and docker-compose.yml for real: builds the five images, starts each shape, looks a name up at an Unbound outside,
// and waits for the route in a BIRD outside; then replaces the containers and sees that the store kept the routes. Where there is a kubectl,
// the containers of k8s/ are started as their manifests say, too (pods.mjs).
//
//   node tools/lab/containers.mjs                    with an engine of its own (engine.sh), in a temporary folder that goes at the end
//   node tools/lab/containers.mjs --folder FOLDER    the same; FOLDER keeps downloads and images for the next time
//   node tools/lab/containers.mjs --here             with this machine's engine, which pulls the base images; project dnstap-bgp-lab
//
// The first way needs root, Debian's packages of engine.sh and base-images.sh, and some five minutes; nothing of it stays.
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../setup.mjs'

const { values } = parseArgs({ options: { folder: { type: 'string' }, here: { type: 'boolean' } } })
const lab = `${root}tools/lab/`
const temporary = mkdtempSync(join(tmpdir(), 'dnstap-bgp-containers-'))
chmodSync(temporary, 0o755)
const engineFolder = values.folder === undefined ? join(temporary, 'engine') : resolve(values.folder)
const mounted = join(temporary, 'mounted')
const env = { ...process.env, DNSTAP_BGP_ETC: join(mounted, 'etc'), DNSTAP_BGP_RUN: join(mounted, 'run') }

const SHAPES = [
  { name: 'the four services', services: [], admin: 8063 },
  { name: 'the all-in-one', services: ['all-in-one'], admin: 8053 },
]
const compose = [
  'docker',
  'compose',
  '--progress',
  'quiet',
  '--project-name',
  'dnstap-bgp-lab',
  '--file',
  `${root}docker-compose.yml`,
]
const all = [...compose, '--profile', 'all-in-one']

process.on('SIGINT', () => {}) // the child that runs gets it too and fails, and we tidy up
try {
  if (!values.here) {
    step('an engine', [`${lab}engine.sh`, 'up', engineFolder])
    Object.assign(env, engineEnvironment())
    step('images to start from', [`${lab}base-images.sh`, engineFolder])
  }
  step('five images', [...all, 'build', '--quiet'])
  const enter = values.here ? [] : [`${lab}engine.sh`, 'enter', engineFolder]
  for (const { name, services, admin } of SHAPES) {
    rmSync(mounted, { recursive: true, force: true })
    for (const folder of ['etc', 'run']) mkdirSync(join(mounted, folder), { recursive: true })
    chownSync(join(mounted, 'run'), 1000, 1000)
    const up = [...compose, 'up', '--detach', '--wait', '--quiet-pull', ...services]
    try {
      step(name, [...enter, `${root}node_modules/.bin/tsx`, `${lab}lookup-to-route.ts`, mounted, String(admin), ...up])
    } catch (error) {
      spawnSync(all[0], [...all.slice(1), 'logs', '--tail', '30'], { stdio: 'inherit', env })
      throw error
    } finally {
      step(`${name}: the end`, [...all, 'down', '--volumes', '--timeout', '20'])
    }
  }
  if (spawnSync('kubectl', ['kustomize', '--help']).status === 0) {
    const folder = join(temporary, 'pods')
    mkdirSync(folder)
    step('the pods of k8s/', [...enter, process.execPath, `${lab}pods.mjs`, folder])
  } else console.log('── the pods of k8s/: not tried, there is no kubectl')
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  if (!values.here) spawnSync(`${lab}engine.sh`, ['down', engineFolder], { stdio: 'inherit' })
  rmSync(temporary, { recursive: true, force: true })
}

function step(name, [command, ...args]) {
  const started = performance.now()
  console.log(`── ${name}`)
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env, cwd: root })
  if (status !== 0) throw new Error(`${name}: failed`)
  console.log(`   ${((performance.now() - started) / 1000).toFixed(0)} s`)
}

function engineEnvironment() {
  const text = spawnSync(`${lab}engine.sh`, ['env', engineFolder], { encoding: 'utf8', env }).stdout
  return Object.fromEntries(
    text
      .trim()
      .replace(/^export /, '')
      .split(' ')
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  )
}
