// Nx without daemon, cloud or terminal tricks, the same on a laptop and on CI.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

const bin = createRequire(import.meta.url).resolve('nx/dist/bin/nx.js', { paths: [process.cwd()] })
const env = { ...process.env, NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false' }
const { status } = spawnSync(process.execPath, [bin, ...process.argv.slice(2)], { stdio: 'inherit', env })
process.exit(status ?? 1)
