#!/bin/sh
# Starts a Sentinel. Its configuration is copied at the first start, because it writes failovers into it.
set -eu
if ! [ -f /data/sentinel.conf ]; then
  umask 077
  {
    cat /etc/redis/sentinel.conf /run/secrets/dnstap-bgp/sentinel.conf
    echo "sentinel announce-ip $POD_NAME.sentinel"
  } > /data/first.conf
  mv /data/first.conf /data/sentinel.conf
fi
exec redis-server /data/sentinel.conf --sentinel
