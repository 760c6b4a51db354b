# RabbitMQ 4 from Debian's own packages: a stand-in for the upstream `rabbitmq:4-management` image where no registry
# of images can be reached. All tier-1 plugins are present (prometheus, stream, peer discovery, management); which
# of them run is said by the mounted `enabled_plugins`. The operator starts it by explicit command.
ARG BASE_IMAGE=debian:trixie-slim
FROM ${BASE_IMAGE}

LABEL org.opencontainers.image.title="chatcluster/rabbitmq" \
      org.opencontainers.image.description="RabbitMQ 4 on Debian, started by explicit command" \
      org.opencontainers.image.licenses="MPL-2.0"

# The user comes first, so that the package adopts 999 (upstream's id) instead of picking one; the policy file
# keeps the package from starting a broker during the build. Erlang's documentation and sources are not needed.
RUN groupadd --system --gid 999 rabbitmq \
 && useradd --system --uid 999 --gid 999 --home-dir /var/lib/rabbitmq --shell /usr/sbin/nologin rabbitmq \
 && printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d \
 && chmod 0755 /usr/sbin/policy-rc.d \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends rabbitmq-server \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /usr/share/doc/* /usr/share/man/* \
 && rm -rf /var/lib/rabbitmq /var/log/rabbitmq \
 && install -d -o 999 -g 999 -m 0750 /var/lib/rabbitmq /var/log/rabbitmq \
 && install -d -o 999 -g 999 -m 0755 /etc/rabbitmq

# First in PATH: the scripts themselves. Debian's /usr/sbin wrappers insist on the user names root or rabbitmq
# and change user, which a restricted pod may not.
ENV PATH=/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    HOME=/var/lib/rabbitmq \
    RABBITMQ_LOGS=-

USER 999:999
EXPOSE 4369 5552 5672 15672 15692 25672
CMD ["rabbitmq-server", "--version"]
