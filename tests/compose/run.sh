#!/usr/bin/env bash
# The proof of docker-compose.yml on a real engine: the image builds, the servers come up, only workers have
# privileges and can make sandboxes with them, the quick start of the README works, workers scale.
# Starts a private engine where none answers and ends it again. Ends with `N passed, N failed`.
#
#   tests/compose/run.sh                  everything
#   tests/compose/run.sh infrastructure   without the quick start
#   FNQ_TEST_KEEP=1                       leaves engine and containers as they are, for a look
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
work=$(mktemp -d)
passed=0 failed=0
engine_was_there=0

say() { printf '%s\n' "$*"; }

check() { # check NAME COMMAND...: one test; its output is shown when it fails
  local name=$1 started=$SECONDS rc
  shift
  # Not as a condition: there bash would go on after a failing line of the test.
  set +e
  (set -e; "$@") >"$work/output" 2>&1
  rc=$?
  set -e
  if ((rc == 0)); then
    passed=$((passed + 1))
    say "ok    $name ($((SECONDS - started)) s)"
  else
    failed=$((failed + 1))
    say "FAIL  $name"
    tail -n 40 "$work/output" | sed 's/^/      /'
  fi
}

finish() {
  local rc=$?
  if [[ ${FNQ_TEST_KEEP:-} == 1 ]]; then return; fi
  if [[ -n ${COMPOSE_PROJECT_NAME:-} ]]; then
    if ((failed > 0 || rc > 0)); then docker compose logs --no-color --no-log-prefix --tail 30 api triggers scheduler worker runtimes setup 2>&1 | sed 's/^/      /' || true; fi
    docker compose --profile '*' down --volumes --remove-orphans --timeout 20 >/dev/null 2>&1 || true
    docker image rm "$FNQ_IMAGE" >/dev/null 2>&1 || true
  fi
  if ((engine_was_there == 0)); then scripts/dockerd.sh stop || true; fi
  rm -rf "$work"
}
trap finish EXIT

free_port() { # a port nobody listens on now
  local port
  for ((port = 20000 + RANDOM % 10000; ; port++)); do
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s' "$port"
      return
    fi
  done
}

eventually() { # eventually SECONDS COMMAND...: polls a condition
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    if ((SECONDS >= deadline)); then return 1; fi
    read -rt 0.5 <> <(:) || true
  done
}

# --- servers -------------------------------------------------------------------------------------------------

broker_greets() { # the published port speaks AMQP: a wrong protocol header is answered with the right one
  local answer
  exec 3<>"/dev/tcp/127.0.0.1/$FNQ_AMQP_PORT"
  printf 'AMQP\0\0\0\0' >&3
  answer=$(timeout 5 head -c 4 <&3)
  exec 3>&-
  [[ $answer == AMQP ]]
}

setting() { docker compose run --rm --no-deps -T --entrypoint cat api /run/fnq-settings/env | sed -n "s/^$1=//p"; }
password() { setting "$1" | sed -E 's#^[a-z]+://[^:]+:([^@]+)@.*#\1#'; }

broker_users() { # each user knows its password and sees its own virtual host only
  docker compose exec -T rabbitmq rabbitmqctl -q authenticate_user fnq "$(password FNQ_PLATFORM_AMQP_URL)"
  docker compose exec -T rabbitmq rabbitmqctl -q authenticate_user user "$(password FNQ_AMQP_URL)"
  if docker compose exec -T rabbitmq rabbitmqctl -q authenticate_user fnq wrong; then return 1; fi
  [[ $(docker compose exec -T rabbitmq rabbitmqctl -q --no-table-headers list_user_permissions user | cut -f1) == users ]]
  [[ $(docker compose exec -T rabbitmq rabbitmqctl -q --no-table-headers list_user_permissions fnq | cut -f1) == fnq ]]
}

database_answers() {
  local url
  url=$(setting FNQ_POSTGRES_URL)
  [[ $(docker compose exec -T postgres psql -At "${url/@postgres:/@localhost:}" -c 'select 6 * 7') == 42 ]]
  if PGCONNECT_TIMEOUT=5 docker compose exec -T postgres psql -At "postgres://fnq:wrong@$(hostname_of postgres):5432/fnq" -c 'select 1'; then return 1; fi
}

hostname_of() { docker compose exec -T "$1" hostname -i | tr -d '\r' | cut -d' ' -f1; }

# --- privileges ----------------------------------------------------------------------------------------------

unprivileged() { # api, triggers and scheduler: not root, no capability, nothing can be gained
  local service seen
  for service in api triggers scheduler; do
    # shellcheck disable=SC2016
    seen=$(docker compose run --rm --no-deps -T --entrypoint sh "$service" -c 'id -u; grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status')
    if [[ $seen != $'10001\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1' ]]; then
      say "$service: $seen"
      return 1
    fi
  done
}

