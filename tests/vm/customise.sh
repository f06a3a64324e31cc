#!/usr/bin/env bash
# Makes a Debian root file system the guest: customise.sh ROOT UNIT, called by mmdebstrap.
set -euo pipefail
root=$1 unit=$2

# The tests start servers of their own.
for service in rabbitmq-server postgresql epmd.socket epmd.service; do
  [[ $service == *.* ]] || service=$service.service
  ln -sfn /dev/null "$root/etc/systemd/system/$service"
done
# Nobody logs in, nothing is to be done at night.
for service in getty@tty1.service serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
  e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-timesyncd.service; do
  ln -sfn /dev/null "$root/etc/systemd/system/$service"
done
mkdir -p "$root/fnq" "$root/tools"
cat >"$root/etc/fstab" <<'FSTAB'
/dev/vda / ext4 errors=remount-ro 0 0
/dev/vdb /tools ext4 defaults 0 0
/dev/vdc /fnq ext4 defaults 0 0
FSTAB
echo fnq-guest >"$root/etc/hostname"
printf '127.0.0.1 localhost fnq-guest\n::1 localhost\n' >"$root/etc/hosts"
ln -sfn /tools/dotnet/dotnet "$root/usr/bin/dotnet"
install -m 0644 "$unit" "$root/etc/systemd/system/fnq-tests.service"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sfn ../fnq-tests.service "$root/etc/systemd/system/multi-user.target.wants/fnq-tests.service"
