#!/usr/bin/env bash
# Tests of the start script's private servers on real processes: start and stop, kill -9 and mend,
# data kept, two instances side by side, nothing left. Ends with `N passed, N failed`.
set -euo pipefail

ROOT=$(dirname -- "$(dirname -- "$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")")")
SERVERS=$ROOT/scripts/servers.sh
PASSED=0
FAILED=0
WORK=$(mktemp -d /tmp/fnq-script-test.XXXXXX)
chmod 0755 "$WORK"
# shellcheck disable=SC2329 # called by the trap
finish() {
  local folder
  for folder in "$WORK"/one "$WORK"/two "$WORK"/closed/one; do
    if [[ -f $folder/ports ]]; then "$SERVERS" stop "$folder" || true; fi
  done
  if [[ -L $WORK/closed/one/postgres ]]; then
    rm -rf -- "$(dirname -- "$(realpath -- "$WORK/closed/one/postgres")")"
  fi
  rm -rf -- "$WORK"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

check() { # sentence command...
  local sentence=$1
  shift
  if "$@" >"$WORK/output" 2>&1; then
    PASSED=$(( PASSED + 1 ))
    printf 'passed: %s\n' "$sentence"
  else
    FAILED=$(( FAILED + 1 ))
    printf 'FAILED: %s\n' "$sentence"
    sed 's/^/  /' "$WORK/output"
  fi
}

value() { sed -n "s/^$2=//p" "$1"; } # file key
pid_of() { cat "$1/run/$2.pid"; } # folder name
url() { "$SERVERS" env "$1" | sed -n "s/^$2=//p"; } # folder name
sql() { psql -X -q -t -A -v ON_ERROR_STOP=1 "$(url "$1" FNQ_TEST_POSTGRES_URL)" -c "$2"; } # folder statement
broker() { "$SERVERS" rabbitmqctl "$@"; } # folder arguments
is() { [[ $1 == "$2" ]] || { printf 'expected %s, got %s\n' "$2" "$1"; return 1; }; }
command_is() { [[ $(<"/proc/$1/comm") == "$2" ]]; } # pid name
lives() { [[ -e /proc/$1/cmdline && -n $(tr -d '\0' <"/proc/$1/cmdline") ]]; } # pid, zombies have no command line
fails() { ! "$@"; }

# Processes that belong to a folder's instance, by what their command line or environment says.
processes_of() { # folder
  local id
  id=$(value "$1/ports" INSTANCE)
  grep -lsaF -f - /proc/[0-9]*/cmdline <<<"fnq-$id" || true
  grep -lsxzF -f - /proc/[0-9]*/environ <<<"ERL_EPMD_PORT=$(value "$1/ports" EPMD_PORT)" || true
}

started_with_pipe() { timeout 120 bash -c '"$1" start "$2" 2>&1 | cat' _ "$SERVERS" "$1"; }

kill_hard() { # folder name
  local pid
  pid=$(pid_of "$1" "$2")
  kill -9 "$pid"
  while lives "$pid"; do sleep 0.02; done
}

mended() { # folder name: killed, started again, another pid, which lives
  local before after
  before=$(pid_of "$1" "$2")
  kill_hard "$1" "$2"
  "$SERVERS" start "$1"
  after=$(pid_of "$1" "$2")
  [[ $after != "$before" ]] && lives "$after"
}

unchanged_by_start() { # folder
  local before
  before="$(pid_of "$1" postgres) $(pid_of "$1" rabbitmq) $(<"$1/ports")"
  "$SERVERS" start "$1"
  is "$(pid_of "$1" postgres) $(pid_of "$1" rabbitmq) $(<"$1/ports")" "$before"
}

# A quorum queue: its log is on disk moments after the publish, which is what a kill -9 must keep.
declare_and_fill() { # folder
  broker "$1" -q eval '
    Name = rabbit_misc:r(<<"users">>, queue, <<"kept">>),
    Quorum = [{<<"x-queue-type">>, longstr, <<"quorum">>}],
    {new, _} = rabbit_amqqueue:declare(Name, true, false, Quorum, none, <<"test">>),
    Exchange = rabbit_misc:r(<<"users">>, exchange, <<"">>),
    Message = case rabbit_basic:message(Exchange, <<"kept">>, [{delivery_mode, 2}], <<"body">>) of {ok, M} -> M; M -> M end,
    rabbit_basic:publish(rabbit_basic:delivery(false, false, Message, undefined)).'
}

has_the_message() { # folder
  local deadline=$(( SECONDS + 20 ))
  until [[ $(broker "$1" -q eval 'rabbit_amqqueue:info_all(<<"users">>, [name, messages]).') == *'{messages,1}'* ]]; do
    (( SECONDS < deadline )) || return 1
  done
}

ONE=$WORK/one TWO=$WORK/two CLOSED=$WORK/closed/one

check "a start returns to a caller that reads a pipe" started_with_pipe "$ONE"
check "rabbitmq.pid is beam.smp itself" command_is "$(pid_of "$ONE" rabbitmq)" beam.smp
check "postgres.pid is the postmaster itself" is "$(head -n 1 "$ONE/postgres/cluster/postmaster.pid")" "$(pid_of "$ONE" postgres)"
check "the database answers with its generated password" is "$(sql "$ONE" 'select current_user')" fnq
check "another password is refused" fails psql -X "$(url "$ONE" FNQ_TEST_POSTGRES_URL | sed 's/:[^:@]*@/:wrong@/')" -c 'select 1'
check "the users' user has nothing on the platform's virtual host" fails grep -q '^fnq-users' <(broker "$ONE" -q list_permissions -p fnq)
check "the broker knows the generated password" broker "$ONE" authenticate_user fnq-users \
  "$(url "$ONE" FNQ_TEST_AMQP_URL | sed -E 's|.*:([^:@]*)@.*|\1|')"
check "passwords lie in a file of mode 0600" is "$(stat -c %a "$ONE/secrets")" 600
check "no password is an argument of a process" fails grep -lsaF -f <(value "$ONE/secrets" POSTGRES_PASSWORD; value "$ONE/secrets" AMQP_PASSWORD) /proc/[0-9]*/cmdline
check "a second start changes nothing" unchanged_by_start "$ONE"

sql "$ONE" 'create table kept (n int); insert into kept values (42)'
check "a durable queue takes a message" declare_and_fill "$ONE"
check "the message is in the queue" has_the_message "$ONE"
check "a killed postmaster is mended" mended "$ONE" postgres
check "the rows are still there" is "$(sql "$ONE" 'select n from kept')" 42
check "a killed broker is mended" mended "$ONE" rabbitmq
check "the message is still there" has_the_message "$ONE"

check "a second instance starts beside the first" "$SERVERS" start "$TWO"
check "the first instance runs on" is "$(sql "$ONE" 'select n from kept')" 42
check "their ports differ" fails grep -qxF -f <(grep PORT "$ONE/ports" | sed 's/.*=/=/') <(grep PORT "$TWO/ports" | sed 's/.*=/=/')
check "the second stops" "$SERVERS" stop "$TWO"
check "nothing of the second is left" is "$(processes_of "$TWO")" ''
check "stopping the second leaves the first" lives "$(pid_of "$ONE" rabbitmq)"

check "the first stops" "$SERVERS" stop "$ONE"
check "nothing of the first is left" is "$(processes_of "$ONE")" ''
check "no pid file is left" is "$(ls "$ONE/run")" ''
check "a start after a stop finds its data and ports" "$SERVERS" start "$ONE"
check "the rows are there after the stop" is "$(sql "$ONE" 'select n from kept')" 42
check "the message is there after the stop" has_the_message "$ONE"
"$SERVERS" stop "$ONE"

if (( EUID == 0 )); then
  mkdir -m 0700 "$WORK/closed"
  check "a data folder that only root can enter works" "$SERVERS" start "$CLOSED"
  check "its database answers" is "$(sql "$CLOSED" 'select 1')" 1
  check "it stops" "$SERVERS" stop "$CLOSED"
fi

printf '%s passed, %s failed\n' "$PASSED" "$FAILED"
(( FAILED == 0 ))
