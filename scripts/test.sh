# Every test suite, one after another; the last line is `N passed, N failed`.

run_tests() {
  PASSED=0 FAILED=0 SKIPPED=0 LATE=() FILTER='' GUEST='' TEST_RUNTIMES=(python3.13 nodejs20.x provided.al2023)
  while (( $# > 0 )); do
    case $1 in
      --long) export FNQ_TEST_LONG=1 TEST_RUNTIMES=(python3.13 nodejs20.x nodejs22.x provided.al2023) ;;
      --guest) GUEST=yes ;;
      --filter) FILTER=${2:?--filter takes a part of a test name}; shift ;;
      --filter=*) FILTER=${1#*=} ;;
      *) die "test takes --long, --guest and --filter X." ;;
    esac
    shift
  done
  mkdir -p "$FNQ_DATA/run" "$FNQ_DATA/log"
  TEST_DATA=$FNQ_DATA/test-$$
  trap end_test_servers EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  local packages
  mapfile -t packages < <(missing_packages yes yes; missing_test_packages; missing_vm_packages)
  install_packages "${packages[@]}"
  timed "The build" build_all
  timed "The runtimes" build_runtimes
  dotnet_suite Fnq.Tests
  # The same folder: what is built there is tested, used by the integration tests and by the containers.
  FNQ_TEST_RUNTIME_NAMES="${TEST_RUNTIMES[*]}" script_suite src/runtimes/tests/run.sh "$FNQ_TEST_RUNTIMES"
  integration_suite
  script_suite tests/script/run.sh
  container_suites
  if [[ -n $GUEST ]]; then vm_suite; fi
  report_totals
}

timed() { # what command...
  local begun=$SECONDS what=$1 status
  shift
  "$@"
  status=$?
  say "== $what: $(( SECONDS - begun )) s"
  return "$status"
}

# A runtime that is there already is kept; building one takes half a minute.
build_runtimes() {
  local name
  export FNQ_TEST_RUNTIMES=${FNQ_TEST_RUNTIMES:-$FNQ_DATA/runtimes}
  for name in init "${TEST_RUNTIMES[@]}"; do
    if [[ -e $FNQ_TEST_RUNTIMES/$name ]]; then continue; fi
    say "Building the runtime $name ..."
    if ! build_runtime "$name" </dev/null >"$FNQ_DATA/log/runtime-$name.log" 2>&1; then
      show_log_end "$FNQ_DATA/log/runtime-$name.log"
      crashed "the build of the runtime $name" 1
    fi
  done
}

build_runtime() { # name
  local target=$FNQ_TEST_RUNTIMES/$1
  mkdir -p "$FNQ_TEST_RUNTIMES"
  if [[ $1 == init ]]; then target=$FNQ_TEST_RUNTIMES; fi
  "$FNQ_ROOT/src/runtimes/build.sh" "$1" "$target"
}

# Containers and the compose proof, on the engine that answers or on a private one that is ended afterwards.
container_suites() {
  local exports reason
  [[ -z $FILTER ]] || return 0
  say "== The Docker engine"
  export FNQ_DOCKER_DIR=${FNQ_DOCKER_DIR:-$FNQ_DATA/docker}
  if ! "$FNQ_ROOT/scripts/dockerd.sh" status 2>/dev/null; then OWN_ENGINE=yes; fi
  if ! timed "The engine and its images" start_engine; then
    reason=$(tail -n 1 "$FNQ_DATA/log/engine.log")
    if [[ ${CI:-} == true ]]; then
      say "No Docker engine can be used here, which CI must have: $reason"
      FAILED=$(( FAILED + 1 ))
    else
      say "Skipped Testcontainers and the compose proof, no Docker engine can be used here: $reason"
      SKIPPED=$(( SKIPPED + 2 ))
    fi
    return 0
  fi
  exports=$(<"$FNQ_DATA/log/engine.env")
  eval "$exports" # written by our own scripts
  (
    # Without the URLs of the local servers: these tests bring their own.
    unset FNQ_TEST_AMQP_URL FNQ_TEST_PLATFORM_AMQP_URL FNQ_TEST_POSTGRES_URL
    export FNQ_TEST_SERVERS=containers
    dotnet_suite Fnq.IntegrationTests Fnq.IntegrationTests.Containers
    printf '%s %s %s\n' "$PASSED" "$FAILED" "$SKIPPED" >"$FNQ_DATA/log/containers.counts"
    printf '%s\n' "${LATE[@]}" >"$FNQ_DATA/log/containers.late"
  )
  mapfile -t LATE < <(sed '/^$/d' "$FNQ_DATA/log/containers.late")
  read -r PASSED FAILED SKIPPED <"$FNQ_DATA/log/containers.counts"
  # --long builds the runtimes inside the container as a user's first start does.
  if [[ -z ${FNQ_TEST_LONG:-} ]]; then export FNQ_RUNTIMES=$FNQ_TEST_RUNTIMES; fi
  script_suite tests/compose/run.sh
}