only_workers_gain() { # in the resolved configuration nobody else adds capabilities or devices, nobody is privileged
  docker compose config --format json >"$work/config.json"
  [[ $(jq -r '[.services | to_entries[] | select(.value.cap_add or .value.device_cgroup_rules or .value.devices or .value.privileged) | .key] | join(" ")' "$work/config.json") == worker ]]
  [[ $(jq -r '[.services[] | select(.privileged)] | length' "$work/config.json") == 0 ]]
  [[ $(jq -r '[.services[].ports[]? | select(.host_ip != "127.0.0.1")] | length' "$work/config.json") == 0 ]]
}

sandboxes() { # sandboxes [compose options]: the image's own files serve as a root file system
  # shellcheck disable=SC2016
  docker compose "$@" run --rm --no-deps -T -v "$here/sandbox.sh:/sandbox.sh:ro" worker with-sandboxes \
    bash -c 'mkdir -p /var/task /mnt/rootfs && mount --bind / /mnt/rootfs && exec bash /sandbox.sh crun /mnt/rootfs'
}

no_spare_capability() { # with any one of them taken away something of sandbox.sh fails
  local capability spare=0
  docker compose config --format json >"$work/config.json"
  for capability in $(jq -r '.services.worker.cap_add[]' "$work/config.json"); do
    jq -r --arg without "$capability" \
      '"services:\n  worker:\n    cap_add: !override " + ([.services.worker.cap_add[] | select(. != $without)] | tojson)' \
      "$work/config.json" >"$work/less.yml"
    if sandboxes -f docker-compose.yml -f "$work/less.yml" >"$work/less.out" 2>&1; then
      say "not needed: $capability"
      spare=1
    fi
    say "without $capability: $(grep -m 1 -E '^no |not permitted|denied' "$work/less.out" || tail -n 1 "$work/less.out")"
  done
  return "$spare"
}

# --- quick start ---------------------------------------------------------------------------------------------

# The first AWS CLI of version 2: an older one in front of it on the PATH does not know its options.
aws_cli() {
  local candidate
  for candidate in aws /usr/local/bin/aws /usr/bin/aws; do
    if [[ $("$candidate" --version 2>&1) == aws-cli/2* ]]; then
      printf '%s' "$candidate"
      return
    fi
  done
  say "no AWS CLI of version 2 is installed" >&2
  return 1
}

call() { "$(aws_cli)" --endpoint-url "http://127.0.0.1:$FNQ_PORT" --region us-east-1 --output json --cli-read-timeout 120 "$@"; }

all_up() {
  docker compose up -d
  eventually 180 services_healthy "$1"
}

services_healthy() { # services_healthy WORKERS
  local states
  states=$(docker compose ps --format json | jq -rs 'flatten | .[] | "\(.Service) \(.Health)"') || return 1
  [[ $(grep -c '^worker healthy$' <<<"$states") == "$1" ]] &&
    ! grep -vE ' healthy$' <<<"$states" &&
    [[ $(grep -cE '^(api|triggers|scheduler) healthy$' <<<"$states") == 3 ]]
}

read_env() {
  docker compose exec -T api fnq env >"$work/env"
  cut -d= -f1 "$work/env"
  # shellcheck disable=SC1091
  source "$work/env" # our own program's output, as the README has it
  [[ $AWS_ENDPOINT_URL == *":$FNQ_PORT" && -n $AWS_ACCESS_KEY_ID && -n $AWS_SECRET_ACCESS_KEY ]]
}

hello=(--runtime python3.13 --handler lambda_function.lambda_handler --memory-size 256 --timeout 10
  --role arn:aws:iam::123456789012:role/lambda-basic-exec --zip-file "fileb://$work/function.zip")

create() {
  cat >"$work/lambda_function.py" <<'PY'
import os

def lambda_handler(event, context):
    print("greets", event["name"])
    return {"message": "Hello " + event["name"], "uid": os.getuid()}
PY
  (cd "$work" && zip -q function.zip lambda_function.py)
  call lambda create-function "${hello[@]}" --function-name hello-1
  call lambda wait function-active-v2 --function-name hello-1
}

invoke() { # invoke FUNCTION
  call lambda invoke --function-name "$1" --payload '{"name":"DevCraftly"}' \
    --cli-binary-format raw-in-base64-out "$work/response.json" | tee "$work/answer.json"
  cat "$work/response.json"
  [[ $(jq -r .StatusCode "$work/answer.json") == 200 && $(jq -r '.FunctionError // "none"' "$work/answer.json") == none ]]
  [[ $(jq -r .message "$work/response.json") == 'Hello DevCraftly' && $(jq -r .uid "$work/response.json") != 0 ]]
}

scale() {
  docker compose up -d --scale worker=3 --no-recreate
  eventually 120 services_healthy 3
}

