// `npm start`: installs missing packages, builds, and runs the all-in-one. `npm start -- --config FILE` runs the user's own configuration.
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { constants } from 'node:os'
import { checkNode, installPackages, root, run } from './setup.mjs'

checkNode()
installPackages()
console.log('Building.')
if (
  !run(process.execPath, ['tools/nx.mjs', 'run-many', '-t', 'build', '--outputStyle=static', '--verbose=false'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
) {
  // Build once more and show the output.
  run(process.execPath, ['tools/nx.mjs', 'run-many', '-t', 'build', '--outputStyle=static'])
  process.exit(1)
}

const args = process.argv.slice(2)
if (!args.some((arg) => arg === '--config' || arg.startsWith('--config='))) {
  mkdirSync(`${root}run`, { recursive: true })
  for (const [from, to] of [
    ['deploy/examples/start.toml', 'run/dnstap-bgp.toml'],
    ['deploy/examples/domains.txt', 'run/domains.txt'],
  ]) {
    if (!existsSync(root + to)) copyFileSync(root + from, root + to)
  }
  args.push('--config', `${root}run/dnstap-bgp.toml`, '--guide')
}

// The terminal signals the program itself. We pass on the other signals and its exit code.
const child = spawn(process.execPath, ['--enable-source-maps', `${root}dist/apps/all-in-one/main.js`, ...args], {
  stdio: 'inherit',
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  if (signal !== null) console.error(`dnstap-bgp was killed by ${signal}.`)
  process.exit(code ?? 128 + constants.signals[signal])
})
