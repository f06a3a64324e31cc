# Every test suite, one after another; the last line is `N passed, N failed`.

run_tests() {
  PASSED=0 FAILED=0 SKIPPED=0 FILTER=''
  while (( $# > 0 )); do
    case $1 in
      --long) export FNQ_TEST_LONG=1 ;;
      --filter) FILTER=${2:?--filter takes a part of a test name}; shift ;;
      --filter=*) FILTER=${1#*=} ;;
      *) die "test takes --long and --filter X." ;;
    esac
    shift
  done
  mkdir -p "$FNQ_DATA/run" "$FNQ_DATA/log"
  TEST_DATA=$FNQ_DATA/test-$$
  trap end_test_servers EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  local packages
  mapfile -t packages < <(missing_packages yes yes; missing_test_packages)
  install_packages "${packages[@]}"
  build_all
  dotnet_suite Fnq.Tests
  script_suite src/runtimes/tests/run.sh
  integration_suite
  script_suite tests/compose/run.sh
  script_suite tests/script/run.sh
  report_totals
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
    say "Integration tests bring their servers as containers."
  else
    say "Integration tests use a private RabbitMQ and Postgres in $TEST_DATA."
    if ! "$FNQ_ROOT/scripts/servers.sh" start "$TEST_DATA"; then
      crashed "private servers" 1
      return 0
    fi
    local line
    while IFS= read -r line; do export "${line?}"; done < <("$FNQ_ROOT/scripts/servers.sh" env "$TEST_DATA")
  fi
  dotnet_suite Fnq.IntegrationTests
}

end_test_servers() {
  local status=$?
  trap '' INT TERM
  if [[ -d $TEST_DATA ]]; then
    "$FNQ_ROOT/scripts/servers.sh" stop "$TEST_DATA" || true
    if [[ -L $TEST_DATA/postgres ]]; then rm -rf -- "$(dirname -- "$(realpath -- "$TEST_DATA/postgres")")"; fi
    rm -rf -- "$TEST_DATA"
  fi
  exit "$status"
}

# Without a summary the suite crashed.
dotnet_suite() { # project
  local output status=0 dll options=() total failed skipped
  output=$FNQ_DATA/log/test-$1.log
  dll=$(built_dll "tests/$1" "$1")
  say "== $1"
  if is_testing_platform "$dll"; then
    options=(--no-ansi --no-progress)
    if [[ -n $FILTER ]]; then options+=(--filter-method "*$FILTER*"); fi
  else
    options=(-noColor)
    if [[ -n $FILTER ]]; then options+=(-method "*$FILTER*"); fi
  fi
  "$(dotnet_command)" "$dll" "${options[@]}" </dev/null 2>&1 | tee "$output" || status=${PIPESTATUS[0]}
  total=$(summary_count "$output" total)
  failed=$(summary_count "$output" failed)
  if [[ $total == 0 ]]; then failed=0; fi
  skipped=$(summary_count "$output" skipped)
  if [[ -z $total || -z $failed ]]; then
    crashed "$1" "$status"
    return 0
  fi
  failed=$(( failed + $(summary_count "$output" errors 0) ))
  skipped=$(( ${skipped:-0} + $(summary_count "$output" 'not run' 0) ))
  add_counts $(( total - failed - skipped )) "$failed" "$skipped"
  # A filter may leave a suite without tests; otherwise a suite that ran none has not shown anything.
  if (( total == 0 )); then
    if [[ -z $FILTER ]]; then crashed "$1 (it ran no test)" "$status"; fi
  elif (( status != 0 && failed == 0 )); then
    crashed "$1" "$status"
  fi
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
script_suite() { # path
  local output status=0 last
  [[ -f $FNQ_ROOT/$1 && -z $FILTER ]] || return 0
  output=$FNQ_DATA/log/test-${1//\//-}.log
  say "== $1"
  bash "$FNQ_ROOT/$1" </dev/null 2>&1 | tee "$output" || status=${PIPESTATUS[0]}
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
  if (( SKIPPED > 0 )); then skipped=", $SKIPPED skipped"; fi
  printf '%s passed, %s failed%s\n' "$PASSED" "$FAILED" "$skipped"
  (( FAILED == 0 ))
}
