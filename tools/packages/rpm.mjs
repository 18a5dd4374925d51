// `npm run rpm`: all programs and the command as a package for Fedora, Red Hat, SUSE and their like. Needs rpmbuild (Debian's package rpm has it, too).
// Usage: node tools/packages/rpm.mjs [FOLDER [COMPRESSION]], after the build; writes FOLDER/dnstap-bgp-VERSION-1.ARCH.rpm (default dist), says its path, and what to do next.
// The package is for the architecture of this machine: koffi's binaries are those that npm installed here.
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { root, version } from '../setup.mjs'
import { AFTER_INSTALLATION, AFTER_REMOVAL, BEFORE_REMOVAL } from './scripts.mjs'
import { architecture, layOut, run, write } from './tree.mjs'

const folder = resolve(process.argv[2] ?? join(root, 'dist'))
/** gzip's level: 1 is quick, 9 is small. */
const compression = process.argv[3] ?? '9'
const arch = architecture('rpm')
const work = mkdtempSync(join(tmpdir(), 'dnstap-bgp-rpm-'))
const tree = join(work, 'tree')
try {
  mkdirSync(tree)
  layOut(tree)
  const spec = join(work, 'dnstap-bgp.spec')
  write(spec, specification())
  const define = (name, value) => ['--define', `${name} ${value}`]
  run(
    'rpmbuild',
    '-bb',
    '--target',
    arch,
    ...define('_topdir', work),
    ...define('_rpmdir', work),
    ...define('_dbpath', join(work, 'db')),
    spec,
  )
  const name = `dnstap-bgp-${version()}-1.${arch}.rpm`
  mkdirSync(folder, { recursive: true })
  cpSync(join(work, arch, name), join(folder, name))
  console.log(
    `${join(folder, name)}\nTo install it: dnf install ${join(folder, name)}. Before you start it: "On a server" in README.md.`,
  )
} finally {
  rmSync(work, { recursive: true, force: true })
}

// In a %post, $1 is the number of versions that are installed then: 1 at first, 2 in an upgrade. In a %preun and %postun: those that stay.
function specification() {
  return `Name: dnstap-bgp
Version: ${version()}
Release: 1
Summary: Steers traffic by domain name
License: MIT
AutoReqProv: no
Requires: systemd, glibc >= 2.28, libstdc++.so.6()(64bit)
# Node and koffi are as their makers built them.
%global __os_install_post %{nil}
%global debug_package %{nil}
%global _build_id_links none
%define _binary_payload w${compression}.gzdio

%description
Reads what recursive resolvers answer (dnstap) and announces the addresses of listed names to routers over BGP.

%install
cp -a ${tree}/. %{buildroot}/

%pre
# What the version before was, for %post. rpm does not say it.
rm -f /run/dnstap-bgp.version-before
[ "$1" -lt 2 ] || rpm -q --qf '%%{VERSION}' dnstap-bgp >/run/dnstap-bgp.version-before || true

%post
${AFTER_INSTALLATION}
after_installation "$(cat /run/dnstap-bgp.version-before 2>/dev/null)"
rm -f /run/dnstap-bgp.version-before

%preun
${BEFORE_REMOVAL}
[ "$1" -gt 0 ] || before_removal

%postun
${AFTER_REMOVAL}
after_removal

%files
/usr/bin/dnstap-bgp
/usr/lib/dnstap-bgp
/usr/share/dnstap-bgp
/usr/lib/systemd/system/dnstap-bgp*
/usr/lib/sysusers.d/dnstap-bgp.conf
%doc /usr/share/doc/dnstap-bgp
# Those of 1.1 belonged to its package. Named here, they stay.
%ghost %config(noreplace) /etc/dnstap-bgp/dnstap-bgp.conf
%ghost %config(noreplace) /etc/default/dnstap-bgp
`
}
