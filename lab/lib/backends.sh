# shellcheck shell=bash
# Postgres, RabbitMQ and Valkey in the cluster for the tests of stores and flows, and how a test on the host reaches them.

command_backends() {
  no_arguments backends "$@"
  require_root backends
  # Standard output is for `eval`: progress goes to the other one.
  {
    take_lock backends
    [[ -x $CACHE_DIR/bin/kubectl ]] && apiserver_answers || die "the lab is not up" "lab up"
    ensure_images "${BACKEND_IMAGES[@]}"
    kubectl apply --filename "$LAB_DIR/manifests/test-backends.yaml" >/dev/null
    local name
    for name in postgres rabbitmq valkey; do
      kubectl --namespace chat-test rollout status "deployment/$name" --timeout 180s >/dev/null || {
        kubectl --namespace chat-test get pods,events
        die "$name of namespace chat-test does not get ready" "lab kubectl -n chat-test describe pods"
      }
    done
    # The endpoints are ready; the rules that lead to them follow a moment later.
    wait_until 20 service_connects postgres 5432 && wait_until 20 service_connects rabbitmq 5672 &&
      wait_until 20 service_connects rabbitmq 15692 && wait_until 20 service_connects valkey 6379 ||
      die "a Service of namespace chat-test does not answer" "lab logs kube-proxy"
    say "backends: ready in namespace chat-test"
  } >&2
  printf 'export TEST_DATABASE_URL=postgres://postgres:postgres@%s:5432/postgres\n' "$(service_address postgres)"
  printf 'export TEST_REDIS_URL=redis://%s:6379/\n' "$(service_address valkey)"
  printf 'export TEST_RABBITMQ_URL=amqp://guest:guest@%s:5672/%%2f\n' "$(service_address rabbitmq)"
  printf 'export TEST_RABBITMQ_METRICS_URL=http://%s:15692\n' "$(service_address rabbitmq)"
}

service_address() { kubectl --namespace chat-test get service "$1" --output 'jsonpath={.spec.clusterIP}'; }

service_connects() { timeout 2 bash -c "exec 3<>/dev/tcp/$(service_address "$1")/$2" 2>/dev/null; }
