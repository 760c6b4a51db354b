#!/usr/bin/env bash
# How the operator fares with a thousand ChatClusters: a real API server and etcd, no node and no controllers. What the
# controllers would report (a database that is ready, a migration that is done) is reported by this script.
#
# Prints: time until all children are applied, peak memory, writes while idle, time from a restart to ready and its writes.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${CHATCLUSTER_CACHE:-$HOME/.cache/chatcluster}
TARGET=${CARGO_TARGET_DIR:-$CACHE/target}
COUNT=${1:-1000}
IDLE_SECONDS=${IDLE_SECONDS:-60}
NOISE=${NOISE:-0}
API_PORT=16443 ETCD_PORT=12379 HEALTH_PORT=18099

usage() {
  cat <<'TEXT'
usage: operator/tests/scale.sh [count]

  count          ChatClusters to create (default 1000)

environment:
  IDLE_SECONDS   how long to watch for writes when all is done (default 60)
  NOISE          unrelated large ConfigMaps and Secrets to create first (default 0)
  KUBE_BIN       folder with etcd, kube-apiserver and kubectl (default: the lab's)
  OPERATOR       the operator's binary (default: the one in cargo's target folder)
TEXT
}
if [[ $COUNT == -h || $COUNT == --help ]]; then
  usage
  exit
fi
if ! [[ $COUNT =~ ^[0-9]+$ ]]; then
  printf 'scale: %q is no number\n' "$COUNT" >&2
  usage >&2
  exit 2
fi

