#!/bin/sh
# Starts a Sentinel. Its configuration is copied at the first start, because it writes failovers into it. docker-compose.ha.yml runs this
# script too.
#
#   start-sentinel.sh LINE...    more lines of the configuration
set -eu
if ! [ -f /data/sentinel.conf ]; then
  umask 077
  {
    cat /etc/redis/sentinel.conf /run/secrets/dnstap-bgp/sentinel.conf
    printf '%s\n' "$@"
  } > /data/first.conf
  mv /data/first.conf /data/sentinel.conf
fi
exec redis-server /data/sentinel.conf --sentinel
