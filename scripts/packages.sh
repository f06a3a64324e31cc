# Installing the Debian packages that are missing, without starting or touching a system service.

POLICY=/usr/sbin/policy-rc.d
POLICY_MARK='# Temporary, by fnq: holds services back while packages are installed.'

# Prints the packages that are missing; what is there is told by what is used, not by dpkg.
missing_packages() { # broker=yes|no database=yes|no
  if [[ $1 == yes ]]; then broker_script >/dev/null || echo rabbitmq-server; fi
  if [[ $2 == yes && ! -x $(postgres_bin /nowhere)/postgres ]]; then echo postgresql; fi
  needs crun crun
  needs runc runc
  needs mmdebstrap mmdebstrap
  needs gcc gcc
  [[ -f /usr/include/stdio.h ]] || echo libc6-dev
  needs ip iproute2
  needs nft nftables
  needs ps procps
  needs mount mount
  needs mkfs.ext4 e2fsprogs
  [[ -f /etc/ssl/certs/ca-certificates.crt ]] || echo ca-certificates
  needs npm npm
}

missing_test_packages() {
  needs zip zip
  needs wrk wrk
  needs curl curl
  needs jq jq
  needs strace strace
  [[ -x /usr/bin/aws ]] || echo awscli
  if [[ -x $FNQ_ROOT/tests/compose/run.sh ]]; then needs dockerd docker.io; fi
}

missing_vm_packages() {
  if [[ -n ${GUEST:-} ]]; then
    needs qemu-system-x86_64 qemu-system-x86
    needs mke2fs e2fsprogs
  fi
}

missing_bench_packages() { needs wrk wrk; }

needs() { command -v "$1" >/dev/null || printf '%s\n' "$2"; } # command package

install_packages() { # package...
  (( $# > 0 )) || return 0
  if (( EUID != 0 )) || ! command -v apt-get >/dev/null; then
    explain_ways_on "$@"
    exit 1
  fi
  say "Installing packages (once, some minutes): $*"
  (
    trap release_services EXIT
    trap 'exit 130' INT TERM
    hold_services_back
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
    exec >>"$FNQ_DATA/log/packages.log" 2>&1
    apt-get -o DPkg::Lock::Timeout=300 update
    apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
      install -y --no-install-recommends "$@"
  ) </dev/null || {
    show_log_end "$FNQ_DATA/log/packages.log"
    die "the packages could not be installed: $*"
  }
}

explain_ways_on() { # package...
  cat >&2 <<TEXT
fnq: these packages are missing, and installing them needs root and apt-get: $*
Two ways on:
  1. docker compose up        brings RabbitMQ, Postgres and Fnq as containers
  2. FNQ_AMQP_URL=amqp://user:password@host:5672/vhost FNQ_POSTGRES_URL=postgres://user:password@host:5432/database ./fnq up
                              uses servers that you already have
Or have an administrator run: apt-get install $*
TEXT
}

# policy-rc.d keeps packages from starting services; Debian's postgresql would also create a
# cluster of its own. Both are put back as they were, also after an earlier run that was killed.
hold_services_back() {
  local cluster=/etc/postgresql-common/createcluster.conf
  if [[ -e $POLICY ]] && ! grep -qF "$POLICY_MARK" "$POLICY"; then mv "$POLICY" "$POLICY.before-fnq"; fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" >"$POLICY"
  chmod 0755 "$POLICY"
  if [[ ! -e $cluster ]]; then
    mkdir -p "${cluster%/*}"
    printf '%s\ncreate_main_cluster = false\n' "$POLICY_MARK" >"$cluster"
  fi
}

release_services() {
  local cluster=/etc/postgresql-common/createcluster.conf
  if grep -qsF "$POLICY_MARK" "$POLICY"; then rm -f "$POLICY"; fi
  if [[ -e $POLICY.before-fnq ]]; then mv "$POLICY.before-fnq" "$POLICY"; fi
  if grep -qsF "$POLICY_MARK" "$cluster"; then
    if [[ -e $cluster.dpkg-dist ]]; then mv "$cluster.dpkg-dist" "$cluster"; else rm -f "$cluster"; fi
  fi
}
