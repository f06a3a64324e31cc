#!/bin/bash
# Entry point of fnq-local/rabbitmq. Behaves as the public rabbitmq image where Fnq and Testcontainers use it:
# RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS, RABBITMQ_DEFAULT_VHOST, files in /etc/rabbitmq, log on standard output.
set -euo pipefail

if [[ ${1:-} != rabbitmq-server ]]; then exec "$@"; fi

conf=/etc/rabbitmq/conf.d/10-defaults.conf
setting() { # setting KEY VALUE
  if [[ -n $2 ]]; then printf '%s = %s\n' "$1" "$2"; fi
}
mkdir -p /etc/rabbitmq/conf.d
{
  # Debian's packages refuse "guest" from outside the container, as the public image does not.
  setting loopback_users.guest false
  setting log.console true
  setting default_user "${RABBITMQ_DEFAULT_USER:-}"
  setting default_pass "${RABBITMQ_DEFAULT_PASS:-}"
  setting default_vhost "${RABBITMQ_DEFAULT_VHOST:-}"
} >"$conf"

if [[ $(id -u) == 0 ]]; then
  chown -R rabbitmq:rabbitmq /var/lib/rabbitmq /var/log/rabbitmq "$conf"
  chmod 0640 "$conf"
  exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups /usr/lib/rabbitmq/bin/rabbitmq-server
fi
exec /usr/lib/rabbitmq/bin/rabbitmq-server
