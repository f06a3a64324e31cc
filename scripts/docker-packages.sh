#!/usr/bin/env bash
# Sourced by dockerd.sh and images.sh: where the Docker engine, the compose plugin and Debian packages of
# another release come from. Nothing here changes the machine's own apt sources.

debian_mirror() { # the archive this machine itself installs from
  local uri
  uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    awk '!/^#/ && (/^deb / || /^URIs:/) { for (i = 1; i <= NF; i++) if ($i ~ /^https?:.*\/debian\/?$/) { print $i; exit } }')
  uri=${FNQ_DEBIAN_MIRROR:-$uri}
  [[ -n $uri ]] || { printf 'No Debian mirror among the apt sources: set FNQ_DEBIAN_MIRROR.\n' >&2; return 1; }
  printf '%s' "$uri"
}

# Runs apt-get against one other Debian release, with lists and caches of its own.
apt_of_release() { # apt_of_release RELEASE STATE_DIR apt-get-arguments...
  local release=$1 state=$2
  shift 2
  mkdir -p "$state"/{lists/partial,archives/partial,parts,etc}
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$(debian_mirror)" "$release" >"$state/sources.list"
  : >"$state/status"
  apt-get -q -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts="$state/parts" \
    -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache::archives="$state/archives" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

install_engine() {
  if command -v dockerd >/dev/null && command -v docker >/dev/null; then return 0; fi
  command -v apt-get >/dev/null || die "Docker is not installed and there is no apt-get to install it with"
  say "installing docker.io ..."
  # The package would start a system-wide engine; only its programs are wanted.
  local held=/usr/sbin/policy-rc.d made=0 rc=0
  if [[ ! -e $held ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$held"
    chmod +x "$held"
    made=1
  fi
  { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends docker.io iptables; } >&2 || rc=$?
  ((made == 0)) || rm -f "$held"
  ((rc == 0)) || die "apt-get could not install docker.io"
}

compose_answers() { docker compose version >/dev/null 2>&1; }

# Debian 12 has no compose plugin; Debian 13's is one program that runs there too.
install_compose() {
  if compose_answers || DOCKER_CONFIG=$dir/client compose_answers; then return 0; fi
  command -v apt-get >/dev/null || die "the docker compose plugin is missing"
  local state=$dir/apt package
  say "fetching the docker compose plugin of Debian 13 ..."
  apt_of_release trixie "$state" update >&2
  (cd "$state/archives" && apt_of_release trixie "$state" download docker-compose >&2)
  package=$(find "$state/archives" -name 'docker-compose_*.deb' -print -quit)
  mkdir -p "$plugins" "$state/unpacked"
  dpkg-deb -x "$package" "$state/unpacked"
  find "$state/unpacked" -type f -name docker-compose -path '*cli-plugins*' -exec install -m 0755 {} "$plugins/docker-compose" \;
  rm -rf "$state"
  DOCKER_CONFIG=$dir/client compose_answers || die "the docker compose plugin does not run here"
}
