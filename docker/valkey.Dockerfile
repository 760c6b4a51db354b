# Valkey 8 from Debian's own packages: a stand-in for the upstream `valkey/valkey:8` image where no registry of
# images can be reached. The operator starts either one by the same explicit command and mounted configuration.
ARG BASE_IMAGE=debian:trixie-slim
FROM ${BASE_IMAGE}

LABEL org.opencontainers.image.title="chatcluster/valkey" \
      org.opencontainers.image.description="Valkey 8 on Debian, started by explicit command" \
      org.opencontainers.image.licenses="BSD-3-Clause"

# The user comes first, so that the package adopts 999 (upstream's id) instead of picking one; the policy file
# keeps the package from starting a server during the build.
RUN groupadd --system --gid 999 valkey \
 && useradd --system --uid 999 --gid 999 --home-dir /data --shell /usr/sbin/nologin valkey \
 && printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d \
 && chmod 0755 /usr/sbin/policy-rc.d \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends valkey-server valkey-tools \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /usr/share/doc/* /usr/share/man/* \
 && install -d -o 999 -g 999 -m 0750 /data

WORKDIR /data
USER 999:999
EXPOSE 6379
CMD ["valkey-server", "--version"]
