// `npm run deb`: all programs and the command as a package for Debian and its like.
// Usage: node tools/packages/deb.mjs [FOLDER [COMPRESSION]], after the build; writes FOLDER/dnstap-bgp_VERSION_ARCH.deb (default dist), says its path, and what to do next.
// The package is for the architecture of this machine: koffi's binaries are those that npm installed here.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { root, version } from '../setup.mjs'
import { COPYRIGHT } from './copyright.mjs'
import { AFTER_INSTALLATION, AFTER_REMOVAL, BEFORE_REMOVAL } from './scripts.mjs'
import { architecture, layOut, run, write } from './tree.mjs'

const folder = resolve(process.argv[2] ?? join(root, 'dist'))
/** gzip's level: 1 is quick, 9 is small. */
const compression = process.argv[3] ?? '9'
const arch = architecture('deb')
const tree = mkdtempSync(join(tmpdir(), 'dnstap-bgp-deb-'))
try {
  layOut(tree)
  write(join(tree, 'usr/share/doc/dnstap-bgp/copyright'), COPYRIGHT)
  write(
    join(tree, 'DEBIAN/control'),
    `Package: dnstap-bgp
Version: ${version()}
Architecture: ${arch}
Section: net
Priority: optional
Maintainer: the owners of dnstap-bgp <root@localhost>
Installed-Size: ${Math.ceil(sizeOf(tree) / 1024)}
Depends: libc6 (>= 2.28), libstdc++6, systemd
Description: steers traffic by domain name
 Reads what recursive resolvers answer (dnstap) and announces the addresses of listed names to routers over BGP.
`,
  )
  script('postinst', AFTER_INSTALLATION, '[ "$1" != configure ] || after_installation "$2"')
  script('prerm', BEFORE_REMOVAL, '[ "$1" != remove ] || before_removal')
  script(
    'postrm',
    AFTER_REMOVAL,
    'if [ "$1" = purge ]; then rm -rf /var/lib/dnstap-bgp /etc/dnstap-bgp /etc/default/dnstap-bgp /etc/systemd/system/dnstap-bgp.service.d/from-1.1.conf; fi\nafter_removal',
  )
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `dnstap-bgp_${version()}_${arch}.deb`)
  run('dpkg-deb', '--root-owner-group', '-Zgzip', `-z${compression}`, '--build', tree, file) // gzip is known everywhere
  console.log(`${file}\nTo install it: apt install ${file}. Before you start it: "On a server" in README.md.`)
} finally {
  rmSync(tree, { recursive: true, force: true })
}

function script(name, functions, body) {
  write(join(tree, 'DEBIAN', name), `#!/bin/sh\nset -e\n${functions}\n${body}\n`, 0o755)
}

function sizeOf(path) {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
}
