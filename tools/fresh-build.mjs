// Global set-up of the integration tests: they start the bundles in dist/, so the bundles are built from the sources that are here now.
// What has not changed since the last build comes from Nx's cache.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const nx = fileURLToPath(new URL('nx.mjs', import.meta.url))

export function setup() {
  const { status, stdout, stderr } = spawnSync(process.execPath, [nx, 'run-many', '-t', 'build', '--outputStyle=static'], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`The bundles for the tests cannot be built.\n${stdout}${stderr}`)
}
