#!/bin/sh
# Starts a Redis server as what the Sentinels say it is. A server that was the primary may come back after another took over. It must not
# take writes then, so nothing starts before two Sentinels agree on who is the primary. docker-compose.ha.yml runs this script too.
#
#   start-redis.sh HOST PORT SENTINEL...    this server as the Sentinels name it, and HOST:PORT of each Sentinel
set -eu

secrets=/run/secrets/dnstap-bgp
host=$1
port=$2
shift 2
sentinels=$*
REDISCLI_AUTH=$(sed -n 's/^requirepass //p' $secrets/sentinel.conf)
export REDISCLI_AUTH

# The Sentinel's answer to a question about the primary; nothing where it does not answer.
ask() { timeout 3 redis-cli -h "${1%:*}" -p "${1##*:}" sentinel "$2" dnstap-bgp 2>/dev/null || true; }

# Prints host and port of the server that two Sentinels name; nothing where no two agree.
find_primary() {
  for sentinel in $sentinels; do
    ask "$sentinel" get-master-addr-by-name | paste -sd ' ' -
  done | grep -x '[^ ]* [0-9]*' | sort | uniq -d
}

# A primary without data would make its replica as empty as itself. It waits until the Sentinels have made that replica the primary.
must_wait() {
  [ "$primary" = "$host $port" ] && ! [ -d /data/appendonlydir ] || return 1
  for sentinel in $sentinels; do
    if [ -n "$(ask "$sentinel" replicas)" ]; then return 0; fi
  done
  return 1
}

while primary=$(find_primary) && [ -z "$primary" ] || must_wait; do
  echo "waiting for the Sentinels: they name ${primary:-no server}"
  sleep 1
done
echo "$host $port: the primary is $primary"

umask 077
{
  cat /etc/redis/redis.conf $secrets/replication.conf
  printf 'port %s\nreplica-announce-ip %s\n' "$port" "$host"
  if [ "$primary" != "$host $port" ]; then echo "replicaof $primary"; fi
} > /data/redis.conf
unset REDISCLI_AUTH
exec redis-server /data/redis.conf
