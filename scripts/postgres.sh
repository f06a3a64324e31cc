# The private Postgres of an instance: role and database `fnq`, TCP on the loopback only.

postgres_bin() { # data folder of a cluster, which may not exist yet
  local version=''
  if [[ -f $1/PG_VERSION ]]; then version=$(<"$1/PG_VERSION"); fi
  printf '%s\n' /usr/lib/postgresql/${version:-*}/bin | sort -V | tail -n 1
}

# A backend has the arguments of its postmaster until it has set its title.
postmaster_pids() { # instance id
  local pid pids parent
  pids=$(pids_with_argument "--cluster-name=fnq-$1")
  for pid in $pids; do
    parent=$(awk '$1 == "PPid:" { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
    if ! grep -qx -- "${parent:-0}" <<<"$pids"; then printf '%s\n' "$pid"; fi
  done
}

# Backends outlive a killed postmaster for a moment; a new one must not start beside them.
# They carry the cluster's name in their title.
postgres_orphans() {
  local file
  for file in $(grep -lsaF -f - /proc/[0-9]*/cmdline <<<"postgres: fnq-$INSTANCE: " || true); do
    file=${file#/proc/}
    printf '%s\n' "${file%/cmdline}"
  done
}

no_postgres_orphans() { [[ -z $(postgres_orphans) ]]; }

end_postgres_orphans() {
  local pid
  wait_until 5 no_postgres_orphans && return 0
  for pid in $(postgres_orphans); do end_process "$pid" QUIT 5; done
}

postgres_start() {
  local user home cluster bin port pid
  user=$(user_for postgres)
  home=$(service_folder postgres "$user")
  cluster=$home/cluster
  port=$(kept_port POSTGRES_PORT)
  pid=$(postmaster_pids "$INSTANCE")
  if [[ -z $pid ]]; then
    say "Starting Postgres ..."
    end_postgres_orphans
    require_free_port "$port" POSTGRES_PORT
    bin=$(postgres_bin "$cluster")
    if [[ ! -f $cluster/PG_VERSION ]]; then postgres_create "$home" "$bin" "$user"; fi
    # No process of this cluster is left, so what the file says may only be a reused pid.
    rm -f "$cluster/postmaster.pid"
    cd "$home"
    launch "$user" "$FNQ_DATA/log/postgres.log" env -i PATH="$PATH" LANG=C.UTF-8 \
      "$bin/postgres" -D "$cluster" "--cluster-name=fnq-$INSTANCE" -p "$port"
    pid=$launched
    cd "$FNQ_ROOT"
  fi
  write_pid postgres "$pid" || true
  if ! wait_until "${FNQ_START_SECONDS:-60}" postgres_settled "$cluster" "$pid" || gone "$pid"; then
    show_log_end "$FNQ_DATA/log/postgres.log"
    die "Postgres did not start."
  fi
}

# The postmaster writes its state on line 8 of its lock file.
postgres_settled() { # cluster pid
  gone "$2" || [[ $(sed -n 8p "$1/postmaster.pid" 2>/dev/null) == ready* ]]
}

# Made beside its final place and moved when complete, so that an interrupted first start leaves
# nothing half made. The superuser's password is thrown away: nobody needs it, and a function
# platform that speaks to its database as the superuser would hand out the machine's files.
postgres_create() { # home bin user
  local home=$1 bin=$2 user=$3 as=() password
  if [[ -n $user ]]; then as=(setpriv --reuid="$user" --regid="$user" --init-groups); fi
  password=$(kept_or_random "$SECRETS_FILE" POSTGRES_PASSWORD a-zA-Z0-9 32)
  rm -rf "$home/new" "$home/pwfile"
  (umask 077; random_text a-zA-Z0-9 40 >"$home/pwfile")
  if [[ -n $user ]]; then chown "$user" "$home/pwfile"; fi
  cd "$home"
  if ! "${as[@]}" "$bin/initdb" -D "$home/new" -U postgres --pwfile="$home/pwfile" --no-instructions \
      --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync >>"$FNQ_DATA/log/postgres.log" 2>&1; then
    rm -f "$home/pwfile"
    show_log_end "$FNQ_DATA/log/postgres.log"
    die "initdb failed."
  fi
  rm -f "$home/pwfile"
  postgres_settings >>"$home/new/postgresql.conf"
  # Single-user mode takes one statement a line and needs no server.
  printf '%s\n' "CREATE ROLE fnq LOGIN ${POSTGRES_ROLE_OPTIONS:-} PASSWORD '$password'" 'CREATE DATABASE fnq OWNER fnq' |
    "${as[@]}" "$bin/postgres" --single -D "$home/new" postgres >>"$FNQ_DATA/log/postgres.log" 2>&1 ||
    die "cannot create the database: see $FNQ_DATA/log/postgres.log"
  sync -f "$home/new"
  mv "$home/new" "$home/cluster"
  cd "$FNQ_ROOT"
}

postgres_settings() {
  cat <<'CONF'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
wal_compression = on
fsync = on
synchronous_commit = on
log_min_messages = warning
log_line_prefix = '%m [%p] '
CONF
}

postgres_stop() {
  local pid
  for pid in $(postmaster_pids "$INSTANCE"); do
    end_process "$pid" INT 30
  done
  end_postgres_orphans
  forget_pid postgres
}

postgres_url() {
  printf 'postgres://fnq:%s@127.0.0.1:%s/fnq' "$(kept_or_random "$SECRETS_FILE" POSTGRES_PASSWORD a-zA-Z0-9 32)" "$(kept_port POSTGRES_PORT)"
}
