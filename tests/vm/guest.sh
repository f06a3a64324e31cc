#!/usr/bin/env bash
# Runs as root inside the guest, started by guest.service: the tests named in /fnq/settings on control groups of
# version 2 alone. The last line is `N passed, N failed`.
set -euo pipefail

FNQ_ROOT=/fnq
FNQ_DATA=/var/lib/fnq-tests
export FNQ_ROOT FNQ_DATA
for part in settings process build test; do
  # shellcheck source=/dev/null
  source "$FNQ_ROOT/scripts/$part.sh"
done
while IFS='=' read -r name value; do export "$name=$value"; done <"$FNQ_ROOT/settings"
export FNQ_TEST_RUNTIMES=/tools/runtimes DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
if [[ $FNQ_VM_ACCELERATOR == tcg ]]; then export FNQ_TEST_SLOWNESS=10 FNQ_START_SECONDS=900; fi
PASSED=0 FAILED=0 SKIPPED=0 LATE=()
mkdir -p "$FNQ_DATA/log"

check() { # sentence command...
  local sentence=$1
  shift
  if ( set -e; "$@" ) >"$FNQ_DATA/output" 2>&1; then
    PASSED=$(( PASSED + 1 ))
    say "passed: $sentence"
  else
    FAILED=$(( FAILED + 1 ))
    say "FAILED: $sentence"
    sed 's/^/  /' "$FNQ_DATA/output" >&2
  fi
}

only_version_2() {
  [[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]] && ! grep -E ' - cgroup ' /proc/self/mountinfo
}

# What systemd takes from the root of the tree would be taken from every sandbox: it looks through its units again, and
# one of them comes and goes that needs controllers there.
systemd_leaves_the_pool() {
  local before pool=/sys/fs/cgroup/fnq-tests
  before=$(cat /sys/fs/cgroup/cgroup.subtree_control "$pool"/{cgroup.subtree_control,memory.max})
  echo "$before"
  systemctl daemon-reload
  systemd-run --quiet --wait -p CPUWeight=50 -p IOWeight=50 true
  cat "$pool"/{cgroup.subtree_control,memory.max}
  [[ $(cat /sys/fs/cgroup/cgroup.subtree_control "$pool"/{cgroup.subtree_control,memory.max}) == "$before" ]]
  [[ $(<"$pool/cgroup.subtree_control") == *cpu*memory*pids* ]]
}

pool_is_limited() { # below the machine's memory
  local limit
  limit=$(</sys/fs/cgroup/fnq-tests/memory.max)
  echo "memory.max of the pool: $limit"
  [[ $limit =~ ^[0-9]+$ ]] && (( limit / 1024 < $(awk '/^MemTotal:/ { print $2 }' /proc/meminfo) ))
}

# Mounts, loop devices, interfaces and sandbox folders; control groups below the pools.
leftovers() {
  grep -E 'fnq-sandbox|/run/fnq' /proc/self/mountinfo || true
  losetup --all
  ip -o link | grep -v ': lo:' || true
  find /run/fnq/slots /run/fnq/sandboxes -mindepth 1 2>/dev/null || true
  find /sys/fs/cgroup/fnq /sys/fs/cgroup/fnq-tests -mindepth 1 -type d 2>/dev/null || true
}

nothing_left() {
  local left
  left=$(leftovers)
  echo "$left"
  [[ -z $left ]]
}

say "Linux $(uname -r), $(crun --version | head -n 1), $(runc --version | head -n 1), systemd $(systemctl --version | awk 'NR == 1 { print $2 }')"
say "up after $(cut -d. -f1 /proc/uptime) s; controllers: $(</sys/fs/cgroup/cgroup.controllers)"
check "there is only cgroup v2" only_version_2
for namespace in $FNQ_VM_NAMESPACES; do
  if [[ $namespace == *.Sandboxes ]]; then
    for runtime in ${FNQ_VM_OCI_RUNTIMES:-crun runc}; do
      say "== with $runtime"
      FNQ_TEST_OCI_RUNTIME=$runtime dotnet_suite Fnq.IntegrationTests "$namespace"
    done
    check "the memory of all sandboxes together is limited" pool_is_limited
    check "systemd leaves the pool as it is" systemd_leaves_the_pool
  else
    dotnet_suite Fnq.IntegrationTests "$namespace"
  fi
done
check "nothing is left of the sandboxes" nothing_left
printf '%s passed, %s failed, %s skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
