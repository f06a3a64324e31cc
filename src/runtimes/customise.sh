#!/usr/bin/env bash
# customise.sh NAME ROOTFS: turns a fresh Debian tree into a runtime's root file system.
# The sandbox sees it read-only, as uid 1000, through a user namespace that does not map root:
# so everything is readable by all and nothing relies on an owner.
set -euo pipefail

readonly here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
readonly name=$1 root=$2

account_files() {
  printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' 'nobody:x:65534:65534:nobody:/:/sbin/nologin' \
    'sbx_user1051:x:1000:1000::/home/sbx_user1051:/sbin/nologin' >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' 'sbx_user1051:x:1000:' >"$root/etc/group"
  rm -f "$root"/etc/{shadow,gshadow,subuid,subgid,passwd,group}- "$root"/etc/{shadow,gshadow,subuid,subgid}
  printf '%s\n' '127.0.0.1 localhost' '::1 localhost' '127.0.0.1 sandbox.localdomain sandbox' >"$root/etc/hosts"
  printf 'sandbox\n' >"$root/etc/hostname"
  rm -f "$root/etc/resolv.conf" "$root/etc/mtab"
  : >"$root/etc/resolv.conf" # the worker binds its own over it
  ln -s ../proc/self/mounts "$root/etc/mtab"
}

mount_points() {
  mkdir -p "$root"/{var/task,opt,tmp,var/rapid,var/runtime,var/lang/bin,proc,dev,sys}
  rm -rf "$root"/dev/* "$root"/tmp/*
  : >"$root/var/rapid/init"
}

# LANG is en_US.UTF-8 on Lambda. The C.UTF-8 tables under that name: no warning from any program, and no 3 MB archive.
locales() { ln -sfn C.utf8 "$root/usr/lib/locale/en_US.utf8"; }

minimise() {
  rm -rf "$root"/var/{cache,log,lib/apt,lib/dpkg/info,backups,mail,spool}/* "$root"/{boot,home,media,mnt,srv}/* \
    "$root"/usr/share/{man,info,locale,bash-completion,lintian,bug}/* "$root"/etc/{apt,cron.d,cron.daily,systemd,logrotate.d}
  rm -f "$root"/usr/bin/{apt,apt-get,apt-cache,apt-cdrom,apt-config,apt-key,apt-mark} "$root/var/lib/dpkg/status-old"
}

permissions() {
  chown -hR 0:0 "$root"
  find "$root" -xdev -perm /6000 -exec chmod ug-s {} +
  find "$root" -xdev ! -type l -exec chmod a+rX,go-w {} +
  chmod 1777 "$root/tmp" "$root/var/tmp"
  chmod 0755 "$root/var/rapid/init"
}

python_runtime() {
  ln -sfn /usr/bin/python3.13 "$root/var/lang/bin/python3.13"
  ln -sfn python3.13 "$root/var/lang/bin/python3"
  ln -sfn python3.13 "$root/var/lang/bin/python"
  install -m 0755 "$here/python/bootstrap" "$root/var/runtime/bootstrap"
  install -m 0644 "$here"/python/*.py "$root/var/runtime/"
  rm -f "$root"/etc/python3.13/sitecustomize.py "$root"/usr/lib/python3.13/sitecustomize.py # starts apport, which is not here
  # Unchecked: copies of the tree do not lose their bytecode over a changed time stamp.
  chroot "$root" /usr/bin/python3.13 -m compileall -q --invalidation-mode unchecked-hash /var/runtime
  chroot "$root" /usr/bin/python3.13 -m compileall -q /usr/lib/python3.13 /usr/lib/python3/dist-packages
}

nodejs_runtime() {
  install -m 0644 "$here"/nodejs/*.cjs "$root/var/runtime/"
  # ES modules ignore NODE_PATH, but look in every parent folder of /var/task: layers first, then our SDK.
  ln -sfn /opt/nodejs/node_modules "$root/var/node_modules"
  ln -sfn /var/runtime/node_modules "$root/node_modules"
}

mount_points
account_files
locales
case $name in
  python*) python_runtime ;;
  nodejs*) nodejs_runtime ;;
esac
minimise
permissions
