// The files of a package, as they lie on the server: what .deb and .rpm share. After the build.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from '../setup.mjs'
import { SERVICES, units } from './units.mjs'

/** The command that stands beside all programs is taken from the first. */
const PROGRAMS = ['all-in-one', ...SERVICES]
const LIB = 'usr/lib/dnstap-bgp'
const DOC = 'usr/share/doc/dnstap-bgp'

/** Node's names of architectures, as packages of each kind call them. Node itself comes from npm for these only. */
export const ARCHITECTURES = { x64: { deb: 'amd64', rpm: 'x86_64' }, arm64: { deb: 'arm64', rpm: 'aarch64' } }

/** Ends this process when there is no Node for packages of this machine's architecture. */
export function architecture(kind) {
  const names = ARCHITECTURES[process.arch]
  if (names !== undefined && process.platform === 'linux') return names[kind]
  console.error(
    `Packages can be made on Linux on ${Object.keys(ARCHITECTURES).join(' and ')}; this is ${process.platform} on ${process.arch}.`,
  )
  process.exit(1)
}

/** Fills the empty folder `tree`. */
export function layOut(tree) {
  const path = (name) => join(tree, name)
  for (const program of PROGRAMS) {
    run(process.execPath, join(root, 'tools/runtime-packages.mjs'), program, path(`${LIB}/${program}`))
    // `dnstap-bgp run` looks for programs beside the command.
    if (!existsSync(path(`${LIB}/cli`))) renameSync(path(`${LIB}/${program}/cli`), path(`${LIB}/cli`))
    rmSync(path(`${LIB}/${program}/cli`), { recursive: true, force: true })
  }
  const node = nodeForPackages()
  copy(join(node, 'bin/node'), path(`${LIB}/node`))
  write(path('usr/bin/dnstap-bgp'), `#!/bin/sh\nexec /${LIB}/node --enable-source-maps /${LIB}/cli/main.js "$@"\n`, 0o755)

  for (const [name, text] of units()) write(path(`usr/lib/systemd/system/${name}`), text)
  copy(join(root, 'deploy/systemd/sysusers.conf'), path('usr/lib/sysusers.d/dnstap-bgp.conf'))
  copy(join(root, 'deploy/examples'), path(`${DOC}/examples`))
  copy(join(root, 'deploy/resolvers'), path('usr/share/dnstap-bgp/resolvers'))
  copy(join(root, 'README.md'), path(`${DOC}/README.md`))
  copy(join(root, 'SECURITY.md'), path(`${DOC}/SECURITY.md`))
  copy(join(root, 'CHANGELOG.md'), path(`${DOC}/CHANGELOG.md`))
  copy(join(root, 'LICENSE'), path(`${DOC}/LICENSE`))
  copy(join(node, 'LICENSE'), path(`${DOC}/LICENSE.node`))
  for (const page of readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.md'),
  ))
    copy(join(root, 'docs', page), path(`${DOC}/docs/${page}`))
  const notices = PROGRAMS.map(
    (program) => `${program}\n${'='.repeat(program.length)}\n\n${readFileSync(path(`${LIB}/${program}/NOTICE`), 'utf8')}`,
  )
  write(path(`${DOC}/NOTICE`), notices.join('\n'))

  for (const name of readdirSync(tree, { recursive: true, encoding: 'utf8' })) allowReading(path(name))
  chmodSync(tree, 0o755)
}

export function write(path, text, mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text, { mode })
}

/** Ends this process, with what the command said, when it fails. */
export function run(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status === 0) return
  console.error(`${command} failed: ${error?.message ?? (stderr || stdout)}`)
  process.exit(1)
}

/** Debian 12 and most others have an older Node than we need, so packages bring their own. npm checks it against the digest in node/package-lock.json. */
function nodeForPackages() {
  const folder = join(root, 'tools/packages/node')
  const node = join(folder, `node_modules/node-linux-${process.arch}`)
  const installed = join(folder, 'node_modules/.package-lock.json')
  if (!existsSync(node) || statSync(installed).mtimeMs < statSync(join(folder, 'package-lock.json')).mtimeMs)
    run('npm', 'ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error')
  return node
}

function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to, { recursive: true })
}

/** Whatever umask and checkout made of the modes. */
function allowReading(path) {
  const { mode } = statSync(path)
  chmodSync(path, mode & 0o111 ? 0o755 : 0o644)
}
