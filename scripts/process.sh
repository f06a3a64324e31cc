# Starting, finding and ending processes, so that only our own are ever touched.

wait_until() { # seconds command...: polls a condition until it holds or the deadline has passed
  local deadline=$(( SECONDS + $1 ))
  shift
  until "$@"; do
    (( SECONDS < deadline )) || return 1
    sleep 0.05
  done
}

# `read` and not $(<file): a file that is missing there would end a trap that is running.
alive() { # pid
  local stat=''
  IFS= read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  [[ ${stat##*) } != [ZX]* ]]
}

gone() { ! alive "$1"; }

# A pid alone may have been given to another process: boot and start time tell.
start_mark() { # pid
  local stat='' rest
  IFS= read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  read -ra rest <<<"${stat##*) }"
  printf '%s %s' "$(</proc/sys/kernel/random/boot_id)" "${rest[19]}"
}

write_pid() { # name pid
  start_mark "$2" >"$FNQ_DATA/run/$1.started" || return 1
  printf '%s\n' "$2" >"$FNQ_DATA/run/$1.pid"
}

forget_pid() { rm -f "$FNQ_DATA/run/$1.pid" "$FNQ_DATA/run/$1.started"; } # name

# Prints the pid in a pid file if it still is the process that was started; fails otherwise.
running_pid() { # name
  local pid=''
  IFS= read -r pid 2>/dev/null <"$FNQ_DATA/run/$1.pid" || return 1
  [[ $pid =~ ^[0-9]+$ ]] && alive "$pid" || return 1
  [[ $(start_mark "$pid") == "$(cat "$FNQ_DATA/run/$1.started" 2>/dev/null)" ]] || return 1
  printf '%s' "$pid"
}

# Pids of processes that have exactly this argument. The pattern goes through stdin, so that the
# search does not find itself.
pids_with_argument() { # argument
  local file
  for file in $(grep -lsxzF -f - /proc/[0-9]*/cmdline <<<"$1" || true); do
    file=${file#/proc/}
    printf '%s\n' "${file%/cmdline}"
  done
}

# Starts a command in its own session without any of our descriptors (a caller that reads our
# output through a pipe would wait for them) and sets `launched` to its pid.
launch() { # user log command...
  local user=$1 log=$2
  shift 2
  (
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      if (( fd > 2 && fd != 255 )); then exec {fd}>&-; fi
    done
    drop=()
    if [[ -n $user ]]; then drop=(setpriv --reuid="$user" --regid="$user" --init-groups); fi
    ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
    # A background job ignores SIGINT and SIGQUIT: give them back.
    exec env --default-signal=INT,QUIT setsid "${drop[@]}" "$@" </dev/null >>"$log" 2>&1
  ) &
  launched=$!
}

end_process() { # pid signal seconds
  alive "$1" || return 0
  kill -s "$2" "$1" 2>/dev/null || true
  wait_until "$3" gone "$1" && return 0
  kill -s KILL "$1" 2>/dev/null || true
  wait_until 5 gone "$1"
}

end_processes_of_place() { # folder under /var/lib/fnq, named by the instance id
  local pid file
  for pid in $(postmaster_pids "${1##*/}"); do end_process "$pid" QUIT 5; done
  for file in $(grep -lsxzF -f - /proc/[0-9]*/environ <<<"HOME=$1/rabbitmq" || true); do
    pid=${file#/proc/}
    end_process "${pid%/environ}" KILL 5
  done
}

show_log_end() { # log
  if [[ -s $1 ]]; then
    say "The last lines of $1:"
    tail -n 20 "$1" >&2
  fi
}
