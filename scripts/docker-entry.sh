#!/bin/bash
# `fnq` inside the image. Takes the connection settings that the `setup` service made (docker-compose.yml), gets a
# worker's container ready for sandboxes, then becomes Fnq.Server.
set -euo pipefail

settings=/run/fnq-settings
server=(dotnet /opt/fnq/Fnq.Server.dll)

secret() { od -An -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }

write() { # write FILE MODE, the content on standard input; never half a file
  local draft
  draft=$(mktemp "$(dirname "$1")/.XXXXXX")
  cat >"$draft"
  chmod "$2" "$draft"
  mv "$draft" "$1"
}

# Two users on the broker: whoever may publish to a user's queue must not reach the platform's own virtual host.
make_settings() {
  local platform users database
  if [[ -e $settings/env ]]; then return 0; fi
  platform=$(secret 24) users=$(secret 24) database=$(secret 24)
  write /run/rabbitmq-settings/definitions.json 0644 <<JSON
{ "vhosts": [{ "name": "fnq" }, { "name": "users" }],
  "users": [
    { "name": "fnq", "password": "$platform", "tags": "" },
    { "name": "user", "password": "$users", "tags": "" }],
  "permissions": [
    { "user": "fnq", "vhost": "fnq", "configure": ".*", "write": ".*", "read": ".*" },
    { "user": "user", "vhost": "users", "configure": ".*", "write": ".*", "read": ".*" }] }
JSON
  write /run/rabbitmq-settings/rabbitmq.conf 0644 <<CONF
load_definitions = /run/rabbitmq-settings/definitions.json
log.console = true
CONF
  printf '%s' "$database" | write /run/postgres-settings/password 0644
  # Last, and readable by everyone in the volume: only Fnq's own services mount it.
  write $settings/env 0644 <<ENV
FNQ_AMQP_URL=amqp://user:$users@rabbitmq:5672/users
FNQ_PLATFORM_AMQP_URL=amqp://fnq:$platform@rabbitmq:5672/fnq
FNQ_POSTGRES_URL=postgres://fnq:$database@postgres:5432/fnq
FNQ_ACCESS_KEY_ID=AKIA$(secret 8 | tr '0-9a-f' '2-7A-J')
FNQ_SECRET_ACCESS_KEY=$(secret 20)
ENV
}

read_settings() { # the environment wins over the file
  local name value
  if [[ ! -r $settings/env ]]; then return 0; fi
  while IFS='=' read -r name value; do
    if [[ -z ${!name:-} ]]; then export "$name=$value"; fi
  done <"$settings/env"
}

# Workers on one machine share its memory; a container with a limit of its own is measured by the server.
choose_memory() {
  local memory limit=''
  if [[ -n ${FNQ_WORKER_MEMORY_MB:-} ]]; then return 0; fi
  unset FNQ_WORKER_MEMORY_MB
  memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
  read -r limit 2>/dev/null </sys/fs/cgroup/memory.max || read -r limit 2>/dev/null </sys/fs/cgroup/memory/memory.limit_in_bytes || true
  if [[ $limit =~ ^[0-9]{1,15}$ ]] && ((limit / 1048576 < memory)); then return 0; fi
  export FNQ_WORKER_MEMORY_MB=$((memory * 8 / 10 / ${FNQ_WORKERS_PER_HOST:-3}))
}

# Each step is allowed by SYS_ADMIN and undone with the container.
prepare_worker() {
  local mountpoint number
  # Docker mounts the container's own cgroups read-only.
  while read -r mountpoint; do
    mount -o remount,bind,rw "$mountpoint"
  done < <(awk '$3 == "cgroup" || $3 == "cgroup2" || $2 == "/sys/fs/cgroup" { print $2 }' /proc/self/mounts)
  # cgroup v2 lets a group have either processes or limited children.
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    mkdir -p /sys/fs/cgroup/fnq-worker
    while read -r number; do echo "$number" >/sys/fs/cgroup/fnq-worker/cgroup.procs 2>/dev/null || true; done </sys/fs/cgroup/cgroup.procs
    for number in cpu memory pids io cpuset; do echo "+$number" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true; done
  fi
  # Nothing of an earlier start lives: its processes and mounts went with its namespaces.
  rm -rf --one-file-system /run/fnq
  # A sandbox may mount its own /proc only where an unmasked, writable one can be seen; Docker masks parts of ours.
  mkdir -p -m 0700 /run/fnq-proc
  mountpoint -q /run/fnq-proc || mount -t proc -o nosuid,nodev,noexec proc /run/fnq-proc
}

case ${1:-} in
  setup) make_settings; exit 0 ;;
  install-runtimes)
    read -ra names <<<"$FNQ_RUNTIME_NAMES"
    if ! cmp --quiet /opt/fnq/init /var/lib/fnq/runtimes/init; then
      write /var/lib/fnq/runtimes/init 0755 </opt/fnq/init
    fi
    exec "${server[@]}" runtimes install --if-missing "${names[@]}"
    ;;
esac

read_settings
if [[ ${1:-} == with-sandboxes ]]; then # any command, in a container made ready as a worker's is
  prepare_worker
  shift
  exec "$@"
fi
if [[ ${1:-} == env ]]; then # printed for a shell on the host, which reaches only what is published
  export FNQ_PORT=${FNQ_PUBLISHED_PORT:-9000}
  FNQ_AMQP_URL=${FNQ_AMQP_URL/@rabbitmq:5672/@127.0.0.1:${FNQ_PUBLISHED_AMQP_PORT:-5672}}
fi
if [[ ${1:-} == serve && $* == *worker* && $EUID == 0 ]]; then
  choose_memory
  prepare_worker
fi
exec "${server[@]}" "$@"
