# Sourced by run.sh: the guest's kernel and disks. What takes long to make is kept in $FNQ_DATA/vm under the digest of
# what it was made from, and made again when that changes.

# What a user's machine has, and what the tests use. No network, so nothing can be added later.
GUEST_PACKAGES=(systemd-sysv udev kmod linux-image-cloud-amd64 crun runc e2fsprogs nftables iptables iproute2 procps mount
  gcc libc6-dev python3 strace curl zip jq rabbitmq-server postgresql awscli libssl3 ca-certificates)

guest_packages() { # release
  local list
  printf -v list '%s,' "${GUEST_PACKAGES[@]}"
  # The 64-bit time transition renamed it.
  if [[ $1 != bookworm ]]; then list=${list/libssl3,/libssl3t64,}; fi
  printf '%s' "${list%,}"
}

# Sets ROOT_FOLDER to a folder with root.img, vmlinuz and initrd.img.
make_root() { # release
  local digest work
  digest=$({ guest_packages "$1"; declare -f make_root; cat "$HERE/customise.sh" "$HERE/guest.service"; } | sha256sum)
  ROOT_FOLDER=$IMAGES/root-$1-${digest:0:16}
  if [[ -e $ROOT_FOLDER/root.img ]]; then return 0; fi
  say "Building the guest's root file system (Debian $1, once, some minutes) ..."
  rm -rf "$IMAGES/root-$1-"*
  work=$WORK/root
  mkdir -p "$WORK/out"
  mmdebstrap --mode=root --variant=minbase --quiet --include="$(guest_packages "$1")" --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook='mkdir -p "$1/etc/postgresql-common" && echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
    --customize-hook="\"$HERE/customise.sh\" \"\$1\" \"$HERE/guest.service\"" \
    "$1" "$work" "deb $(debian_mirror) $1 main"
  cp "$work"/boot/vmlinuz-* "$WORK/out/vmlinuz"
  cp "$work"/boot/initrd.img-* "$WORK/out/initrd.img"
  make_image "$WORK/out/root.img" "$work" 8G
  rm -rf --one-file-system "$work"
  mv "$WORK/out" "$ROOT_FOLDER"
}

# Sets TOOLS_IMAGE: the .NET runtime and the runtimes of functions, as they are on this machine.
make_tools() {
  local dotnet digest
  dotnet=$(dirname -- "$(realpath -- "$(dotnet_command)")")
  digest=$(find "$dotnet/shared" "$dotnet/host" "$FNQ_TEST_RUNTIMES" -printf '%p %s %T@ %m\n' | LC_ALL=C sort | sha256sum)
  TOOLS_IMAGE=$IMAGES/tools-${digest:0:16}.img
  if [[ -e $TOOLS_IMAGE ]]; then return 0; fi
  say "Copying .NET and the runtimes to an image ..."
  rm -f "$IMAGES"/tools-*
  mkdir -p "$WORK/tools/dotnet"
  cp -a "$dotnet/dotnet" "$dotnet/host" "$dotnet/shared" "$WORK/tools/dotnet"
  cp -a "$FNQ_TEST_RUNTIMES" "$WORK/tools/runtimes"
  make_image "$WORK/tools.img" "$WORK/tools"
  rm -rf --one-file-system "$WORK/tools"
  mv "$WORK/tools.img" "$TOOLS_IMAGE"
}

# Sets REPOSITORY_IMAGE: the tests, the scripts, and what the guest is asked to do. New for every run.
make_repository() { # name=value...
  local folder=$WORK/repository
  REPOSITORY_IMAGE=$WORK/repository.img
  mkdir -p "$folder/tests"
  cp -a "$FNQ_ROOT"/{Fnq.sln,fnq,scripts,migrations} "$folder"
  cp -a "$HERE" "$folder/tests/vm"
  install -D -t "$folder/tests/Fnq.IntegrationTests/Isolation" "$FNQ_ROOT/tests/Fnq.IntegrationTests/Isolation/syscalls.c"
  publish_tests "$folder/tests/Fnq.IntegrationTests/bin/Release/net10.0"
  printf '%s\n' "$@" >"$folder/settings"
  make_image "$REPOSITORY_IMAGE" "$folder"
}

# Compiled ahead: every server that a test starts would compile itself anew, which emulated takes a minute. From a copy,
# without the lock files, which do not know the packages of this machine alone.
publish_tests() { # folder
  local copy=$WORK/source
  mkdir -p "$copy"
  tar -C "$FNQ_ROOT" --exclude=bin --exclude=obj --exclude=node_modules --exclude=packages.lock.json -c src tests migrations \
    {Directory.Build,Directory.Packages}.props BannedSymbols.txt global.json | tar -C "$copy" -x
  quiet_dotnet
  if ! CI='' "$(dotnet_command)" publish "$copy/tests/Fnq.IntegrationTests" -c Release -r linux-x64 --no-self-contained -v quiet \
    -p:PublishReadyToRun=true -p:RestorePackagesWithLockFile=false -p:RunAnalyzers=false -p:UseSharedCompilation=false -nodeReuse:false -o "$1" \
    </dev/null >"$FNQ_DATA/log/vm-publish.log" 2>&1; then
    show_log_end "$FNQ_DATA/log/vm-publish.log"
    die "the tests could not be compiled for the guest."
  fi
  rm -rf --one-file-system "$copy"
}

# Sparse, with room for what the guest writes; that goes to a copy that vanishes with QEMU.
make_image() { # file folder [size]
  local size=${3:-$(( $(du -sm --apparent-size "$2" | cut -f1) * 5 / 4 + 256 ))M}
  truncate --size "$size" "$1"
  # Without a journal: nothing of it is read again after a crash.
  mke2fs -q -F -t ext4 -O ^has_journal -m 0 -d "$2" "$1"
}
