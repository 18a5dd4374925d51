#!/bin/sh
# Ready is the primary, and a replica that has a copy: a rolling update ends the primary only when another can take over.
set -eu
REDISCLI_AUTH=$(cat /run/secrets/dnstap-bgp/sentinel-user-password)
export REDISCLI_AUTH
redis-cli -h "$POD_NAME.redis" -p 6379 --user sentinel role 2>/dev/null | grep -qx -e master -e connected
