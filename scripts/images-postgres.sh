#!/bin/bash
# Entry point of fnq-local/postgres. Behaves as the public postgres image where Fnq and Testcontainers use it:
# POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB (each also as ..._FILE), PGDATA, server options as the command.
# The server listens on TCP only when the database is set up.
set -euo pipefail

value_of() { # value_of NAME DEFAULT, from NAME or from the file that NAME_FILE names
  local file=${1}_FILE
  if [[ -n ${!file:-} ]]; then cat "${!file}"; else printf '%s' "${!1:-$2}"; fi
}

if [[ ${1:-} == -* ]]; then set -- postgres "$@"; fi
if [[ ${1:-} != postgres ]]; then exec "$@"; fi
shift

run=()
if [[ $(id -u) == 0 ]]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chown -R postgres:postgres "$PGDATA" /var/run/postgresql
  chmod 0700 "$PGDATA"
  run=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi

if [[ ! -s $PGDATA/PG_VERSION ]]; then
  user=$(value_of POSTGRES_USER postgres)
  password=$(value_of POSTGRES_PASSWORD '')
  database=$(value_of POSTGRES_DB "$user")
  if [[ -z $password ]]; then
    echo 'POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE is needed' >&2
    exit 1
  fi
  # The command's own process substitution belongs to root; the password goes through a file of the other user.
  pwfile=$(mktemp)
  printf '%s' "$password" >"$pwfile"
  if [[ $(id -u) == 0 ]]; then chown postgres "$pwfile"; fi
  # A half-made cluster from an interrupted first start would stop initdb for ever.
  find "$PGDATA" -mindepth 1 -delete
  "${run[@]}" initdb --pgdata "$PGDATA" --username "$user" --pwfile "$pwfile" --encoding UTF8 \
    --auth-local trust --auth-host scram-sha-256 >/dev/null
  rm -f "$pwfile"
  printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  if [[ $database != postgres ]]; then
    "${run[@]}" pg_ctl --pgdata "$PGDATA" --wait --silent --options "-c listen_addresses=''" start >/dev/null
    "${run[@]}" createdb --username "$user" "$database"
    "${run[@]}" pg_ctl --pgdata "$PGDATA" --wait --silent --mode fast stop >/dev/null
  fi
fi

exec "${run[@]}" postgres -c listen_addresses='*' "$@"
