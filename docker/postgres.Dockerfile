# PostgreSQL 17 from Debian's own packages: a stand-in for the upstream `postgres:17` image where no registry of
# images can be reached. The operator starts either one by the same explicit command and mounted configuration, so
# there is no entrypoint script here: only the programs, in PATH under their usual names, and upstream's user id.
ARG BASE_IMAGE=debian:trixie-slim
FROM ${BASE_IMAGE}

LABEL org.opencontainers.image.title="chatcluster/postgres" \
      org.opencontainers.image.description="PostgreSQL 17 on Debian, started by explicit command" \
      org.opencontainers.image.licenses="PostgreSQL"

# The user comes first, so that the package adopts 999 (upstream's id) instead of picking one. The package would
# also create and start a cluster of its own: the two files written before the installation say no. The compiler for
# long analytical queries is a third of the installation and of no use to short ones; without its provider Postgres
# does not look for it.
RUN groupadd --system --gid 999 postgres \
 && useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /usr/sbin/nologin postgres \
 && mkdir -p /etc/postgresql-common \
 && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
 && printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d \
 && chmod 0755 /usr/sbin/policy-rc.d \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postgresql-17 \
 && rm -rf /usr/lib/postgresql/17/lib/llvmjit* /usr/lib/postgresql/17/lib/bitcode /usr/lib/*/libLLVM* /usr/lib/llvm* \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /usr/share/doc/* /usr/share/man/* \
 && install -d -o 999 -g 999 -m 0700 /var/lib/postgresql/data \
 && install -d -o 999 -g 999 -m 0775 /var/run/postgresql

# First in PATH: Debian's /usr/bin/psql and friends are Perl wrappers around clusters that do not exist here.
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PGDATA=/var/lib/postgresql/data

USER 999:999
EXPOSE 5432
STOPSIGNAL SIGINT
CMD ["postgres", "--version"]
