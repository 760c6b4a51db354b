# shellcheck shell=bash
# Which programs the lab builds from Go modules, and builds those that are missing or stale.
#
# Each lives in the cache under a key of all that went into it: a stale one is never found, and an interrupted
# build leaves nothing under a key.

readonly KUBE_LINKS=(etcd kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubectl kubelet)
readonly PROGRAMS=(kube forward pause helm coredns local-path-provisioner)

# Sets PROGRAM_SOURCE (a folder of the lab, or module@version), PROGRAM_FLAGS.
describe_program() {
  local stamp=k8s.io/component-base/version
  PROGRAM_FLAGS='-s -w'
  case $1 in
    kube)
      PROGRAM_SOURCE=$LAB_DIR/kube
      PROGRAM_FLAGS+=" -X $stamp.gitVersion=v$KUBERNETES_VERSION -X $stamp.gitMajor=1 -X $stamp.gitMinor=$(cut -d . -f 2 <<<"$KUBERNETES_VERSION")"
      ;;
    forward | pause) PROGRAM_SOURCE=$LAB_DIR/programs/$1 ;;
    helm)
      PROGRAM_SOURCE=helm.sh/helm/v3/cmd/helm@v$HELM_VERSION
      # `helm template` takes the cluster that it does not see for Kubernetes 1.20 unless it is told.
      local minor=${KUBERNETES_VERSION#1.}
      stamp=helm.sh/helm/v3/pkg/chartutil
      PROGRAM_FLAGS+=" -X $stamp.k8sVersionMajor=1 -X $stamp.k8sVersionMinor=${minor%.*}"
      PROGRAM_FLAGS+=" -X helm.sh/helm/v3/internal/version.version=v$HELM_VERSION"
      ;;
    coredns) PROGRAM_SOURCE=github.com/coredns/coredns@v$COREDNS_VERSION ;;
    local-path-provisioner) PROGRAM_SOURCE=github.com/rancher/local-path-provisioner@v$LOCAL_PATH_VERSION ;;
    *) die "no program '$1'" ;;
  esac
}

# Memory of the keys: hashing the same sources ten times in one `up` would be waste.
declare -A PROGRAM_KEYS=()
GO_VERSION=

program_key() {
  if [[ -z ${PROGRAM_KEYS[$1]:-} ]]; then
    [[ -n $GO_VERSION ]] || GO_VERSION=$(go_version)
    describe_program "$1"
    local file files=()
    # The module file of a program lies beside it or above it; one that is fetched by version has neither.
    for file in "$PROGRAM_SOURCE"/*.go "$PROGRAM_SOURCE"/go.* "${PROGRAM_SOURCE%/*}"/go.*; do
      [[ ! -f $file ]] || files+=("$file")
    done
    PROGRAM_KEYS[$1]=$({
      printf '%s\n' "$GO_VERSION" "${PROGRAM_SOURCE##*/}" "$PROGRAM_FLAGS"
      cat "${files[@]}" </dev/null
    } | sha256sum | cut -c 1-16)
  fi
  PROGRAM_KEY=${PROGRAM_KEYS[$1]}
}

go_version() {
  command -v go >/dev/null || die "the Go toolchain is not in PATH" "install Go 1.24 or newer from its site, then run again"
  # GOTOOLCHAIN=local: a module's go line must not download another toolchain behind our back.
  GOTOOLCHAIN=local go env GOVERSION
}

# Sets PROGRAM_PATH, the place of a program's current build.
program_path() {
  program_key "$1"
  PROGRAM_PATH=$PROGRAM_DIR/$1-$PROGRAM_KEY/$1
}

# A damaged cache is rebuilt: a program counts only with the checksum that it was stored with.
program_is_intact() { (cd "${PROGRAM_PATH%/*}" 2>/dev/null && sha256sum --check --status program.sha256 2>/dev/null); }

# ensure_program <name> [quick]: `quick` trusts what is there by name, for the path that finds everything running.
ensure_program() {
  local name=$1 trust=${2:-}
  program_path "$name"
  if [[ -x $PROGRAM_PATH ]] && { [[ $trust == quick ]] || program_is_intact; }; then return 0; fi
  build_program "$name"
}

build_program() {
  local name=$1 folder=${PROGRAM_PATH%/*} new=$PROGRAM_DIR/new.$1 log=$LOG_DIR/build-$1.log started=$SECONDS status=0
  say "build: $name$([[ $name != kube ]] || echo ' (the first time this takes minutes)')"
  rm -rf "$new" && mkdir -p "$new" "$LOG_DIR"
  describe_program "$name"
  local go=(nice -n 5 env CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-buildvcs=false)
  if [[ $PROGRAM_SOURCE == /* ]]; then
    (cd "$PROGRAM_SOURCE" && "${go[@]}" go build -trimpath -ldflags "$PROGRAM_FLAGS" -o "$new/$name" .) >"$log" 2>&1 9>&- || status=$?
  else
    "${go[@]}" GOBIN="$new" go install -trimpath -ldflags "$PROGRAM_FLAGS" "$PROGRAM_SOURCE" >"$log" 2>&1 9>&- || status=$?
  fi
  ((status == 0)) || { tail -n 15 "$log" >&2 && die "building $name failed" "read $log; is the Go module proxy reachable?"; }
  if [[ $name == kube ]]; then
    local link
    for link in "${KUBE_LINKS[@]}"; do ln -s kube "$new/$link"; done
  fi
  (cd "$new" && sha256sum "$name" >program.sha256)
  # Older builds are kept while a process may still run from them, and while another checkout may want them back.
  rm -rf "$folder" && mv "$new" "$folder"
  find "$PROGRAM_DIR" -maxdepth 1 -name "$name-*" -mtime +30 -exec rm -rf {} +
  say "build: $name done in $((SECONDS - started)) s"
}

ensure_programs() {
  local name
  for name in "${PROGRAMS[@]}"; do ensure_program "$name" "$@"; done
  program_path kube
  KUBE_DIR=${PROGRAM_PATH%/*}
  publish_tools
}

# A fixed place for people and other scripts: the cache's keys change.
publish_tools() {
  local tool target
  mkdir -p "$CACHE_DIR/bin"
  program_path helm
  for target in "$KUBE_DIR/kubectl" "$PROGRAM_PATH"; do
    tool=$CACHE_DIR/bin/${target##*/}
    [[ $(readlink "$tool") == "$target" ]] || ln -sfn "$target" "$tool"
  done
}

kubectl() { KUBECONFIG=$KUBECONFIG_FILE "$CACHE_DIR/bin/kubectl" "$@"; }