# Exports go to a file, progress to us and to a log, whose last line tells why when it fails.
start_engine() {
  local exports
  "$FNQ_ROOT/scripts/dockerd.sh" start 2>&1 >"$FNQ_DATA/log/engine.env" | tee "$FNQ_DATA/log/engine.log" >&2 || return 1
  exports=$(<"$FNQ_DATA/log/engine.env")
  ( eval "$exports"; "$FNQ_ROOT/scripts/images.sh" env ) 2>&1 >"$FNQ_DATA/log/images.env" | tee -a "$FNQ_DATA/log/engine.log" >&2 || return 1
  cat "$FNQ_DATA/log/images.env" >>"$FNQ_DATA/log/engine.env"
}

# The sandboxes again on cgroup v2 alone, which most machines of users have and this one may not. Without KVM it is emulated and
# takes hours, so that it has a word of its own.
vm_suite() {
  script_suite tests/vm/run.sh Fnq.IntegrationTests.{Sandboxes,Lifecycle,Isolation}
}

build_all() {
  say "Building Fnq.sln ..."
  quiet_dotnet
  if ! dotnet_build "$FNQ_ROOT/Fnq.sln" </dev/null >"$FNQ_DATA/log/build.log" 2>&1; then
    show_log_end "$FNQ_DATA/log/build.log"
    die "the build failed."
  fi
}

integration_suite() {
  if [[ -n ${FNQ_TEST_AMQP_URL:-} && -n ${FNQ_TEST_POSTGRES_URL:-} ]]; then
    say "Integration tests use the servers of FNQ_TEST_AMQP_URL and FNQ_TEST_POSTGRES_URL."
  elif [[ ${FNQ_TEST_SERVERS:-private} == containers ]]; then
    say "Integration tests bring RabbitMQ and Postgres as containers (Testcontainers)."
  else
    say "Integration tests use a private RabbitMQ and Postgres in $TEST_DATA."
    if ! "$FNQ_ROOT/scripts/servers.sh" start "$TEST_DATA"; then
      crashed "private servers" 1
      return 0
    fi
    local line
    while IFS= read -r line; do export "${line?}"; done < <("$FNQ_ROOT/scripts/servers.sh" env "$TEST_DATA")
  fi
  # The tests of namespace Containers need an engine and run on their own, see container_suites.
  dotnet_suite Fnq.IntegrationTests '' Fnq.IntegrationTests.Containers
}

end_test_servers() {
  local status=$?
  trap '' INT TERM
  if [[ ${OWN_ENGINE:-} == yes ]]; then "$FNQ_ROOT/scripts/dockerd.sh" stop || true; fi
  if [[ -d $TEST_DATA ]]; then
    "$FNQ_ROOT/scripts/servers.sh" stop "$TEST_DATA" || true
    if [[ -L $TEST_DATA/postgres ]]; then rm -rf -- "$(dirname -- "$(realpath -- "$TEST_DATA/postgres")")"; fi
    rm -rf -- "$TEST_DATA"
  fi
  exit "$status"
}

# Without a summary the suite crashed.
dotnet_suite() { # project [only this namespace, or empty] [without this namespace]
  local output status=0 dll options=() total failed skipped begun=$SECONDS only='' without='' one=-method
  output=$FNQ_DATA/log/test-${2:-$1}.log
  dll=$(built_dll "tests/$1" "$1")
  say "== $1${2:+ ($2)}"
  if is_testing_platform "$dll"; then
    options=(--no-ansi --no-progress)
    if [[ -n $FILTER ]]; then options+=(--filter-method "*$FILTER*"); fi
    only=--filter-namespace without=--filter-not-namespace one=--filter-method
  else
    options=(-noColor)
    if [[ -n $FILTER ]]; then options+=(-method "*$FILTER*"); fi
    only=-namespace without=-namespace-
  fi
  if [[ -n ${2:-} ]]; then options+=("$only" "$2"); fi
  if [[ -n ${3:-} && -z $FILTER ]]; then options+=("$without" "$3"); fi
  "$(dotnet_command)" "$dll" "${options[@]}" </dev/null 2>&1 | tee "$output" || status=${PIPESTATUS[0]}
  say "== ($(( SECONDS - begun )) s)"
  total=$(summary_count "$output" total)
  failed=$(summary_count "$output" failed)
  if [[ $total == 0 ]]; then failed=0; fi
  skipped=$(summary_count "$output" skipped)
  if [[ -z $total || -z $failed ]]; then
    crashed "$1" "$status"
    return 0
  fi
  failed=$(( failed + $(summary_count "$output" errors 0) ))
  if (( failed > 0 && failed <= 5 )); then
    failed=$(run_again "$dll" "$output" "$failed" "$one" "${options[0]}")
    mapfile -t -O "${#LATE[@]}" LATE <"$output.late"
    if (( failed == 0 )); then status=0; fi
  fi
  skipped=$(( ${skipped:-0} + $(summary_count "$output" 'not run' 0) ))
  add_counts $(( total - failed - skipped )) "$failed" "$skipped"
  # A filter may leave a suite without tests; otherwise a suite that ran none has not shown anything.
  if (( total == 0 )); then
    if [[ -z $FILTER ]]; then crashed "$1 (it ran no test)" "$status"; fi
  elif (( status != 0 && failed == 0 )); then
    crashed "$1" "$status"
  fi
}

