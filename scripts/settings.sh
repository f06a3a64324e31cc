# Where the instance lives and the values it keeps between starts.

# Progress goes to stderr: what a verb prints on stdout may be read by a program.
say() { printf '%s\n' "$*" >&2; }
die() { printf 'fnq: %s\n' "$*" >&2; exit 1; }

# Small KEY=value files, mode 0600, read line by line and never sourced.
kept_value() { # file key
  local line
  [[ -r $1 ]] || return 0
  while IFS= read -r line; do
    if [[ $line == "$2="* ]]; then printf '%s' "${line#*=}"; return 0; fi
  done <"$1"
}

keep_value() { # file key value
  local lock
  exec {lock}>>"$1.lock"
  flock "$lock"
  (
    umask 077
    { if [[ -f $1 ]]; then grep -v "^$2=" "$1" || true; fi; printf '%s=%s\n' "$2" "$3"; } >"$1.new"
  )
  mv "$1.new" "$1"
  exec {lock}>&-
}

random_text() { # alphabet length
  local LC_ALL=C text=''
  while (( ${#text} < $2 )); do
    text+=$(head -c 256 /dev/urandom | tr -dc "$1")
  done
  printf '%s' "${text:0:$2}"
}

kept_or_random() { # file key alphabet length
  local value
  value=$(kept_value "$1" "$2")
  if [[ -z $value ]]; then
    value=$(random_text "$3" "$4")
    keep_value "$1" "$2" "$value"
  fi
  printf '%s' "$value"
}

# Sets FNQ_DATA to an absolute path and names the files in it; creates nothing.
locate_data() {
  FNQ_DATA=$(realpath -m -- "${FNQ_DATA:-$FNQ_ROOT/.fnq}")
  export FNQ_DATA
  PORTS_FILE=$FNQ_DATA/ports
  SECRETS_FILE=$FNQ_DATA/secrets
  CREDENTIALS_FILE=$FNQ_DATA/credentials
  SERVER_ENV_FILE=$FNQ_DATA/environment
}

# Creates the data folder. The instance id, not the path, names the broker's node and the
# database's cluster, so that the folder may be moved.
create_data() {
  mkdir -p "$FNQ_DATA/run" "$FNQ_DATA/log"
  chmod 0700 "$FNQ_DATA/log"
  INSTANCE=$(kept_value "$PORTS_FILE" INSTANCE)
  if [[ -z $INSTANCE ]]; then
    INSTANCE=$(kept_or_random "$PORTS_FILE" INSTANCE 0-9a-f 8)
    clear_abandoned_places
  fi
}

# The folder of a server that runs as another user than root (initdb refuses root). Where that
# user cannot reach the data folder (a parent of mode 0700, such as /root), the server's files lie
# in /var/lib/fnq/<instance id> and the data folder holds a link to them. Removing the data folder
# then leaves them behind; the next `up` on the same path clears them away. Folders of other paths
# are left alone: their owner may lie on a disk that is not mounted now.
service_folder() { # name user
  local link=$FNQ_DATA/$1 place=/var/lib/fnq/$INSTANCE
  if [[ ! -d $link ]]; then
    if (( EUID != 0 )) || [[ -z $2 ]]; then
      mkdir -m 0700 "$link"
    elif setpriv --reuid="$2" --regid="$2" --init-groups test -x "$FNQ_DATA"; then
      install -d -m 0700 -o "$2" -g "$2" "$link"
    else
      install -d -m 0711 /var/lib/fnq "$place"
      printf '%s\n' "$FNQ_DATA" >"$place/owner"
      install -d -m 0700 -o "$2" -g "$2" "$place/$1"
      ln -sfn "$place/$1" "$link"
    fi
  fi
  realpath -- "$link"
}

clear_abandoned_places() {
  local owner place
  for owner in /var/lib/fnq/*/owner; do
    place=${owner%/owner}
    [[ -f $owner && $(<"$owner") == "$FNQ_DATA" ]] || continue
    say "Removing $place: its data folder was deleted and created again."
    end_processes_of_place "$place"
    rm -rf -- "$place"
  done
}

user_for() { # name: the system user a server runs as, empty for ourselves
  if (( EUID == 0 )) && getent passwd "$1" >/dev/null; then printf '%s' "$1"; fi
}
