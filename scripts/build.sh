# Building the .NET projects, only when a source is newer than the last good build.

dotnet_command() {
  local candidate
  for candidate in "$(command -v dotnet || true)" "${DOTNET_ROOT:-}/dotnet" "${HOME:-/root}/.dotnet/dotnet" /usr/share/dotnet/dotnet /usr/lib/dotnet/dotnet; do
    if [[ -x $candidate ]]; then printf '%s' "$candidate"; return 0; fi
  done
  die "the .NET 10 SDK is missing: https://dotnet.microsoft.com/download (command dotnet not found)."
}

built_dll() { printf '%s' "$FNQ_ROOT/$1/bin/Release/net10.0/$2.dll"; } # project name
server_dll() { built_dll src/Fnq.Server Fnq.Server; }

# No compiler or MSBuild process may outlive the build: `down` stops all that `up` started.
quiet_dotnet() {
  export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
  export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0
  if [[ -z ${HOME:-} ]]; then export DOTNET_CLI_HOME=$FNQ_DATA; fi
}

dotnet_build() { # project or solution, further arguments
  "$(dotnet_command)" build -c Release -v quiet -nodeReuse:false -p:UseSharedCompilation=false "$@"
}

# The mark carries the time at which the build began, so that an edit made meanwhile counts.
build_project() { # project name
  local mark=$FNQ_ROOT/$1/obj/fnq-built lock log=$FNQ_DATA/log/build.log
  mkdir -p "$FNQ_ROOT/$1/obj" "$FNQ_DATA/log"
  exec {lock}>"$FNQ_ROOT/$1/obj/fnq-build.lock"
  flock "$lock"
  if ! is_built "$1" "$2" "$mark"; then
    say "Building $1 ..."
    quiet_dotnet
    touch "$mark.begun"
    if ! dotnet_build "$FNQ_ROOT/$1" </dev/null >"$log" 2>&1 {lock}>&-; then
      show_log_end "$log"
      die "the build failed."
    fi
    mv "$mark.begun" "$mark"
  fi
  exec {lock}>&-
}

is_built() { # project name mark
  [[ -f $3 && -f $(built_dll "$1" "$2") ]] || return 1
  cd "$FNQ_ROOT"
  [[ -z $(find src "$1" migrations Directory.Build.props Directory.Packages.props global.json \
    \( -name bin -o -name obj -o -name node_modules \) -prune -o -type f -newer "$3" -print -quit 2>/dev/null) ]]
}

build_server() { build_project src/Fnq.Server Fnq.Server; }
