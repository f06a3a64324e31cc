#!/usr/bin/env bash
# Runs integration tests in a QEMU guest that has cgroup v2 only, which this machine may not have.
#
#   tests/vm/run.sh NAMESPACE...     with FNQ_TEST_RUNTIMES; Fnq.sln was built (Release)
#
#   FNQ_VM_RELEASE            Debian release of the guest: bookworm (default), trixie
#   FNQ_VM_ACCELERATOR        kvm or tcg; without it KVM if it boots a kernel here
#   FNQ_VM_DEADLINE_SECONDS   when a guest that hangs is ended (3000)
#   FNQ_VM_OCI_RUNTIMES       what the tests of Sandboxes run with: crun runc
#   FNQ_VM_FILTER             only tests whose method has this word
#
# The guest has no network, and what it writes vanishes with it. Its console is kept in $FNQ_DATA/log.
# Ends with `N passed, N failed[, N skipped]`.
set -euo pipefail
umask 022

HERE=$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")
FNQ_ROOT=$(dirname -- "$(dirname -- "$HERE")")
for part in scripts/settings scripts/process scripts/build scripts/docker-packages tests/vm/images; do
  # shellcheck source=/dev/null
  source "$FNQ_ROOT/$part.sh"
done
locate_data
FNQ_TEST_RUNTIMES=${FNQ_TEST_RUNTIMES:-$FNQ_DATA/runtimes}
IMAGES=$FNQ_DATA/vm
RELEASE=${FNQ_VM_RELEASE:-bookworm}
CONSOLE=$FNQ_DATA/log/vm-$RELEASE-console.log
RESULTS=$FNQ_DATA/log/vm-$RELEASE-results.log
QEMU=''

(( $# > 0 )) || die "tests/vm/run.sh takes the namespaces whose tests are to run."
mkdir -p "$IMAGES" "$FNQ_DATA/log"
exec {LOCK}>"$IMAGES/lock"
flock "$LOCK"
WORK=$(mktemp -d "$IMAGES/work.XXXXXX")
# shellcheck disable=SC2329 # called by the trap
finish() {
  if [[ -n $QEMU ]]; then
    kill -TERM "$QEMU" 2>/dev/null || true
    wait "$QEMU" 2>/dev/null || true
  fi
  rm -rf --one-file-system -- "$WORK"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts QEMU under a watchdog that ends with us, however we end, and ends QEMU with it.
guest() { # seconds arguments...
  local seconds=$1
  shift
  TMPDIR=$WORK setpriv --pdeathsig TERM timeout --kill-after=5 "$seconds" qemu-system-x86_64 \
    -nodefaults -display none -nic none -no-reboot "$@" </dev/null 2>"$WORK/qemu.errors" {LOCK}>&- &
  QEMU=$!
}

ended() { # the watchdog's exit code: that of QEMU, or 124
  local status=0
  wait "$QEMU" 2>/dev/null || status=$?
  QEMU=''
  return "$status"
}

# A hypervisor may offer /dev/kvm and yet not run an unmodified kernel (PVM, which emulates it instruction by
# instruction, or fails at once): the kernel alone, which panics for want of a root soon after it has told its version.
kvm_boots() {
  [[ -w /dev/kvm ]] || return 1
  guest 15 -machine pc,accel=kvm -cpu host -m 512 -serial "file:$WORK/probe.log" -kernel "$ROOT_FOLDER/vmlinuz" \
    -append 'console=ttyS0 panic=-1'
  ended || true
  grep -q 'Linux version' "$WORK/probe.log" 2>/dev/null
}

choose_accelerator() {
  ACCELERATOR=${FNQ_VM_ACCELERATOR:-}
  if [[ -z $ACCELERATOR ]]; then
    if kvm_boots; then ACCELERATOR=kvm; else ACCELERATOR=tcg; fi
  fi
  # Under emulation the plain model with what .NET asks for is the quickest: wide vectors cost more than they save.
  CPU=host
  if [[ $ACCELERATOR == tcg ]]; then CPU=Nehalem; fi
}

disk() { printf 'file=%s,format=raw,if=virtio,snapshot=on,cache=unsafe' "$1"; } # file

run_guest() {
  guest "${FNQ_VM_DEADLINE_SECONDS:-3000}" -machine "pc,accel=$ACCELERATOR" -cpu "$CPU" -smp 2 -m 4096 \
    -device virtio-rng-pci -serial "file:$CONSOLE" -serial "file:$WORK/results" \
    -drive "$(disk "$ROOT_FOLDER/root.img")" -drive "$(disk "$TOOLS_IMAGE")" -drive "$(disk "$REPOSITORY_IMAGE")" \
    -kernel "$ROOT_FOLDER/vmlinuz" -initrd "$ROOT_FOLDER/initrd.img" \
    -append 'root=/dev/vda rw console=ttyS0 panic=-1 quiet systemd.unified_cgroup_hierarchy=1 systemd.show_status=0'
  tail -n +1 -f --pid="$QEMU" -- "$WORK/results" > >(sed -u 's/\r$//') &
  local tail=$! status=0
  ended || status=$?
  wait "$tail"
  sed 's/\r$//' "$WORK/results" >"$RESULTS"
  return "$status"
}

make_root "$RELEASE"
make_tools
choose_accelerator
make_repository "FNQ_VM_NAMESPACES=$*" "FNQ_VM_ACCELERATOR=$ACCELERATOR" "FNQ_VM_OCI_RUNTIMES=${FNQ_VM_OCI_RUNTIMES:-crun runc}" \
  "FILTER=${FNQ_VM_FILTER:-}"
say "A guest of Debian $RELEASE on $ACCELERATOR ..."
begun=$SECONDS
: >"$WORK/results"
status=0
run_guest || status=$?
say "The guest ran for $(( SECONDS - begun )) s."
last=$(tail -n 1 "$RESULTS")
if [[ ! $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
  say "The guest did not finish (QEMU ended with $status; 124: at the deadline). The end of its console:"
  tail -n 30 "$CONSOLE" >&2 || true
  cat "$WORK/qemu.errors" >&2
  printf '0 passed, 1 failed\n'
  exit 1
fi
printf '%s\n' "$last"
(( BASH_REMATCH[2] == 0 ))
