# One image for every role: docker-compose.yml starts it several times with different `--roles`.
#
# Build arguments
#   FNQ_SDK_IMAGE     an image with the .NET 10 SDK (and, if it has no gcc, apt-get and a way to a mirror)
#   FNQ_BASE_IMAGE    a Debian 12 image; `scripts/images.sh env` makes both where no registry can be reached
#   FNQ_NUGET_SOURCE  a NuGet feed to restore from, where nuget.org itself cannot be reached
ARG FNQ_SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0
ARG FNQ_BASE_IMAGE=debian:bookworm-slim

FROM ${FNQ_SDK_IMAGE} AS build
ARG FNQ_NUGET_SOURCE=
# A small SDK image carries no ICU, and the build needs none.
ENV DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# Process 1 of every sandbox is a small static C program.
RUN command -v gcc >/dev/null || { apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev; }
WORKDIR /source
# The shared runtime only: the final image needs no SDK.
RUN root=$(dirname "$(readlink -f "$(command -v dotnet)")") && mkdir /dotnet && cp -a "$root/dotnet" "$root/host" "$root/shared" /dotnet
# Packages are restored again only when a project file changes.
COPY .editorconfig* BannedSymbols.txt Directory.Build.props Directory.Packages.props global.json ./
COPY src/Fnq.Contracts/*.csproj src/Fnq.Contracts/packages.lock.json src/Fnq.Contracts/
COPY src/Fnq/*.csproj src/Fnq/packages.lock.json src/Fnq/
COPY src/Fnq.Server/*.csproj src/Fnq.Server/packages.lock.json src/Fnq.Server/
RUN dotnet restore src/Fnq.Server ${FNQ_NUGET_SOURCE:+--source "$FNQ_NUGET_SOURCE"}
COPY migrations migrations
COPY src src
RUN dotnet publish src/Fnq.Server --no-restore --configuration Release --output /publish
RUN src/runtimes/build.sh init /publish

FROM ${FNQ_BASE_IMAGE}
# crun: sandboxes.  nftables, iproute2: their networks.  e2fsprogs: their /tmp, where loop devices are given.
# curl: health checks.
# mmdebstrap, npm, skopeo, umoci: runtimes, which `fnq runtimes install` makes; it asks apt for the mirror, and apt
# names only those whose lists it has, so they stay.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    ca-certificates crun curl debian-archive-keyring e2fsprogs iproute2 libssl3 mmdebstrap nftables npm procps skopeo umoci
# Sandbox users pass through this folder to runtimes and code: an OCI runtime opens them inside the user namespace.
RUN groupadd --gid 10001 fnq && useradd --uid 10001 --gid fnq --no-create-home --home-dir /var/lib/fnq fnq \
 && install -d -o fnq -g fnq -m 0711 /var/lib/fnq
COPY --from=build /dotnet /usr/share/dotnet
COPY --from=build /publish /opt/fnq
COPY scripts/docker-entry.sh /usr/local/bin/fnq
RUN chmod 0755 /usr/local/bin/fnq && ln -s /usr/share/dotnet/dotnet /usr/bin/dotnet
ENV FNQ_DATA=/var/lib/fnq \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    DOTNET_CLI_TELEMETRY_OPTOUT=1
EXPOSE 9000
# api, triggers and scheduler need nothing more; docker-compose.yml gives the workers root and says why.
USER fnq
ENTRYPOINT ["fnq"]
CMD ["serve"]
