# The private RabbitMQ of an instance: virtual host `users` for the users' queues and `fnq` for the
# platform's, a user for each, listening on the loopback only. Works with 3.10 and 4.x.

broker_script() {
  local script
  for script in /usr/lib/rabbitmq/bin/rabbitmq-server /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server; do
    if [[ -x $script ]]; then printf '%s' "$script"; return 0; fi
  done
  command -v rabbitmq-server
}

broker_pids() { # instance id
  local pid
  for pid in $(pids_with_argument "fnq-$1@localhost"); do
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == beam* ]]; then printf '%s\n' "$pid"; fi
  done
}

rabbitmq_start() {
  local user home port pid
  user=$(user_for rabbitmq)
  home=$(service_folder rabbitmq "$user")
  port=$(kept_port AMQP_PORT)
  pid=$(broker_pids "$INSTANCE")
  if [[ -z $pid ]]; then
    say "Starting RabbitMQ ..."
    require_free_port "$port" AMQP_PORT
    require_free_port "$(kept_port BROKER_NODE_PORT)" BROKER_NODE_PORT
    broker_files "$home" "$port" "$user"
    cd "$home"
    broker_launch "$home" "$user"
    pid=$launched
    cd "$FNQ_ROOT"
  fi
  if ! wait_until "${FNQ_START_SECONDS:-120}" broker_settled "$port" "$pid" || gone "$pid"; then
    show_log_end "$FNQ_DATA/log/rabbitmq.log"
    show_log_end "$home/log/rabbitmq.log"
    die "RabbitMQ did not start."
  fi
  write_pid rabbitmq "$pid"
}

# An epmd of our own on its own port, in its environment: the broker restarts it with the same
# environment when it dies, so that is what tells it from others.
epmd_pids() {
  local file pid
  for file in $(grep -lsxzF -f - /proc/[0-9]*/environ <<<"ERL_EPMD_PORT=$(kept_value "$PORTS_FILE" EPMD_PORT)" || true); do
    pid=${file#/proc/}
    pid=${pid%/environ}
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == epmd ]]; then printf '%s\n' "$pid"; fi
  done
}

epmd_launch() { # home user
  local port
  port=$(kept_port EPMD_PORT)
  if [[ -n $(epmd_pids) ]]; then return 0; fi
  require_free_port "$port" EPMD_PORT
  launch "$2" "$FNQ_DATA/log/rabbitmq.log" env -i PATH="$PATH" HOME="$1" \
    ERL_EPMD_PORT="$port" ERL_EPMD_ADDRESS=127.0.0.1 epmd
  wait_until "${FNQ_START_SECONDS:-10}" port_answers "$port" || die "epmd did not start."
}

# With its name on the command line the node starts distributed, which spares the broker the
# second Erlang VM that it would start to find epmd. `detached` makes the start script become
# beam.smp itself.
broker_launch() { # home user
  local home=$1 user=$2 node="fnq-$INSTANCE@localhost" node_port
  epmd_launch "$home" "$user"
  node_port=$(kept_port BROKER_NODE_PORT)
  launch "$user" "$FNQ_DATA/log/rabbitmq.log" env -i PATH="$PATH" LANG=C.UTF-8 HOME="$home" detached=true \
    ERL_EPMD_PORT="$(kept_port EPMD_PORT)" ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_NODENAME="$node" RABBITMQ_DIST_PORT="$node_port" \
    RABBITMQ_CONF_ENV_FILE="$home/rabbitmq-env.conf" RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf" \
    RABBITMQ_CONFIG_FILES="$home/conf.d" RABBITMQ_ADVANCED_CONFIG_FILE="$home/advanced.config" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$home/enabled_plugins" RABBITMQ_GENERATED_CONFIG_DIR="$home/generated" \
    RABBITMQ_MNESIA_BASE="$home/data" RABBITMQ_LOG_BASE="$home/log" RABBITMQ_PID_FILE="$home/pid" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-sname $node -start_epmd false -kernel inet_dist_use_interface {127,0,0,1} -kernel inet_dist_listen_min $node_port -kernel inet_dist_listen_max $node_port" \
    "$(broker_script)"
}

