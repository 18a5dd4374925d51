// `npm run deb`: the all-in-one and the command as a package for Debian and its like, with the units of deploy/systemd.
// Usage: node tools/packages/deb.mjs [FOLDER], after the build; writes FOLDER/dnstap-bgp_VERSION_ARCH.deb (default dist), says its path, and what to do next.
// It is for machines like this one: koffi's binaries are those that npm installed here.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { root, version } from '../setup.mjs'

const folder = resolve(process.argv[2] ?? join(root, 'dist'))
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64', arm: 'armhf' }
const architecture = ARCHITECTURES[process.arch] ?? process.arch
/** As package.json has it. */
const COPYRIGHT = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: dnstap-bgp

Files: *
Copyright: the authors of dnstap-bgp
License: Expat
 Permission is hereby granted, free of charge, to any person obtaining a copy
 of this software and associated documentation files (the "Software"), to deal
 in the Software without restriction, including without limitation the rights
 to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 copies of the Software, and to permit persons to whom the Software is
 furnished to do so, subject to the following conditions:
 .
 The above copyright notice and this permission notice shall be included in all
 copies or substantial portions of the Software.
 .
 THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 SOFTWARE.

Files: usr/lib/dnstap-bgp/all-in-one/node_modules/*
Copyright: the authors of each package, as its package.json and LICENSE name them
License: each-package
 The package.json and the LICENSE in the folder of each package say it.

Files: usr/lib/dnstap-bgp/*/*.js
Copyright: the authors of dnstap-bgp, and of the packages that NOTICE names
License: each-bundled-package
 /usr/share/doc/dnstap-bgp/NOTICE has the name, version and licence of each package that is in these files.
`
const tree = mkdtempSync(join(tmpdir(), 'dnstap-bgp-deb-'))
try {
  const lib = join(tree, 'usr/lib/dnstap-bgp')
  run(process.execPath, join(root, 'tools/runtime-packages.mjs'), 'all-in-one', join(lib, 'all-in-one'))
  // Where `dnstap-bgp run` looks for programs: beside the command.
  renameSync(join(lib, 'all-in-one/cli'), join(lib, 'cli'))
  write('usr/bin/dnstap-bgp', '#!/bin/sh\nexec node --enable-source-maps /usr/lib/dnstap-bgp/cli/main.js "$@"\n', 0o755)
  copy('deploy/systemd/dnstap-bgp.service', 'usr/lib/systemd/system/dnstap-bgp.service')
  copy('deploy/systemd/dnstap-bgp.socket', 'usr/lib/systemd/system/dnstap-bgp.socket')
  copy('deploy/systemd/sysusers.conf', 'usr/lib/sysusers.d/dnstap-bgp.conf')
  copy('deploy/examples/all-in-one.toml', 'etc/dnstap-bgp/dnstap-bgp.toml')
  copy('deploy/examples/domains.txt', 'etc/dnstap-bgp/domains.txt')
  copy('README.md', 'usr/share/doc/dnstap-bgp/README.md')
  for (const page of readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.md'),
  ))
    copy(`docs/${page}`, `usr/share/doc/dnstap-bgp/docs/${page}`)
  write('usr/share/doc/dnstap-bgp/copyright', COPYRIGHT)
  cpSync(join(lib, 'all-in-one/NOTICE'), join(tree, 'usr/share/doc/dnstap-bgp/NOTICE'))
  copy('SECURITY.md', 'usr/share/doc/dnstap-bgp/SECURITY.md')

  const kilobytes = Math.ceil(sizeOf(tree) / 1024)
  write(
    'DEBIAN/control',
    `Package: dnstap-bgp
Version: ${version()}
Architecture: ${architecture}
Section: net
Priority: optional
Maintainer: the owners of dnstap-bgp <root@localhost>
Installed-Size: ${kilobytes}
Depends: nodejs (>= 20.19), systemd
Description: steers traffic by domain name
 Reads what recursive resolvers answer (dnstap) and announces the addresses of listed names to routers over BGP.
`,
  )
  write('DEBIAN/conffiles', '/etc/dnstap-bgp/dnstap-bgp.toml\n/etc/dnstap-bgp/domains.txt\n')
  // Nothing is started by the installation: the configuration comes first. An upgrade restarts what runs.
  write(
    'DEBIAN/postinst',
    `#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
systemd-sysusers dnstap-bgp.conf
# It may hold passwords.
[ -n "$2" ] || { chgrp dnstap-bgp /etc/dnstap-bgp/dnstap-bgp.toml && chmod 640 /etc/dnstap-bgp/dnstap-bgp.toml; }
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  [ -z "$2" ] || systemctl try-restart dnstap-bgp.service
fi
`,
    0o755,
  )
  write(
    'DEBIAN/prerm',
    `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl disable --now dnstap-bgp.socket dnstap-bgp.service || true; fi
`,
    0o755,
  )
  write(
    'DEBIAN/postrm',
    `#!/bin/sh
set -e
if [ "$1" = purge ]; then rm -rf /var/lib/dnstap-bgp; fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
`,
    0o755,
  )
  for (const path of readdirSync(tree, { recursive: true, encoding: 'utf8' })) allowReading(join(tree, path))
  chmodSync(tree, 0o755)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `dnstap-bgp_${version()}_${architecture}.deb`)
  run('dpkg-deb', '--root-owner-group', '-Zgzip', '--build', tree, file) // quick to make, known everywhere
  console.log(`${file}\nTo install it: apt install ${file}. Before you start it: "On a server" in README.md.`)
} finally {
  rmSync(tree, { recursive: true, force: true })
}

function write(path, text, mode = 0o644) {
  mkdirSync(dirname(join(tree, path)), { recursive: true })
  writeFileSync(join(tree, path), text, { mode })
}

function copy(from, to) {
  mkdirSync(dirname(join(tree, to)), { recursive: true })
  cpSync(join(root, from), join(tree, to))
}

/** Whatever umask and checkout made of the modes. */
function allowReading(path) {
  const { mode } = statSync(path)
  chmodSync(path, mode & 0o111 ? 0o755 : 0o644)
}

function sizeOf(path) {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
}

function run(command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status === 0) return
  console.error(`${command} failed: ${stderr || stdout}`)
  process.exit(1)
}
