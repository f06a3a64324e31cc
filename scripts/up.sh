# Starting an instance, or what is missing of it.

RUNTIMES_AT_START=(init python3.13 nodejs20.x provided.al2023)

up() {
  local detached=no port='' begun=$SECONDS
  while (( $# > 0 )); do
    case $1 in
      -d | --detach) detached=yes ;;
      --port) port=${2:-}; shift || true ;;
      --port=*) port=${1#*=} ;;
      *) die "up takes -d and --port N." ;;
    esac
    shift || true
  done
  create_data
  port=${port:-${FNQ_PORT:-$(kept_value "$PORTS_FILE" FNQ_PORT)}}
  port=${port:-9000}
  [[ $port =~ ^[0-9]{1,5}$ && $port -ge 1 && $port -le 65535 ]] || die "not a port: $port"

  lock_instance
  note_what_runs
  if [[ -n $SERVE_BEFORE && $(kept_value "$SERVER_ENV_FILE" FNQ_PORT) != "$port" ]]; then
    die "this instance already runs on port $(kept_value "$SERVER_ENV_FILE" FNQ_PORT): ./fnq down first."
  fi
  choose_servers
  if everything_runs; then
    say "Already running."
    print_next_steps
    unlock_instance
    return 0
  fi
  STARTING=()
  trap stop_what_started EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  start_everything "$port"
  say "Ready after $(( SECONDS - begun )) s."
  print_next_steps
  if [[ $detached == no ]]; then follow_server; fi
  trap - EXIT INT TERM
  unlock_instance
}

# One `up` or `down` of an instance at a time. A foreground `up` gives the lock back once it is ready.
lock_instance() {
  exec {INSTANCE_LOCK}>"$FNQ_DATA/run/lock"
  flock -n "$INSTANCE_LOCK" && return 0
  say "Waiting for another ./fnq up or down of this instance ..."
  flock -w 1800 "$INSTANCE_LOCK" || die "another ./fnq up or down does not end."
}

unlock_instance() {
  exec {INSTANCE_LOCK}>&-
  INSTANCE_LOCK=''
}

note_what_runs() {
  SERVE_BEFORE=$(running_pid fnq || true)
  BROKER_BEFORE=$(broker_pids "$INSTANCE")
  POSTGRES_BEFORE=$(postmaster_pids "$INSTANCE")
}

everything_runs() {
  [[ -n $SERVE_BEFORE ]] || return 1
  [[ $BROKER == given || ( -n $BROKER_BEFORE && $(running_pid rabbitmq) == "$BROKER_BEFORE" ) ]] || return 1
  [[ $DATABASE == given || ( -n $POSTGRES_BEFORE && $(running_pid postgres) == "$POSTGRES_BEFORE" ) ]] || return 1
  server_ready "$(kept_value "$SERVER_ENV_FILE" FNQ_PORT)"
}

start_everything() { # port
  local packages broker='' database=''
  if [[ -z $SERVE_BEFORE ]] && port_answers "$1"; then
    die "port $1 is taken by another program: choose one with --port N or FNQ_PORT."
  fi
  mapfile -t packages < <(missing_packages "$(is_private "$BROKER")" "$(is_private "$DATABASE")")
  install_packages "${packages[@]}"

  # The servers start while the build runs; everything that writes kept values runs before.
  keep_value "$PORTS_FILE" FNQ_PORT "$1"
  keep_environment "$1"
  if [[ $BROKER == private ]]; then
    rabbitmq_start & broker=$!
    STARTING+=("$broker")
  else
    say "Using the broker of FNQ_AMQP_URL."
  fi
  if [[ $DATABASE == private ]]; then
    postgres_start & database=$!
    STARTING+=("$database")
  else
    say "Using the database of FNQ_POSTGRES_URL."
  fi
  if [[ -z $SERVE_BEFORE ]]; then
    build_server
    install_runtimes
  fi
  if [[ -n $database ]]; then wait "$database"; fi
  if [[ -n $broker ]]; then wait "$broker"; fi
  serve_start "$1"
}

is_private() { if [[ $1 == private ]]; then echo yes; else echo no; fi; }

install_runtimes() {
  ( export_resolved; exec "$(dotnet_command)" "$(server_dll)" runtimes install "${RUNTIMES_AT_START[@]}" --if-missing >&2 )
}

serve_start() { # port
  local pid=$SERVE_BEFORE
  if [[ -z $pid ]]; then
    say "Starting fnq serve ..."
    : >>"$FNQ_DATA/log/fnq.log"
    # Secrets reach the server through its environment only: arguments are open to everybody.
    export_resolved
    launch '' "$FNQ_DATA/log/fnq.log" "$(dotnet_command)" "$(server_dll)" serve --roles api,worker,triggers,scheduler
    pid=$launched
    write_pid fnq "$pid" || true
  fi
  if ! wait_until 120 serve_settled "$1" "$pid" || gone "$pid"; then
    show_log_end "$FNQ_DATA/log/fnq.log"
    die "fnq serve did not become ready."
  fi
}

server_ready() { http_ok "$1" /readyz; } # port
serve_settled() { gone "$2" || server_ready "$1"; } # port pid

follow_server() {
  local pid
  pid=$(running_pid fnq)
  unlock_instance
  tail -n 0 -f --pid="$pid" "$FNQ_DATA/log/fnq.log" &
  TAIL=$!
  wait "$TAIL" || true
  say "fnq serve has ended."
  show_log_end "$FNQ_DATA/log/fnq.log"
  exit 1
}

# Ends what this `up` started, and leaves what ran before it.
stop_what_started() {
  local status=$?
  trap '' INT TERM
  if [[ -n ${TAIL:-} ]]; then kill "$TAIL" 2>/dev/null || true; fi
  say "Stopping ..."
  if [[ -z $INSTANCE_LOCK ]]; then lock_instance; fi
  # A server whose start is under way can only be found, and ended, once it has settled.
  if (( ${#STARTING[@]} > 0 )); then wait "${STARTING[@]}" || true; fi
  if [[ -z $SERVE_BEFORE ]]; then serve_stop; fi
  if [[ -z $BROKER_BEFORE ]]; then rabbitmq_stop; fi
  if [[ -z $POSTGRES_BEFORE ]]; then postgres_stop; fi
  exit "$status"
}

print_next_steps() {
  cat <<TEXT
Fnq answers on http://localhost:$(kept_value "$SERVER_ENV_FILE" FNQ_PORT)
  eval "\$(./fnq env)"       # endpoint and keys for the AWS CLI
  aws lambda list-functions --endpoint-url "\$AWS_ENDPOINT_URL"
  ./fnq demo                # a function created, invoked and billed
  ./fnq down                # stops it; the data stays in $FNQ_DATA
TEXT
}
