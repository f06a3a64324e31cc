#!/usr/bin/env bash
# The base images of docker-compose.yml and of the tests.
#
#   scripts/images.sh env             builds what is missing, prints the exports: eval "$(scripts/images.sh env)"
#   scripts/images.sh build NAME...   builds local images: debian sdk postgres rabbitmq:3 rabbitmq:4
#
# Where the public registries answer nothing is built: the exports are empty, which means the public images.
# Where none answers each image is made from Debian packages (mmdebstrap) and imported as fnq-local/NAME; an
# image is made again only when what goes into it has changed. FNQ_IMAGES=local or public skips the probe.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
say() { printf '%s\n' "$*" >&2; }
die() { say "images.sh: $*"; exit 1; }
# shellcheck source=docker-packages.sh
source "$here/docker-packages.sh"

registries_answer() {
  local image
  case ${FNQ_IMAGES:-auto} in local) return 1 ;; public) return 0 ;; esac
  # The defaults of the Dockerfile: where they can be had, so can the rest.
  while read -r image; do
    timeout 10 docker manifest inspect "$image" >/dev/null 2>&1 || return 1
  done < <(sed -nE 's/^ARG FNQ_(SDK|BASE)_IMAGE=(.+)$/\2/p' "$here/../Dockerfile")
}

dotnet_root() {
  local root=${DOTNET_ROOT:-}
  [[ -n $root ]] || root=$(dirname "$(readlink -f "$(command -v dotnet)")")
  [[ -d $root/sdk ]] || die "there is no .NET SDK under $root"
  printf '%s' "$root"
}

# What an image is made of, one mmdebstrap or docker import argument a line.
recipe() { # recipe NAME -> release, packages, mmdebstrap hooks, image settings
  hooks=() settings=()
  case $1 in
    debian)
      release=bookworm packages=ca-certificates
      settings=('CMD ["bash"]')
      ;;
    sdk)
      release=bookworm packages=ca-certificates,gcc,libc6-dev
      hooks=("copy-in $(dotnet_root) /usr/share" 'chroot "$1" ln -s /usr/share/dotnet/dotnet /usr/bin/dotnet')
      settings=('ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1' 'CMD ["bash"]')
      ;;
    postgres)
      release=bookworm packages=postgresql-15
      hooks=("upload $here/images-postgres.sh /usr/local/bin/docker-entrypoint.sh"
        'chroot "$1" chmod 0755 /usr/local/bin/docker-entrypoint.sh')
      settings=('ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
        'ENV PGDATA=/var/lib/postgresql/data LANG=C.UTF-8' 'VOLUME /var/lib/postgresql/data' 'EXPOSE 5432'
        'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["postgres"]')
      ;;
    rabbitmq:3 | rabbitmq:4)
      if [[ $1 == rabbitmq:3 ]]; then release=bookworm; else release=trixie; fi
      packages=rabbitmq-server
      # A cookie in the image would be the same secret in every container made from it.
      hooks=("upload $here/images-rabbitmq.sh /usr/local/bin/docker-entrypoint.sh"
        'chroot "$1" chmod 0755 /usr/local/bin/docker-entrypoint.sh' 'rm -f "$1/var/lib/rabbitmq/.erlang.cookie"')
      settings=('ENV RABBITMQ_LOGS=- LANG=C.UTF-8 HOME=/var/lib/rabbitmq' 'VOLUME /var/lib/rabbitmq' 'EXPOSE 4369 5672 25672'
        'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["rabbitmq-server"]')
      ;;
    *) die "there is no recipe for an image named $1" ;;
  esac
}

image_of() { case $1 in *:*) printf 'fnq-local/%s' "$1" ;; *) printf 'fnq-local/%s:latest' "$1" ;; esac; }

inputs_hash() { # of the recipe, the files it uploads and the SDK's version
  {
    printf '%s\n' "$release" "$packages" "${hooks[@]//"$here"/}" "${settings[@]}" "$(debian_mirror)"
    case $1 in
      postgres) cat "$here/images-postgres.sh" ;;
      rabbitmq:*) cat "$here/images-rabbitmq.sh" ;;
      sdk) ls "$(dotnet_root)/sdk" "$(dotnet_root)/shared/Microsoft.NETCore.App" ;;
    esac
    cat "$(ca_bundle)"
  } | sha256sum | cut -c1-32
}

# Containers must trust what this machine trusts, or package downloads inside a build fail behind a proxy.
ca_bundle() {
  local file=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
  if [[ -r $file ]]; then printf '%s' "$file"; else printf /dev/null; fi
}

build() {
  local name=$1 image hash arguments=() changes=() item
  image=$(image_of "$name")
  recipe "$name"
  hash=$(inputs_hash "$name")
  if [[ $(docker image inspect --format '{{index .Config.Labels "fnq.inputs"}}' "$image" 2>/dev/null) == "$hash" ]]; then
    return 0
  fi
  command -v mmdebstrap >/dev/null || die "mmdebstrap is not installed, it makes the images where no registry answers"
  say "building $image from Debian $release packages ..."
  for item in "${hooks[@]}"; do arguments+=("--customize-hook=$item"); done
  if [[ -s $(ca_bundle) && ,$packages, == *,ca-certificates,* ]]; then
    arguments+=("--customize-hook=upload $(ca_bundle) /etc/ssl/certs/ca-certificates.crt")
  fi
  for item in "${settings[@]}" "LABEL fnq.inputs=$hash"; do changes+=(--change "$item"); done
  mmdebstrap --quiet --variant=minbase --include="$packages" \
    --essential-hook='mkdir -p "$1/etc/postgresql-common" && echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --aptopt='Acquire::Languages "none"' \
    "${arguments[@]}" "$release" - "$(debian_mirror)" | docker import "${changes[@]}" - "$image" >/dev/null
}

print_env() {
  if registries_answer; then
    say "the public registries answer: using the public images"
    return 0
  fi
  local name
  for name in debian sdk postgres rabbitmq:3 rabbitmq:4; do build "$name"; done
  printf 'export %s=%q\n' FNQ_BASE_IMAGE "$(image_of debian)" FNQ_SDK_IMAGE "$(image_of sdk)" \
    FNQ_POSTGRES_IMAGE "$(image_of postgres)" FNQ_RABBITMQ_IMAGE "$(image_of rabbitmq:"${FNQ_RABBITMQ_LINE:-4}")" \
    FNQ_RABBITMQ3_IMAGE "$(image_of rabbitmq:3)" FNQ_RABBITMQ4_IMAGE "$(image_of rabbitmq:4)"
  # Testcontainers' own clean-up container is an image from a registry too.
  printf 'export TESTCONTAINERS_RYUK_DISABLED=true\n'
}

case ${1:-} in
  env) print_env ;;
  build) shift; for name in "$@"; do build "$name"; done ;;
  *) die "usage: images.sh env | build NAME..." ;;
esac