# Tests that time something fail on a loaded machine. The few that failed are run once more, alone; what passes then has
# passed, and is named before the totals. Prints how many failed again.
run_again() { # dll output failed option-for-one-method option...
  local again=$2.again names=() options=("${@:5}") name still
  mapfile -t names < <(sed -nE 's/^ *(Fnq\.[A-Za-z0-9_.]+)(\(.*)? \[FAIL\]$/\1/p' "$2" | sort -u)
  : >"$2.late"
  if (( ${#names[@]} == 0 )); then
    printf '%s' "$3"
    return
  fi
  for name in "${names[@]}"; do options+=("$4" "$name"); done
  say "== Once more, alone: ${names[*]}"
  "$(dotnet_command)" "$1" "${options[@]}" </dev/null 2>&1 | tee "$again" >&2 || true
  still=$(( $(summary_count "$again" failed "$3") + $(summary_count "$again" errors 0) ))
  for name in "${names[@]}"; do
    if ! grep -F -- "$name" "$again" | grep -F '[FAIL]' >/dev/null; then printf '%s\n' "$name" >>"$2.late"; fi
  done
  printf '%s' "$still"
}

# xunit's executables have two command lines, by a property of the project.
is_testing_platform() { "$(dotnet_command)" "$1" --help 2>/dev/null </dev/null | grep -e --filter-method >/dev/null; } # dll

# The last summary, in either form: lines of `  total: 3`, or `Total: 3, Errors: 0, Failed: 0, ...`.
summary_count() { # output word default
  local count
  count=$(grep -iE "^[[:space:]]*(.*[[:space:]])?$2:[[:space:]]*[0-9]+(,.*|[[:space:]]*)\$" "$1" |
    grep -E '^[[:space:]]*[a-z]+:[[:space:]]*[0-9]+[[:space:]]*$|Total: *[0-9]+(, *Errors: .*)?$' | tail -n 1 |
    sed -nE "s/.*$2:[[:space:]]*([0-9]+).*/\\1/Ip") || true
  printf '%s' "${count:-${3:-}}"
}

# A script ends with its own `N passed, N failed`.
script_suite() { # path arguments...
  local output status=0 last begun=$SECONDS
  [[ -f $FNQ_ROOT/$1 && -z $FILTER ]] || return 0
  output=$FNQ_DATA/log/test-${1//\//-}.log
  say "== $1"
  bash "$FNQ_ROOT/$1" "${@:2}" </dev/null 2>&1 | tee "$output" || status=${PIPESTATUS[0]}
  say "== ($(( SECONDS - begun )) s)"
  last=$(tail -n 1 "$output")
  if [[ ! $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
    crashed "$1" "$status"
    return 0
  fi
  add_counts "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[4]:-0}"
  if (( status != 0 && BASH_REMATCH[2] == 0 )); then crashed "$1" "$status"; fi
}

add_counts() { # passed failed skipped
  PASSED=$(( PASSED + $1 ))
  FAILED=$(( FAILED + $2 ))
  SKIPPED=$(( SKIPPED + $3 ))
}

crashed() { # suite status
  say "$1 did not finish (exit code $2): counted as one failure."
  FAILED=$(( FAILED + 1 ))
}

report_totals() {
  # The servers are stopped first, so that the totals stay the last line.
  local skipped=''
  ( trap - EXIT; end_test_servers ) || true
  trap - EXIT
  if (( ${#LATE[@]} > 0 )); then say "Passed only when run again: ${LATE[*]}"; fi
  if (( SKIPPED > 0 )); then skipped=", $SKIPPED skipped"; fi
  printf '%s passed, %s failed%s\n' "$PASSED" "$FAILED" "$skipped"
  (( FAILED == 0 ))
}
