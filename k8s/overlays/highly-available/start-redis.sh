#!/bin/sh
# Starts a Redis server as what the Sentinels say it is. A pod that was the primary may come back after another took over. It must not
# take writes then, so nothing starts before two Sentinels agree on who is the primary.
set -eu

secrets=/run/secrets/dnstap-bgp
me=$POD_NAME.redis
REDISCLI_AUTH=$(sed -n 's/^requirepass //p' $secrets/sentinel.conf)
export REDISCLI_AUTH

# The Sentinel's answer to a question about the primary; nothing where it does not answer.
ask() { timeout 3 redis-cli -h "$1.sentinel" -p 26379 sentinel "$2" dnstap-bgp 2>/dev/null || true; }

# Prints the server that two Sentinels name; nothing where no two agree.
find_primary() {
  for sentinel in sentinel-0 sentinel-1 sentinel-2; do
    ask $sentinel get-master-addr-by-name | head -n 1
  done | grep '^redis-[0-9]*\.redis$' | sort | uniq -d
}

# A primary without data would make its replica as empty as itself. It waits until the Sentinels have made that replica the primary.
must_wait() {
  [ "$primary" = "$me" ] && ! [ -d /data/appendonlydir ] || return 1
  for sentinel in sentinel-0 sentinel-1 sentinel-2; do
    if [ -n "$(ask $sentinel replicas)" ]; then return 0; fi
  done
  return 1
}

while primary=$(find_primary) && [ -z "$primary" ] || must_wait; do
  echo "waiting for the Sentinels: they name ${primary:-no server}"
  sleep 1
done
echo "$me: the primary is $primary"

umask 077
{
  cat /etc/redis/redis.conf $secrets/replication.conf
  echo "replica-announce-ip $me"
  if [ "$primary" != "$me" ]; then echo "replicaof $primary 6379"; fi
} > /data/redis.conf
unset REDISCLI_AUTH
exec redis-server /data/redis.conf