restart_keeps() { # passwords, keys, the broker's data and the function survive down and up
  local before
  before=$(setting FNQ_PLATFORM_AMQP_URL)
  docker compose exec -T rabbitmq rabbitmqctl -q add_vhost kept
  docker compose down --timeout 30
  all_up 2
  [[ -n $before && $(setting FNQ_PLATFORM_AMQP_URL) == "$before" ]]
  [[ $(docker compose exec -T rabbitmq rabbitmqctl -q --no-table-headers list_vhosts) == *kept* ]]
  invoke hello-1
}

# A message for a function without a lane goes to the workers in turn, so several new functions reach both.
both_workers() {
  local number running=() process
  for number in 2 3 4; do call lambda create-function "${hello[@]}" --function-name "hello-$number" & running+=($!); done
  for process in "${running[@]}"; do wait "$process"; done
  for number in 2 3 4; do call lambda wait function-active-v2 --function-name "hello-$number"; done
  for number in 2 3 4; do invoke "hello-$number"; done
  eventually 30 records_of_workers 2
}

records_of_workers() { # from the billing records
  local url
  url=$(setting FNQ_POSTGRES_URL)
  [[ $(docker compose exec -T postgres psql -At "${url/@postgres:/@localhost:}" -c 'select count(distinct worker) from invocation_records') == "$1" ]]
}

usage_is_there() { # one run of each function so far
  [[ $(docker compose exec -T api fnq usage --json | jq -c '[.[] | {function, invocations}] | sort_by(.function) | map(.invocations)') == '[1,1,1,1]' ]]
}

logs_are_there() {
  docker compose exec -T worker fnq logs hello-1 >"$work/logs"
  cat "$work/logs"
  grep -q '^[^ ]* REPORT RequestId: .*Max Memory Used: ' "$work/logs" && grep -q 'greets DevCraftly' "$work/logs"
}

workers_share_memory() { # what all workers may use together fits the machine with one worker more
  local logs share total
  logs=$(docker compose logs --no-color worker)
  [[ $logs =~ worker\ memory=([0-9]+) ]]
  share=${BASH_REMATCH[1]}
  total=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
  say "$share of $total MiB a worker"
  ((share > 0 && share * 3 <= total))
}

nothing_left() { # containers, networks, volumes, control groups
  local containers label=label=com.docker.compose.project=$COMPOSE_PROJECT_NAME
  containers=$(docker compose ps -aq --no-trunc)
  [[ -n $containers ]]
  docker compose down --volumes --timeout 30
  [[ -z $(docker container ls --all --quiet --filter "$label") ]]
  [[ -z $(docker network ls --quiet --filter "$label") ]]
  [[ -z $(docker volume ls --quiet --filter "$label") ]]
  find /sys/fs/cgroup -type d >"$work/cgroups"
  ! grep -F "$containers" "$work/cgroups"
}

# --- run -----------------------------------------------------------------------------------------------------

if scripts/dockerd.sh status 2>/dev/null; then engine_was_there=1; fi
exports=$(scripts/dockerd.sh start)
eval "$exports"
exports=$(scripts/images.sh env)
eval "$exports"
export COMPOSE_PROJECT_NAME=fnq-test-$$ FNQ_IMAGE=fnq:test-$$
FNQ_PORT=$(free_port)
FNQ_AMQP_PORT=$(free_port)
export FNQ_PORT FNQ_AMQP_PORT
unset FNQ_ACCESS_KEY_ID FNQ_SECRET_ACCESS_KEY

check "the image builds" docker compose build
check "only workers have privileges, ports are on loopback" only_workers_gain
if [[ ${1:-} == infrastructure ]]; then
  check "RabbitMQ and Postgres become healthy" docker compose up -d --wait rabbitmq postgres
else
  check "docker compose up -d brings up two workers" all_up 2
fi
check "the broker answers on its published port" broker_greets
check "broker users see their own virtual host only" broker_users
check "the database takes the generated password only" database_answers
check "api, triggers and scheduler run without privileges" unprivileged
check "a worker makes sandboxes" sandboxes
check "a worker has no capability to spare" no_spare_capability
if [[ ${1:-} != infrastructure ]]; then
  check "workers share the machine's memory" workers_share_memory
  check "fnq env prints credentials and the published port" read_env
  # shellcheck disable=SC1091
  if [[ -s $work/env ]]; then source "$work/env"; fi
  check "create-function, wait active" create
  check "invoke" invoke hello-1
  check "functions run on both workers" both_workers
  check "fnq usage in a container" usage_is_there
  check "fnq logs in a container" logs_are_there
  check "--scale worker=3" scale
  check "invoke with three workers" invoke hello-1
  check "down and up keeps function, data and passwords" restart_keeps
  check "down -v leaves nothing" nothing_left
fi
say "$passed passed, $failed failed"
((failed == 0))
