#!/usr/bin/env bash
# run.sh [FOLDER]: builds the runtimes and init into FOLDER where they are not there yet, then tests them there.
# Needs root (mounts, namespaces) and python3. Ends with "N passed, N failed". FNQ_TEST_ONLY=pattern selects tests,
# FNQ_TEST_RUNTIME_NAMES the runtimes; tests of the others are skipped.
set -euo pipefail
readonly here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
readonly folder=$(mkdir -p "${1:-/tmp/fnq-runtimes}" && cd "${1:-/tmp/fnq-runtimes}" && pwd)

[[ $(id -u) == 0 ]] || { echo 'run.sh: needs root, for namespaces and mounts' >&2; exit 1; }
command -v python3 >/dev/null || { echo 'run.sh: python3 is missing: apt-get install python3' >&2; exit 1; }
"$here/../build.sh" init "$folder"
for name in ${FNQ_TEST_RUNTIME_NAMES:-$("$here/../build.sh" list)}; do
  "$here/../build.sh" "$name" "$folder/$name"
done
FNQ_TEST_RUNTIMES=$folder PYTHONDONTWRITEBYTECODE=1 exec python3 "$here/run.py"
