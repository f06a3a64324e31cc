# Stopping an instance, and telling what of it runs.

down() {
  if (( $# > 0 )); then die "down takes no arguments."; fi
  INSTANCE=$(kept_value "$PORTS_FILE" INSTANCE)
  if [[ -z $INSTANCE ]]; then say "Nothing runs in $FNQ_DATA."; return 0; fi
  mkdir -p "$FNQ_DATA/run"
  lock_instance
  note_what_runs
  if [[ -z $SERVE_BEFORE$BROKER_BEFORE$POSTGRES_BEFORE ]]; then
    forget_pid fnq
    forget_pid rabbitmq
    forget_pid postgres
    say "Nothing runs in $FNQ_DATA."
  else
    say "Stopping ..."
    serve_stop
    rabbitmq_stop
    postgres_stop
    say "Stopped. The data stays in $FNQ_DATA."
  fi
  unlock_instance
}

serve_stop() {
  local pid
  if pid=$(running_pid fnq); then end_process "$pid" TERM 30; fi
  forget_pid fnq
}

status() {
  local name pid
  for name in fnq rabbitmq postgres; do
    if pid=$(running_pid "$name"); then printf '%-9s running, pid %s, port %s\n' "$name" "$pid" "$(port_of "$name")"
    else printf '%-9s not running\n' "$name"; fi
  done
}

port_of() { # name
  case $1 in
    fnq) kept_value "$PORTS_FILE" FNQ_PORT ;;
    rabbitmq) kept_value "$PORTS_FILE" AMQP_PORT ;;
    postgres) kept_value "$PORTS_FILE" POSTGRES_PORT ;;
  esac
}