broker_files() { # home port user
  local home=$1 port=$2 user=$3
  mkdir -p "$home/conf.d" "$home/data" "$home/log" "$home/generated"
  (
    umask 077
    if [[ ! -s $home/.erlang.cookie ]]; then random_text A-Z 40 >"$home/.erlang.cookie"; fi
    chmod 0600 "$home/.erlang.cookie"
    : >"$home/rabbitmq-env.conf"
    printf '[].\n' >"$home/enabled_plugins"
    printf '[].\n' >"$home/advanced.config"
    broker_settings "$home" "$port" >"$home/rabbitmq.conf"
    broker_definitions >"$home/definitions.json"
  )
  if [[ -n $user ]]; then chown -R "$user:$user" "$home"; fi
}

broker_settings() { # home port
  cat <<CONF
listeners.tcp.default = 127.0.0.1:$2
load_definitions = $1/definitions.json
log.file = rabbitmq.log
log.file.level = info
log.file.rotation.size = 10485760
log.file.rotation.count = 3
log.console = false
CONF
}

# Users and virtual hosts come with the start: rabbitmqctl would cost seconds a call.
broker_definitions() {
  local users platform tags=${BROKER_USER_TAGS:-}
  users=$(kept_or_random "$SECRETS_FILE" AMQP_PASSWORD a-zA-Z0-9 32)
  platform=$(kept_or_random "$SECRETS_FILE" PLATFORM_AMQP_PASSWORD a-zA-Z0-9 32)
  cat <<JSON
{
  "users": [
    {"name": "fnq-users", "password_hash": "$(broker_hash "$users")", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": "$tags", "limits": {}},
    {"name": "fnq-platform", "password_hash": "$(broker_hash "$platform")", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": "", "limits": {}}
  ],
  "vhosts": [{"name": "users"}, {"name": "fnq"}],
  "permissions": [
    {"user": "fnq-users", "vhost": "users", "configure": ".*", "write": ".*", "read": ".*"},
    {"user": "fnq-platform", "vhost": "fnq", "configure": ".*", "write": ".*", "read": ".*"}
  ]
}
JSON
}

# RabbitMQ's form: base64 of a 4-byte salt and the SHA-256 of salt and password.
broker_hash() { # password
  local salt digest
  salt=$(random_text 0-9a-f 8)
  digest=$({ bytes "$salt"; printf '%s' "$1"; } | sha256sum)
  bytes "$salt${digest%% *}" | base64 -w 0
}

bytes() { # hex
  local hex=$1 i
  for (( i = 0; i < ${#hex}; i += 2 )); do printf '%b' "\\x${hex:i:2}"; done
}

broker_settled() { gone "$2" || broker_answers "$1"; } # port pid

# Ready when the AMQP handshake gets its Connection.Start, a method frame (type 1).
broker_answers() { # port
  local type=''
  {
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'AMQP\0\0\11\1' >&3
    IFS= read -r -t 2 -N 1 type <&3 || true
    exec 3>&-
  } 2>/dev/null || return 1
  [[ $type == $'\1' ]]
}

rabbitmq_stop() {
  local pid
  for pid in $(broker_pids "$INSTANCE"); do
    end_process "$pid" TERM 30
  done
  for pid in $(epmd_pids); do
    end_process "$pid" TERM 5
  done
  forget_pid rabbitmq
}

amqp_url() {
  printf 'amqp://fnq-users:%s@127.0.0.1:%s/users' "$(kept_or_random "$SECRETS_FILE" AMQP_PASSWORD a-zA-Z0-9 32)" "$(kept_port AMQP_PORT)"
}

platform_amqp_url() {
  printf 'amqp://fnq-platform:%s@127.0.0.1:%s/fnq' "$(kept_or_random "$SECRETS_FILE" PLATFORM_AMQP_PASSWORD a-zA-Z0-9 32)" "$(kept_port AMQP_PORT)"
}

# rabbitmqctl for this broker: as root it would otherwise look for the system's.
broker_control() { # rabbitmqctl arguments
  local home user as=() control
  user=$(user_for rabbitmq)
  home=$(realpath -- "$FNQ_DATA/rabbitmq")
  control=$(dirname -- "$(broker_script)")/rabbitmqctl
  if [[ -n $user ]]; then as=(setpriv --reuid="$user" --regid="$user" --init-groups); fi
  cd "$home"
  env -i PATH="$PATH" LANG=C.UTF-8 HOME="$home" RABBITMQ_CONF_ENV_FILE="$home/rabbitmq-env.conf" \
    RABBITMQ_NODENAME="fnq-$INSTANCE@localhost" \
    ERL_EPMD_PORT="$(kept_port EPMD_PORT)" ERL_EPMD_ADDRESS=127.0.0.1 \
    "${as[@]}" "$control" "$@"
}
