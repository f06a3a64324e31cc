#!/bin/bash
# Runs inside a worker container: can it make the sandboxes that architecture.md section 3 describes?
# And what else a worker's capabilities are for: ending a sandbox's processes, removing its files, installing a runtime.
# sandbox.sh OCI_RUNTIME ROOT_FILE_SYSTEM prints one "ok NAME" or "no NAME" a line; fails if any is "no".
set -uo pipefail

runtime=$1
rootfs=$2
work=$(mktemp -d /var/tmp/sandbox.XXXXXX)
chmod 0711 "$work"
id=probe-$$
failed=0

check() { # check NAME COMMAND...
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "ok $name"
  else
    echo "no $name: ${output##*$'\n'}"
    failed=1
  fi
}

network() { # a network namespace of the worker's own making, as in Fnq/Execution/Sandboxes/NetworkNamespace.cs
  unshare --net sleep infinity &
  net=$!
  until [[ $(readlink "/proc/$net/ns/net") != "$(readlink /proc/self/ns/net)" ]]; do kill -0 "$net" || return 1; done
  nsenter --net="/proc/$net/ns/net" ip link set lo up &&
    [[ $(nsenter --net="/proc/$net/ns/net" ip -o addr show lo) == *127.0.0.1* ]]
}

bundle() { # bundle COMMAND, run by sh in the sandbox
  mkdir -p "$work/code"
  echo print > "$work/code/code.txt"
  cat >"$work/config.json" <<JSON
{"ociVersion":"1.0.2","hostname":"sandbox","root":{"path":"$rootfs","readonly":true},
 "process":{"terminal":false,"user":{"uid":1000,"gid":1000},"cwd":"/","noNewPrivileges":true,
  "env":["PATH=/usr/bin:/bin"],"args":["/bin/sh","-c","$1"],
  "capabilities":{"bounding":[],"effective":[],"permitted":[],"inheritable":[],"ambient":[]},
  "rlimits":[{"type":"RLIMIT_NOFILE","hard":1024,"soft":1024},{"type":"RLIMIT_CORE","hard":0,"soft":0}]},
 "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
  {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755","size=64k"]},
  {"destination":"/var/task","type":"bind","source":"$work/code","options":["rbind","ro","nosuid","nodev"]},
  {"destination":"/tmp","type":"tmpfs","source":"tmpfs","options":["nosuid","nodev","size=16m","mode=1777"]}],
 "linux":{"cgroupsPath":"/fnq-probe/$id",
  "namespaces":[{"type":"pid"},{"type":"network","path":"/proc/$net/ns/net"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"user"},{"type":"cgroup"}],
  "uidMappings":[{"containerID":0,"hostID":1000000,"size":65536}],"gidMappings":[{"containerID":0,"hostID":1000000,"size":65536}],
  "resources":{"memory":{"limit":67108864},"pids":{"limit":64},"cpu":{"quota":4000,"period":20000},"devices":[{"allow":false,"access":"rwm"}]},
  "seccomp":{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["ptrace"],"action":"SCMP_ACT_ERRNO"}]},
  "maskedPaths":["/proc/kcore","/proc/keys"],"readonlyPaths":["/proc/sys"]}}
JSON
}

run_once() { bundle "$1" && "$runtime" --root "$work/state" run --bundle "$work" "$id"; }

inside() { # what the function sees of itself
  local seen
  seen=$(run_once 'set -e; id -u; cat /var/task/code.txt; grep CapEff /proc/self/status; echo x >/tmp/x; cat /tmp/x; ls /proc | grep -c ^[0-9]; test ! -w /etc; cat /proc/self/uid_map') || { echo "$seen"; return 1; }
  [[ $seen == $'1000\nprint\nCapEff:\t0000000000000000\nx\n'* && $seen == *1000000* ]] || { echo "unexpected: $seen"; return 1; }
}

limit_file() { # limit_file CONTROLLER V1NAME V2NAME -> the value the kernel enforces
  local file
  for file in "/sys/fs/cgroup/$1/fnq-probe/$id/$2" "/sys/fs/cgroup/fnq-probe/$id/$3" "/sys/fs/cgroup/$1"/*/"fnq-probe/$id/$2"; do
    if [[ -r $file ]]; then cat "$file"; return 0; fi
  done
  echo "no cgroup file for $1" >&2
  return 1
}

limits() { [[ $(limit_file memory memory.limit_in_bytes memory.max) == 67108864 && $(limit_file pids pids.max pids.max) == 64 ]]; }

memory_is_limited() { # dd asks for more than the limit and must be killed
  if run_once 'dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null'; then echo "was not killed"; return 1; fi
  run_once 'dd if=/dev/zero of=/dev/null bs=20M count=1 2>/dev/null'
}

background() {
  bundle 'while :; do sleep 0.1; done'
  "$runtime" --root "$work/state" create --bundle "$work" --pid-file "$work/pid" "$id" </dev/null >/dev/null 2>"$work/err" &&
    "$runtime" --root "$work/state" start "$id" || { cat "$work/err"; return 1; }
}

pause_resume() { "$runtime" --root "$work/state" pause "$id" && "$runtime" --root "$work/state" resume "$id"; }
end() { "$runtime" --root "$work/state" delete --force "$id"; }
signal() { kill -CONT "$(cat "$work/pid")"; } # allowed to the owner of a user namespace
give_away() { # files of a sandbox's user: made, and removed again without asking that user
  mkdir -p "$work/given/inner" && touch "$work/given/inner/file" &&
    chown -R 1001000:1001000 "$work/given" && setpriv --reuid=1001000 --clear-groups chmod 0 "$work/given/inner" && rm -r "$work/given"
}
rslave_mount() { # code mounted into a prepared slot from outside
  mkdir -p "$work/slot" && mount --bind "$work/slot" "$work/slot" && mount --make-shared "$work/slot" && umount "$work/slot"
}

network || { echo 'no network-namespace: not permitted'; exit 1; }
check sandbox inside
check memory-limit memory_is_limited
check create background
check limits limits
check freeze pause_resume
check signal signal
check delete end
check slot-mount rslave_mount
check files-of-others give_away
check chroot chroot "$rootfs" true
kill "$net"
rm -rf "$work"
exit "$failed"
