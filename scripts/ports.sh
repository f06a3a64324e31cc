# Ports of the private servers: chosen free once, then kept.

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; } # port

port_is_silent() { ! port_answers "$1"; } # port

# Below the kernel's ephemeral range (from 32768), so that no outgoing connection takes one
# while the server is down.
kept_port() { # key
  local port
  port=$(kept_value "$PORTS_FILE" "$1")
  while [[ -z $port ]]; do
    port=$(( 20000 + SRANDOM % 12000 ))
    if grep -q "=$port\$" "$PORTS_FILE" || port_answers "$port"; then port=''; continue; fi
    keep_value "$PORTS_FILE" "$1" "$port"
  done
  printf '%s' "$port"
}

# A server of ours that was just killed may hold its port for a moment.
require_free_port() { # port what
  if ! wait_until 5 port_is_silent "$1"; then
    die "port $1 of the $2 is taken by another program. Stop that program, or choose another port: line $2 in $PORTS_FILE."
  fi
}

# One HTTP request with bash alone: a clean machine may have no curl.
http_ok() { # port path
  local line=''
  {
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3
    IFS= read -r -t 5 line <&3 || true
    exec 3>&-
  } 2>/dev/null || return 1
  [[ $line == 'HTTP/1.1 200'* ]]
}
