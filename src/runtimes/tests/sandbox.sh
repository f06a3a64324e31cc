#!/usr/bin/env bash
# sandbox.sh ROOTFS TASK LAYERS PROGRAM...: runs PROGRAM as a function would see the machine: read-only root
# file system, code at /var/task, only /tmp writable, uid 1000. Call it inside `unshare --mount --pid --fork`.
set -euo pipefail
readonly rootfs=$1 task=$2 layers=$3 root=/mnt
shift 3
mount --make-rprivate /
mount --bind "$rootfs" "$root"
mount -o remount,bind,ro "$root"
mount --bind "$task" "$root/var/task"
mount -o remount,bind,ro "$root/var/task"
mount --bind "$layers" "$root/opt"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero random urandom; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
exec /usr/sbin/chroot --userspec=1000:1000 --groups='' "$root" /usr/bin/env --chdir=/var/task -- "$@"
