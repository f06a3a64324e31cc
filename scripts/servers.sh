#!/usr/bin/env bash
# Private RabbitMQ and Postgres without Fnq, for tests: servers.sh start|stop|env|rabbitmqctl FOLDER [ARGS].
# The broker's user is an administrator and the database role may create databases.
set -euo pipefail
umask 022

FNQ_ROOT=$(dirname -- "$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")")
for part in settings process ports packages postgres rabbitmq env; do
  # shellcheck source=/dev/null
  source "$FNQ_ROOT/scripts/$part.sh"
done

servers_start() {
  local broker database
  create_data
  # shellcheck disable=SC2034 # read by postgres.sh and rabbitmq.sh
  POSTGRES_ROLE_OPTIONS=CREATEDB BROKER_USER_TAGS=administrator
  rabbitmq_start & broker=$!
  postgres_start & database=$!
  wait "$database"
  wait "$broker"
}

servers_env() {
  printf 'FNQ_TEST_AMQP_URL=%s\nFNQ_TEST_PLATFORM_AMQP_URL=%s\nFNQ_TEST_POSTGRES_URL=%s\n' \
    "$(amqp_url)" "$(platform_amqp_url)" "$(postgres_url)"
}

command=${1:-}
FNQ_DATA=${2:?usage: servers.sh start|stop|env|rabbitmqctl FOLDER [ARGS]}
shift 2
locate_data
INSTANCE=$(kept_value "$PORTS_FILE" INSTANCE)
case $command in
  start) servers_start ;;
  stop)
    rabbitmq_stop
    postgres_stop
    ;;
  env) servers_env ;;
  rabbitmqctl) broker_control "$@" ;;
  *) die "usage: servers.sh start|stop|env|rabbitmqctl FOLDER [ARGS]" ;;
esac