kubectl_of_lab=$(readlink -f "$CACHE/lab/bin/kubectl" 2>/dev/null || true)
KUBE_BIN=${KUBE_BIN:-${kubectl_of_lab%/*}}
OPERATOR=${OPERATOR:-$TARGET/debug/chat-operator}
for program in "$KUBE_BIN/etcd" "$KUBE_BIN/kube-apiserver" "$KUBE_BIN/kubectl" "$OPERATOR"; do
  if [[ ! -x $program ]]; then
    echo "scale: $program is missing; run \"lab/lab up\" and \"make build\" first" >&2
    exit 1
  fi
done

DIR=$(mktemp -d)
PIDS=()
cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${PIDS[@]}"; do wait "$pid" 2>/dev/null || true; done
  [[ -n ${KEEP_AUDIT:-} ]] && cp "$DIR/audit.log" "$KEEP_AUDIT"
  rm -rf "$DIR"
}
trap cleanup EXIT

now() { date +%s%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", (b - a) / 1e9 }'; }
until_true() {
  local what=$1 limit=$2 started
  started=$(date +%s)
  shift 2
  until "$@" >/dev/null 2>&1; do
    if (($(date +%s) - started > limit)); then
      echo "scale: $what did not come about within $limit s" >&2
      exit 1
    fi
    sleep 0.2
  done
}
kubectl() { "$KUBE_BIN/kubectl" --kubeconfig "$DIR/kubeconfig" "$@"; }
metric() { curl --silent --max-time 5 "http://127.0.0.1:$HEALTH_PORT/metrics" | awk -v name="$1" '$1 ~ "^"name {sum += $2} END {printf "%d", sum}'; }

start_api_server() {
  openssl genrsa -out "$DIR/sa.key" 2048 2>/dev/null
  echo 'admin-token,admin,admin,system:masters' >"$DIR/tokens.csv"
  printf '%s\n' 'apiVersion: audit.k8s.io/v1' 'kind: Policy' 'omitStages: [RequestReceived]' 'rules:' \
    '- {level: Metadata, verbs: [create, update, patch, delete]}' '- {level: None}' >"$DIR/audit.yaml"
  "$KUBE_BIN/etcd" --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level error \
    --listen-client-urls "http://127.0.0.1:$ETCD_PORT" --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" \
    --listen-peer-urls "http://127.0.0.1:$((ETCD_PORT + 1))" >"$DIR/etcd.log" 2>&1 &
  PIDS+=($!)
  "$KUBE_BIN/kube-apiserver" --etcd-servers "http://127.0.0.1:$ETCD_PORT" --bind-address 127.0.0.1 --secure-port "$API_PORT" \
    --cert-dir "$DIR/certs" --token-auth-file "$DIR/tokens.csv" --authorization-mode AlwaysAllow --anonymous-auth=false \
    --service-account-issuer https://scale --service-account-key-file "$DIR/sa.key" --service-account-signing-key-file "$DIR/sa.key" \
    --service-cluster-ip-range 10.0.0.0/16 --disable-admission-plugins ServiceAccount --audit-policy-file "$DIR/audit.yaml" \
    --audit-log-path "$DIR/audit.log" --audit-log-maxsize 1000 --max-requests-inflight 2000 --profiling=false \
    >"$DIR/apiserver.log" 2>&1 &
  PIDS+=($!)
  cat >"$DIR/kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: scale, cluster: {server: "https://127.0.0.1:$API_PORT", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: admin-token}}]
contexts: [{name: scale, context: {cluster: scale, user: admin}}]
current-context: scale
YAML
  until_true "the API server" 90 kubectl get --raw /readyz
}

start_operator() {
  KUBECONFIG=$DIR/kubeconfig HEALTH_ADDRESS=127.0.0.1:$HEALTH_PORT METRICS_API=false POD_NAMESPACE=default POD_NAME=scale \
    RUST_LOG=warn "$OPERATOR" run >>"$DIR/operator.log" 2>&1 &
  OPERATOR_PID=$!
  PIDS+=("$OPERATOR_PID")
}

stop_operator() {
  kill "$OPERATOR_PID"
  wait "$OPERATOR_PID" || true
}

peak_mebibytes() { awk '/^VmHWM/ {printf "%.1f", $2 / 1024}' "/proc/$OPERATOR_PID/status"; }
cpu_seconds() { awk -v hertz="$(getconf CLK_TCK)" '{printf "%.1f", ($14 + $15) / hertz}' "/proc/$OPERATOR_PID/stat"; }

# What the operator wrote to anything but the leader election's Lease: everything that was not written by this script's own
# clients and by the API server itself.
operator_writes() {
  # grep ends with 1 where it counts none.
  grep -c -v -e '"resource":"leases"' -e '"userAgent":"kubectl' -e '"userAgent":"scale"' -e '"userAgent":"kube-apiserver' \
    "$DIR/audit.log" || true
}

start_api_server
kubectl apply --server-side --filename "$REPO/crds" >/dev/null
until_true "the CRD" 30 kubectl get chatclusters
if ((NOISE)); then
  python3 "$REPO/operator/tests/scale.py" noise "$API_PORT" "$NOISE"
fi
start_operator
until_true "the operator" 30 curl --silent --fail "http://127.0.0.1:$HEALTH_PORT/readyz"
python3 "$REPO/operator/tests/scale.py" controllers "$API_PORT" >"$DIR/controllers.log" 2>&1 &
PIDS+=($!)
CONTROLLERS=$!

started=$(now)
python3 "$REPO/operator/tests/scale.py" create "$API_PORT" "$COUNT"
all_applied() { (($(kubectl get horizontalpodautoscalers --all-namespaces --output name | wc -l) >= 2 * COUNT)); }
until_true "all children" 900 all_applied
printf 'clusters                     %d\n' "$COUNT"
printf 'all children applied after   %s s\n' "$(since "$started")"
printf 'CPU of the operator          %s s\n' "$(cpu_seconds)"
printf 'objects                      %d\n' "$(metric chat_operator_objects)"
kill "$CONTROLLERS"
quiet() {
  local before
  before=$(operator_writes)
  sleep 5
  [[ $(operator_writes) == "$before" ]]
}
until_true "quiet" 300 quiet
before=$(operator_writes)
sleep "$IDLE_SECONDS"
printf 'writes in %d idle seconds    %d\n' "$IDLE_SECONDS" "$(($(operator_writes) - before))"
printf 'peak memory                  %s MiB\n' "$(peak_mebibytes)"
stop_operator
before=$(operator_writes)
lines=$(wc -l <"$DIR/audit.log")
started=$(now)
start_operator
until_true "the operator" 120 curl --silent --fail "http://127.0.0.1:$HEALTH_PORT/readyz"
printf 'restart to ready             %s s\n' "$(since "$started")"
reconciled() { (($(metric chat_operator_reconciliations_total) >= COUNT)); }
until_true "a look at every ChatCluster" 300 reconciled
printf 'restart to all looked at     %s s\n' "$(since "$started")"
printf 'writes after the restart     %d\n' "$(($(operator_writes) - before))"
what_was_written() { tail -n "+$((lines + 1))" "$DIR/audit.log" | grep -v '"resource":"leases"' | sed -n 's/.*"verb":"\([a-z]*\)".*"resource":"\([a-z]*\)".*/  \1 \2/p' | sort | uniq -c; }
what_was_written
printf 'peak memory after restart    %s MiB\n' "$(peak_mebibytes)"
