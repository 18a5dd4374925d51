// What `npm start` and `npm test` share: a Node new enough, the packages of the lock file, Debian's servers for the tests.
// Plain Node without dependencies: it runs before anything is installed. `node tools/setup.mjs` only installs.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const NODE_FLOOR = [20, 19]
const POLICY = '/usr/sbin/policy-rc.d'

/** Debian's packages that the tests against real peers want, and the program by which each is recognised (`dpkg:`: by dpkg itself). */
export const DEBIAN_PACKAGES = {
  unbound: 'unbound',
  bind9: 'named',
  'bind9-dnsutils': 'dig',
  knot: 'knotd',
  'knot-module-dnstap': 'dpkg:',
  'knot-resolver': 'kresd',
  dnsdist: 'dnsdist',
  'dnsmasq-base': 'dnsmasq',
  'pdns-recursor': 'pdns_recursor',
  'fstrm-bin': 'fstrm_capture',
  // Sets the wall clock of one process.
  libfaketime: 'dpkg:',
  // The hooks of deploy/resolvers: Unbound's python, and what builds BIND's plugin.
  'python3-unbound': '/usr/lib/python3/dist-packages/unboundmodule.py',
  'bind9-dev': '/usr/include/ns/hooks.h',
  gcc: 'gcc',
  'libc6-dev': '/usr/include/stdio.h',
  make: 'make',
  'nats-server': 'nats-server',
  'redis-server': 'redis-server',
  bird2: 'bird',
  frr: '/usr/lib/frr/bgpd',
  gobgpd: 'gobgpd',
  exabgp: 'exabgp',
  openbgpd: 'bgpctl',
  tshark: 'tshark',
  tcpdump: 'tcpdump',
  iproute2: 'ip',
  openssl: 'openssl',
  systemd: 'systemd-socket-activate',
  'util-linux': 'prlimit',
  rpm: 'rpmbuild',
  cpio: 'cpio',
  e2fsprogs: 'mkfs.ext4',
  wget: 'wget',
}

/** Runs a command of the project; its output goes to the screen. Returns whether it succeeded. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (error !== undefined) console.error(`${command}: ${error.message}`)
  return status === 0
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > NODE_FLOOR[0] || (major === NODE_FLOOR[0] && minor >= NODE_FLOOR[1])) return
  console.error(`This needs Node ${NODE_FLOOR.join('.')} or newer; this is Node ${process.versions.node}.`)
  process.exit(1)
}

/** Installs the packages of the lock file, unless they are installed already. */
export function installPackages() {
  const lock = `${root}package-lock.json`
  const installed = `${root}node_modules/.package-lock.json`
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return
  console.log('Installing npm packages.')
  if (!run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])) {
    console.error('npm could not install the packages (see above).')
    process.exit(1)
  }
}

/** The programs that are not here. */
export function missingPrograms() {
  const here = (name, program) =>
    program === 'dpkg:'
      ? spawnSync('dpkg-query', ['-W', '-f=${Status}', name], { encoding: 'utf8' }).stdout === 'install ok installed'
      : program.startsWith('/')
        ? existsSync(program)
        : [
            '/usr/local/sbin',
            '/usr/local/bin',
            '/usr/sbin',
            '/usr/bin',
            '/sbin',
            '/bin',
            ...(process.env.PATH ?? '').split(':'),
          ].some((folder) => existsSync(`${folder}/${program}`))
  return Object.entries(DEBIAN_PACKAGES).filter(([name, program]) => !here(name, program))
}

/** Installs the missing packages if it may, and starts no daemon. Otherwise it names them. */
export function installDebianPackages() {
  const missing = missingPrograms().map(([name]) => name)
  if (missing.length === 0) return
  const mayInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
  if (!mayInstall) {
    console.log(`Not installed, and only root can install with apt: ${missing.join(' ')}\nTheir tests are skipped and named.`)
    return
  }
  console.log(`Installing from Debian: ${missing.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args) =>
    run('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  // Debian starts a daemon when its package is installed, unless this file says not to.
  const ours = !existsSync(POLICY)
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    apt('update')
    if (!apt('install', '-y', '--no-install-recommends', ...missing))
      console.error('Not all of them could be installed. The tests that need the missing ones are skipped and named.')
  } finally {
    if (ours) rmSync(POLICY, { force: true })
  }
}

export function version() {
  return JSON.parse(readFileSync(`${root}package.json`, 'utf8')).version
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  checkNode()
  installPackages()
  installDebianPackages()
}
