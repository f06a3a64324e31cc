#!/usr/bin/env bash
# Gives a Docker engine to scripts that need one.
#
#   scripts/dockerd.sh start    an engine that answers is used as it is; else a private one is started
#   scripts/dockerd.sh env      exports for the shell: eval "$(scripts/dockerd.sh env)"
#   scripts/dockerd.sh status   0 when an engine answers
#   scripts/dockerd.sh stop     ends the private engine and what it left in the network; no other engine
#
# The private engine keeps everything (data, socket, logs, client configuration) under
# FNQ_DOCKER_DIR, by default $FNQ_DATA/docker. It needs root. FNQ_DOCKER_PRIVATE=1 starts it even where
# another engine answers.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${FNQ_DOCKER_DIR:-${FNQ_DATA:-$here/../.fnq}/docker}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
sock=$dir/docker.sock
pidfile=$dir/dockerd.pid
plugins=$dir/client/cli-plugins

say() { printf '%s\n' "$*" >&2; }
die() { say "dockerd.sh: $*"; exit 1; }

answers() { timeout 10 docker version >/dev/null 2>&1; }

engine_pid() { # the pid of our engine, if it still runs
  local pid
  pid=$(cat "$pidfile" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ && $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) == *"--data-root $dir/data "* ]] || return 1
  printf '%s' "$pid"
}

# shellcheck source=docker-packages.sh
source "$here/docker-packages.sh"

host() {
  if [[ -e $dir/uses ]]; then cat "$dir/uses"; else printf 'unix://%s' "$sock"; fi
}

print_env() {
  printf 'export DOCKER_HOST=%q\n' "$(host)"
  [[ ! -d $plugins ]] || printf 'export DOCKER_CONFIG=%q\n' "$dir/client"
  # Testcontainers asks for API 1.44 and does not negotiate; an older engine refuses that.
  local version
  version=$(DOCKER_HOST=$(host) timeout 10 docker version --format '{{.Server.APIVersion}}' 2>/dev/null) || return 0
  if [[ $version =~ ^1\.([0-9]+)$ ]] && ((BASH_REMATCH[1] < 44)); then printf 'export DOCKER_API_VERSION=%q\n' "$version"; fi
}

remember_host_network() { # what dockerd changes and does not put back
  if [[ -e $dir/bridges.before ]]; then return 0; fi # an engine that was killed: the first notes are the true ones
  cat /proc/sys/net/ipv4/ip_forward >"$dir/ip_forward"
  if iptables -S FORWARD >"$dir/forward.before" 2>/dev/null; then :; else rm -f "$dir/forward.before"; fi
  ip -o link show type bridge 2>/dev/null | awk -F': ' '{print $2}' | sort >"$dir/bridges.before" || true
  iptables-save 2>/dev/null | grep -c 'DOCKER' >"$dir/chains.before" || true
}

restore_host_network() {
  [[ -e $dir/bridges.before ]] || return 0
  local bridge
  while read -r bridge; do
    case $bridge in docker0 | br-????????????) ip link delete "$bridge" 2>/dev/null || true ;; esac
  done < <(ip -o link show type bridge 2>/dev/null | awk -F': ' '{print $2}' | sort | comm -13 "$dir/bridges.before" -)
  # The chains are ours to remove only if none of that name was there before.
  if [[ $(cat "$dir/chains.before") == 0 ]]; then
    iptables-save 2>/dev/null | grep -vE 'DOCKER|docker0|br-[0-9a-f]{12}' | iptables-restore 2>/dev/null || true
    if grep -q '^-P FORWARD ACCEPT' "$dir/forward.before" 2>/dev/null; then iptables -P FORWARD ACCEPT; fi
  fi
  cat "$dir/ip_forward" >/proc/sys/net/ipv4/ip_forward
  rm -f "$dir/bridges.before" "$dir/chains.before" "$dir/forward.before" "$dir/ip_forward"
}

launch() { # launch STORAGE_DRIVER [more options]
  local driver=$1 pid
  shift
  rm -f "$sock"
  setsid dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/engine.pid" \
    --host "unix://$sock" --storage-driver "$driver" --log-opt max-size=10m --log-opt max-file=2 "$@" \
    >"$dir/dockerd.log" 2>&1 </dev/null &
  pid=$!
  printf '%s\n' "$pid" >"$pidfile"
  local deadline=$((SECONDS + 60))
  while ((SECONDS < deadline)); do
    if DOCKER_HOST=unix://$sock answers; then return 0; fi
    if ! kill -0 "$pid" 2>/dev/null; then break; fi
    read -rt 0.2 <> <(:) || true # paces the poll without a child process
  done
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  rm -f "$pidfile" "$dir/engine.pid"
  return 1
}

overlay_works() {
  local probe=$dir/overlay-probe works=1
  mkdir -p "$probe"/{lower,upper,work,merged}
  if mount -t overlay overlay -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" "$probe/merged" 2>/dev/null; then
    umount "$probe/merged"
    works=0
  fi
  rm -rf "$probe"
  return "$works"
}

start() {
  local driver=vfs
  rm -f "$dir/uses"
  if ! engine_pid >/dev/null; then
    if [[ ${FNQ_DOCKER_PRIVATE:-} != 1 ]] && answers; then
      printf '%s' "${DOCKER_HOST:-unix:///var/run/docker.sock}" >"$dir/uses"
      say "using the Docker engine at $(host)"
    else
      ((EUID == 0)) || die "no Docker engine answers, and starting a private one needs root"
      ((${#sock} < 100)) || die "FNQ_DOCKER_DIR is too long for a socket path: $dir"
      install_engine
      remember_host_network
      if overlay_works; then driver=overlay2; fi
      if launch "$driver"; then :
      elif launch "$driver" --iptables=false --ip6tables=false; then
        say "iptables cannot be used here: containers have no way out and no published ports of their own"
      else
        tail -n 20 "$dir/dockerd.log" >&2
        restore_host_network
        die "dockerd does not start, its log is $dir/dockerd.log"
      fi
      say "started a private Docker engine ($driver), pid $(cat "$pidfile")"
    fi
  fi
  install_compose
  print_env
}

stop() {
  local pid
  rm -f "$dir/uses"
  if pid=$(engine_pid); then
    kill -TERM "$pid"
    timeout 60 tail --pid="$pid" -f /dev/null || kill -KILL "$pid"
    say "stopped the private Docker engine"
  fi
  rm -f "$pidfile" "$sock"
  restore_host_network
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  env) print_env ;;
  status) eval "$(print_env)"; if answers; then say "answers: $(host)"; else say "no Docker engine answers at $(host)"; exit 1; fi ;;
  *) die "usage: dockerd.sh start|stop|status|env" ;;
esac
