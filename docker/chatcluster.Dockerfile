# The three images of ChatCluster, one target each: gateway, processor, operator.
#
#   docker build -f docker/chatcluster.Dockerfile --target gateway -t chatcluster/gateway .
#
# BUILD=source (the default) compiles from the checkout. BUILD=prebuilt takes `prebuilt/bin` and `prebuilt/web` of
# the build context instead, for machines that have compiled already; the stages of the other way are skipped.
ARG BUILD=source
ARG BASE_IMAGE=debian:trixie-slim
ARG RUST_IMAGE=rust:1.95-slim-trixie
ARG NODE_IMAGE=node:22-trixie-slim

FROM ${RUST_IMAGE} AS compile
WORKDIR /src
COPY . .
# The queries were checked against a database when `.sqlx` was written.
ENV SQLX_OFFLINE=true
# The profile of the tests: what is tested is what runs.
RUN cargo build --locked --bins \
 && install -D --strip --target-directory /out/bin target/debug/chat-server target/debug/chat-processor target/debug/chat-operator

FROM ${NODE_IMAGE} AS bundle
WORKDIR /src
COPY web .
RUN npm ci --no-audit --no-fund && npm run build

FROM scratch AS parts-source
COPY --from=compile /out/bin/ /bin/
COPY --from=bundle /src/app/dist/ /web/

FROM scratch AS parts-prebuilt
COPY prebuilt/bin/ /bin/
COPY prebuilt/web/ /web/

FROM parts-${BUILD} AS parts

FROM ${BASE_IMAGE} AS runtime
LABEL org.opencontainers.image.source="https://github.com/chatcluster/chatcluster" \
      org.opencontainers.image.licenses="Apache-2.0"
# A number, so that a cluster can see that it is not root.
USER 65532:65532
STOPSIGNAL SIGTERM

FROM runtime AS gateway
LABEL org.opencontainers.image.title="chatcluster/gateway" \
      org.opencontainers.image.description="Socket.IO and REST gateway of ChatCluster, with the chat page"
COPY --from=parts /bin/chat-server /usr/local/bin/
COPY --from=parts /web/ /usr/share/chatcluster/web/
ENV CHAT_WEB_ROOT=/usr/share/chatcluster/web
EXPOSE 8080
ENTRYPOINT ["chat-server"]

FROM runtime AS processor
LABEL org.opencontainers.image.title="chatcluster/processor" \
      org.opencontainers.image.description="EventProcessor of ChatCluster: queue to database to gateways"
COPY --from=parts /bin/chat-processor /usr/local/bin/
EXPOSE 9090
ENTRYPOINT ["chat-processor"]
CMD ["run"]

FROM runtime AS operator
LABEL org.opencontainers.image.title="chatcluster/operator" \
      org.opencontainers.image.description="Kubernetes operator of ChatCluster"
COPY --from=parts /bin/chat-operator /usr/local/bin/
ENTRYPOINT ["chat-operator"]
CMD ["run"]
