#!/usr/bin/env bash
# Writes what is generated: the CRD from the operator's code (crds/ and the chart), the rendered chart and its files for
# monitoring (manifests/).
# With --check it writes nothing and fails where something committed differs.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${CHATCLUSTER_CACHE:-$HOME/.cache/chatcluster}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
CRD=chatclusters.chatcluster.dev.yaml

usage() {
  cat <<'TEXT'
usage: operator/generate.sh [--check]

  (nothing)  regenerate crds/, the chart's CRD, manifests/install.yaml and manifests/monitoring/
  --check    fail, showing the difference, where one of them is out of date
TEXT
}

find_helm() {
  local helm
  for helm in "$CACHE/lab/bin/helm" "$CACHE/bin/helm" "$(command -v helm || true)"; do
    if [[ -x $helm ]]; then
      printf '%s\n' "$helm"
      return
    fi
  done
  echo 'generate: helm is missing; install it, or run "lab/lab up" once, which builds it' >&2
  return 1
}

generate() {
  local out=$1 helm
  mkdir -p "$out/crds" "$out/files" "$out/manifests"
  (cd "$REPO" && cargo run --quiet --locked --bin chat-operator -- crd) >"$out/crds/$CRD"
  cp "$out/crds/$CRD" "$out/files/$CRD"
  # The chart is rendered from a copy that has the fresh CRD.
  cp -r "$REPO/charts/chatcluster-operator" "$out/chart"
  mkdir -p "$out/chart/files"
  cp "$out/crds/$CRD" "$out/chart/files/$CRD"
  helm=$(find_helm)
  {
    echo '# The chart, rendered with its default values by operator/generate.sh; do not edit.'
    echo '# kubectl apply --server-side -f install.yaml'
    echo '---'
    echo 'apiVersion: v1'
    echo 'kind: Namespace'
    echo 'metadata:'
    echo '  name: chatcluster-system'
    echo '  labels:'
    echo '    pod-security.kubernetes.io/enforce: restricted'
    "$helm" template chatcluster-operator "$out/chart" --namespace chatcluster-system --kube-version 1.34.0
  } >"$out/manifests/install.yaml"
}

pairs() {
  printf '%s %s\n' \
    "crds/$CRD" "crds/$CRD" \
    "files/$CRD" "charts/chatcluster-operator/files/$CRD" \
    "manifests/install.yaml" "manifests/install.yaml"
  local file
  for file in alerts.yaml adapter-rules.yaml dashboard.json prometheus.yaml; do
    printf '%s %s\n' "chart/files/$file" "manifests/monitoring/$file"
  done
}

case ${1:-} in
  '' | --check) ;;
  -h | --help) usage && exit ;;
  *)
    printf 'generate: unknown argument %q\n' "$1" >&2
    usage >&2
    exit 2
    ;;
esac

OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT
generate "$OUT"
stale=0
while read -r made kept; do
  if [[ ${1:-} == --check ]]; then
    diff --unified "$REPO/$kept" "$OUT/$made" || stale=1
  else
    mkdir -p "$(dirname "$REPO/$kept")"
    cp "$OUT/$made" "$REPO/$kept"
    echo "wrote $kept"
  fi
done < <(pairs)
if ((stale)); then
  echo 'generate: out of date; run operator/generate.sh and commit the result' >&2
  exit 1
fi
