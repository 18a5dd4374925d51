#!/bin/bash
# A real Docker Engine (BuildKit, compose) for trying containers on a machine that has none, or whose own must not be touched.
#
#   engine.sh up FOLDER           fetches it, starts it, prints nothing but trouble
#   engine.sh env FOLDER          lines for eval: where its clients find it
#   engine.sh enter FOLDER CMD    runs CMD in its network namespace, which is the "host" of network_mode: host
#   engine.sh down FOLDER         ends it and everything in it; FOLDER keeps downloads and images
#
# The programs are Debian's, unpacked under FOLDER and not installed. The engine lives in network, mount and process namespaces of its
# own: when their first process ends, the kernel ends every other one, containers included. slirp4netns brings it to the network.
# Needs root, and Debian's packages runc, iptables, slirp4netns.
set -euo pipefail

command=${1:-} folder=${2:-}
if [ -z "$folder" ]; then
  sed -n 4,7p "$0"
  exit 2
fi
mkdir -p "$folder"
folder=$(realpath "$folder")
programs=$folder/programs state=$folder/state
docker=(env "DOCKER_HOST=unix://$state/docker.sock" "DOCKER_CONFIG=$folder/client" "$programs/usr/bin/docker")

# Debian 13's engine runs on Debian 12 and newer. A private apt state: the machine's own stays as it is.
fetch() {
  [ ! -e "$programs/complete" ] || return 0
  local apt=$folder/apt mirror
  mirror=$(awk '/^URIs:/ { print $2 }' /etc/apt/sources.list.d/debian.sources 2>/dev/null | grep '/debian/*$' | head -1) || true
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/debs" "$programs"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} trixie main" >"$apt/sources.list"
  local get=(apt-get -qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$apt/lists"
    -o "Dir::Cache=$apt" -o APT::Sandbox::User=root)
  "${get[@]}" update
  (cd "$apt/debs" && "${get[@]}" download docker.io docker-cli containerd docker-compose docker-buildx)
  for package in "$apt"/debs/*.deb; do dpkg -x "$package" "$programs"; done
  mkdir -p "$folder/client/cli-plugins"
  find "$programs/usr" -path '*cli-plugins/docker-*' -exec ln -sf {} "$folder/client/cli-plugins/" \;
  echo '{}' >"$folder/client/config.json"
  rm -rf "$apt"
  touch "$programs/complete"
}

# Runs inside the namespaces, as their first process.
inside() {
  export PATH=$programs/usr/bin:$programs/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin
  ip link set lo up
  until ip link show tap0 >/dev/null 2>&1; do sleep 0.1; done
  local resolver
  resolver=$(readlink -f /etc/resolv.conf)
  # A /run of its own: engine, shims and iptables leave things there.
  mount -t tmpfs none /run
  [ -e "$resolver" ] || { mkdir -p "$(dirname "$resolver")" && touch "$resolver"; }
  echo 'nameserver 10.0.2.3' >"$state/resolv.conf"
  mount --bind "$state/resolv.conf" "$resolver"
  cat >"$state/containerd.toml" <<TOML
version = 2
root = "$folder/containerd"
state = "$state/containerd"
[grpc]
  address = "$state/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$state/opt"
TOML
  containerd --config "$state/containerd.toml" >"$state/containerd.log" 2>&1 &
  until [ -S "$state/containerd.sock" ]; do sleep 0.1; done
  # Not exec: this shell stays the first process, and adopts what containers leave behind.
  dockerd --data-root "$folder/data" --exec-root "$state/exec" --pidfile "$state/dockerd.pid" --host "unix://$state/docker.sock" \
    --containerd "$state/containerd.sock" --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent /dnstap-bgp-lab \
    --ip6tables=false --dns 10.0.2.3 >"$state/dockerd.log" 2>&1 &
  trap 'kill -TERM %2' TERM
  wait %2 || wait %2 || true
}

up() {
  if [ -e "$state/first.pid" ]; then
    echo "An engine runs in $folder already: engine.sh down $folder ends it." >&2
    exit 1
  fi
  fetch
  mkdir -p "$state"
  setsid unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private \
    bash "$0" inside "$folder" </dev/null >"$state/inside.log" 2>&1 &
  local outer=$! first=''
  for _ in $(seq 50); do
    first=$(tr -d ' ' <"/proc/$outer/task/$outer/children" 2>/dev/null) || true
    [ -z "$first" ] || break
    sleep 0.1
  done
  echo "$first" >"$state/first.pid"
  setsid slirp4netns --configure --mtu=65520 --disable-host-loopback "$first" tap0 </dev/null >"$state/slirp.log" 2>&1 &
  echo $! >"$state/slirp.pid"
  for _ in $(seq 120); do
    ! "${docker[@]}" version >/dev/null 2>&1 || return 0
    [ -d "/proc/$first" ] || break
    sleep 0.5
  done
  echo "The engine did not start; its log:" >&2
  tail -n 20 "$state"/*.log >&2
  down
  exit 1
}

down() {
  [ -e "$state/first.pid" ] || return 0
  local first
  first=$(<"$state/first.pid")
  kill -TERM "$first" 2>/dev/null || true
  for _ in $(seq 150); do
    [ -d "/proc/$first" ] || break
    sleep 0.1
  done
  kill -KILL "$first" 2>/dev/null || true
  kill "$(<"$state/slirp.pid")" 2>/dev/null || true
  find /sys/fs/cgroup -depth -type d -path '*/dnstap-bgp-lab*' -exec rmdir {} + 2>/dev/null || true
  rm -rf "$state"
}

case $command in
up) up ;;
inside) inside ;;
env) echo "export DOCKER_HOST=unix://$state/docker.sock DOCKER_CONFIG=$folder/client PATH=$programs/usr/bin:$PATH" ;;
enter) exec nsenter --net="/proc/$(<"$state/first.pid")/ns/net" "${@:3}" ;;
down) down ;;
*)
  sed -n 4,7p "$0"
  exit 2
  ;;
esac
