# shellcheck shell=bash
# What of the lab lives, and where it is: for a person, and for a script by its exit status (0 when all answers).

readonly PARTS=(containerd etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet)

command_status() {
  no_arguments status "$@"
  require_root status
  local part pid state healthy=0 file
  for part in "${PARTS[@]}"; do
    if ! pid=$(part_pid "$part"); then
      state='not running' healthy=1
    elif part_answers "$part"; then
      state="running, pid $pid"
    else
      state="does not answer, pid $pid" healthy=1
    fi
    printf '%-24s %s\n' "$part" "$state"
  done
  for file in "$EXPOSED_DIR"/*; do
    [[ -f $file ]] || continue
    state='not running'
    if part_pid "expose-${file##*/}" >/dev/null; then state=running; else healthy=1; fi
    printf '%-24s %s, leads to %s\n' "127.0.0.1:${file##*/}" "$state" "$(<"$file")"
  done
  if ((healthy == 0)); then
    printf '%-24s %s\n' kubeconfig "$KUBECONFIG_FILE"
    kubectl get nodes
    kubectl get pods --all-namespaces
  fi
  return "$healthy"
}

part_answers() {
  case $1 in
    containerd) containerd_answers ;;
    etcd) etcd_answers ;;
    kube-apiserver) apiserver_answers ;;
    kube-controller-manager) controller_manager_answers ;;
    kube-scheduler) scheduler_answers ;;
    kube-proxy) kube_proxy_answers ;;
    kubelet) kubelet_answers ;;
  esac
}

command_logs() {
  local logs follow=()
  if [[ ${1:-} == -f ]]; then follow=(--follow) && shift; fi
  logs=$(find "$LOG_DIR" -maxdepth 1 -name '*.log' -printf '%f\n' 2>/dev/null | sed 's/\.log$//' | sort | tr '\n' ' ')
  (($# == 1)) || die_usage "'logs' takes one part" "the parts with a log are: ${logs:-none yet, run lab up}"
  [[ $1 =~ ^[a-z0-9-]+$ && -f $LOG_DIR/$1.log ]] || die_usage "no log of '$1'" "the parts with a log are: ${logs:-none yet, run lab up}"
  tail -n "${LAB_LOG_LINES:-200}" "${follow[@]}" "$LOG_DIR/$1.log"
}

command_kubeconfig() {
  [[ -f $KUBECONFIG_FILE ]] || die "there is no cluster" "lab up"
  case ${1:-} in
    '') printf '%s\n' "$KUBECONFIG_FILE" ;;
    --raw) cat "$KUBECONFIG_FILE" ;;
    *) die_usage "'kubeconfig' does not know '$1'" "lab kubeconfig --help" ;;
  esac
}

command_kubectl() {
  [[ -f $KUBECONFIG_FILE ]] || die "there is no cluster" "lab up"
  KUBECONFIG=$KUBECONFIG_FILE exec "$CACHE_DIR/bin/kubectl" "$@"
}
