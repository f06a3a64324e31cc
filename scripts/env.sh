# The instance's settings as environment: kept at `up`, printed by `env`, exported for the server.

# Whoever evaluates `./fnq env` and then runs `up` again hands us our own private URLs, or those of
# a data folder that was deleted since: these name private servers, not foreign ones. A private
# server of another instance that answers is taken as given.
own_url() { # given private
  [[ -z $1 || $1 == "$2" ]] && return 0
  [[ $1 =~ ^(amqp://fnq-users|postgres://fnq):[a-zA-Z0-9]{32}@127\.0\.0\.1:([0-9]+)/(users|fnq)$ ]] || return 1
  ! port_answers "${BASH_REMATCH[2]}"
}

kept_private_urls() {
  PRIVATE_AMQP_URL=''
  PRIVATE_PLATFORM_AMQP_URL=''
  PRIVATE_POSTGRES_URL=''
  if [[ -n $(kept_value "$SECRETS_FILE" AMQP_PASSWORD) ]]; then
    PRIVATE_AMQP_URL=$(amqp_url)
    PRIVATE_PLATFORM_AMQP_URL=$(platform_amqp_url)
  fi
  if [[ -n $(kept_value "$SECRETS_FILE" POSTGRES_PASSWORD) ]]; then PRIVATE_POSTGRES_URL=$(postgres_url); fi
}

# Sets BROKER and DATABASE to private or given. A server that runs stays with what it was given.
choose_servers() {
  kept_private_urls
  if [[ -n $SERVE_BEFORE ]]; then
    FNQ_AMQP_URL=$(kept_value "$SERVER_ENV_FILE" FNQ_AMQP_URL)
    FNQ_PLATFORM_AMQP_URL=$(kept_value "$SERVER_ENV_FILE" FNQ_PLATFORM_AMQP_URL)
    FNQ_POSTGRES_URL=$(kept_value "$SERVER_ENV_FILE" FNQ_POSTGRES_URL)
  fi
  BROKER=given
  DATABASE=given
  if own_url "${FNQ_AMQP_URL:-}" "$PRIVATE_AMQP_URL"; then BROKER=private; fi
  if own_url "${FNQ_POSTGRES_URL:-}" "$PRIVATE_POSTGRES_URL"; then DATABASE=private; fi
}

# Writes the resolved settings of this start; they are what `env` and the other verbs read.
keep_environment() { # port
  local amqp=${FNQ_AMQP_URL:-} platform=${FNQ_PLATFORM_AMQP_URL:-} postgres=${FNQ_POSTGRES_URL:-} account region runtimes
  if [[ $BROKER == private ]]; then
    amqp=$(amqp_url)
    platform=$(platform_amqp_url)
  elif [[ -z $platform ]]; then
    platform=$(with_vhost "$amqp" fnq)
  fi
  if [[ $DATABASE == private ]]; then postgres=$(postgres_url); fi
  account=${FNQ_ACCOUNT_ID:-$(kept_value "$SERVER_ENV_FILE" FNQ_ACCOUNT_ID)}
  account=${account:-123456789012}
  region=${FNQ_REGION:-$(kept_value "$SERVER_ENV_FILE" FNQ_REGION)}
  region=${region:-us-east-1}
  runtimes=${FNQ_RUNTIMES:-$(kept_value "$SERVER_ENV_FILE" FNQ_RUNTIMES)}
  runtimes=${runtimes:-$FNQ_DATA/runtimes}
  keep_credentials
  (
    umask 077
    {
      printf 'FNQ_PORT=%s\nFNQ_AMQP_URL=%s\nFNQ_PLATFORM_AMQP_URL=%s\nFNQ_POSTGRES_URL=%s\n' "$1" "$amqp" "$platform" "$postgres"
      cat "$CREDENTIALS_FILE"
      printf 'FNQ_ACCOUNT_ID=%s\nFNQ_REGION=%s\nFNQ_RUNTIMES=%s\n' "$account" "$region" "$(realpath -m -- "$runtimes")"
    } >"$SERVER_ENV_FILE.new"
  )
  mv "$SERVER_ENV_FILE.new" "$SERVER_ENV_FILE"
}

with_vhost() { # amqp url, virtual host: the same server and user, another virtual host
  local scheme=${1%%://*} rest=${1#*://}
  printf '%s://%s/%s' "$scheme" "${rest%%[/?]*}" "$2"
}

keep_credentials() {
  if [[ -n ${FNQ_ACCESS_KEY_ID:-} && -n ${FNQ_SECRET_ACCESS_KEY:-} ]]; then
    keep_value "$CREDENTIALS_FILE" FNQ_ACCESS_KEY_ID "$FNQ_ACCESS_KEY_ID"
    keep_value "$CREDENTIALS_FILE" FNQ_SECRET_ACCESS_KEY "$FNQ_SECRET_ACCESS_KEY"
  elif [[ -n ${FNQ_ACCESS_KEY_ID:-}${FNQ_SECRET_ACCESS_KEY:-} ]]; then
    die "set both FNQ_ACCESS_KEY_ID and FNQ_SECRET_ACCESS_KEY, or neither."
  elif [[ -z $(kept_value "$CREDENTIALS_FILE" FNQ_SECRET_ACCESS_KEY) ]]; then
    keep_value "$CREDENTIALS_FILE" FNQ_ACCESS_KEY_ID "AKIA$(random_text A-Z2-7 16)"
    keep_value "$CREDENTIALS_FILE" FNQ_SECRET_ACCESS_KEY "$(random_text 'a-zA-Z0-9+/' 40)"
  fi
}

require_environment() {
  [[ -r $SERVER_ENV_FILE ]] || die "there is no instance in $FNQ_DATA yet: run ./fnq up -d first."
}

# What the caller has set of FNQ_* wins (a second worker with another port, say); the AWS_*
# variables are always this instance's.
export_instance() {
  local line name
  if [[ -r $SERVER_ENV_FILE ]]; then
    while IFS= read -r line; do
      name=${line%%=*}
      if [[ -z ${!name:-} ]]; then export "${line?}"; else export "${name?}"; fi
    done <"$SERVER_ENV_FILE"
    export_aws
  fi
}

# For the server that `up` starts: exactly what was resolved.
export_resolved() {
  local line
  while IFS= read -r line; do export "${line?}"; done <"$SERVER_ENV_FILE"
  export_aws
}

export_aws() {
  export AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_DEFAULT_REGION
  AWS_ENDPOINT_URL=http://localhost:$(kept_value "$SERVER_ENV_FILE" FNQ_PORT)
  AWS_ACCESS_KEY_ID=$(kept_value "$SERVER_ENV_FILE" FNQ_ACCESS_KEY_ID)
  AWS_SECRET_ACCESS_KEY=$(kept_value "$SERVER_ENV_FILE" FNQ_SECRET_ACCESS_KEY)
  AWS_DEFAULT_REGION=$(kept_value "$SERVER_ENV_FILE" FNQ_REGION)
}

print_env() {
  local name names=(AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_DEFAULT_REGION FNQ_AMQP_URL FNQ_POSTGRES_URL)
  if [[ ${1:-} == --all ]]; then
    names+=(FNQ_PLATFORM_AMQP_URL)
  elif (( $# > 0 )); then
    die "env takes only --all."
  fi
  require_environment
  export_resolved
  for name in "${names[@]}"; do
    printf "export %s='%s'\n" "$name" "${!name//\'/\'\\\'\'}"
  done
}
