// What a package does on the server when it comes and goes: shell functions that .deb and .rpm share.

/**
 * After the files are there. `$1`: the version before, or empty at a first installation.
 * Nothing is started by an installation: the configuration comes first. An upgrade restarts what runs.
 */
export const AFTER_INSTALLATION = `after_installation() {
  systemd-sysusers dnstap-bgp.conf
  etc=/etc/dnstap-bgp
  # The configuration of 1.1 is used as it is. Where there is none, the examples are a beginning. Neither belongs to the package: no upgrade touches them.
  if [ ! -e $etc/dnstap-bgp.toml ] && [ ! -e $etc/dnstap-bgp.conf ]; then
    mkdir -p $etc
    cp /usr/share/doc/dnstap-bgp/examples/all-in-one.toml $etc/dnstap-bgp.toml
    [ -e $etc/domains.txt ] || cp /usr/share/doc/dnstap-bgp/examples/domains.txt $etc/domains.txt
    # It may hold passwords.
    chgrp dnstap-bgp $etc/dnstap-bgp.toml && chmod 640 $etc/dnstap-bgp.toml
  fi
  if [ ! -e $etc/dnstap-bgp.toml ] && [ ! -e /etc/default/dnstap-bgp ]; then echo CONFIG=$etc/dnstap-bgp.conf >/etc/default/dnstap-bgp; fi
  case $1 in 1.*) from_1_1 ;; esac
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    [ -z "$1" ] || systemctl try-restart 'dnstap-bgp*.service'
  fi
}

# The unit of 1.1 took its configuration and its network namespace from /etc/default/dnstap-bgp. systemd cannot take the namespace from there.
from_1_1() {
  NAMESPACE= CONFIG=
  [ ! -e /etc/default/dnstap-bgp ] || . /etc/default/dnstap-bgp
  dropin=/etc/systemd/system/dnstap-bgp.service.d/from-1.1.conf
  [ ! -e $dropin ] || return 0
  mkdir -p "\${dropin%/*}"
  {
    echo '# Made when the package replaced dnstap-bgp 1.1. Change it or remove it as you like: no upgrade touches it again.'
    echo '[Service]'
    [ -z "$NAMESPACE" ] || echo "NetworkNamespacePath=/run/netns/$NAMESPACE"
    echo '# The example of 1.1 has its socket in /tmp.'
    echo 'PrivateTmp=no'
    echo 'ReadWritePaths=/tmp'
  } >$dropin
}`

/** Before the files go for good. */
export const BEFORE_REMOVAL = `before_removal() {
  if [ -d /run/systemd/system ]; then systemctl disable --now dnstap-bgp.socket 'dnstap-bgp*.service' || true; fi
}`

/** After the files went. */
export const AFTER_REMOVAL = `after_removal() {
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}`
