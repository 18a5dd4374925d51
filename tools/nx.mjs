// Nx without daemon, cloud or terminal tricks, the same on a laptop and on CI.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../node_modules/nx/', import.meta.url))
const bin = folder + JSON.parse(readFileSync(`${folder}package.json`, 'utf8')).bin.nx
const env = { ...process.env, NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false' }
const { status } = spawnSync(process.execPath, [bin, ...process.argv.slice(2)], { stdio: 'inherit', env })
process.exit(status ?? 1)
