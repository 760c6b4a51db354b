# shellcheck shell=bash
# How etcd, the API server, the controller manager and the scheduler are started, and when each of them answers.

# describe_part <name>: sets PART_ARGV, PART_INPUTS (files whose change needs a restart) and PART_NETNS.
describe_part() {
  PART_ARGV=() PART_INPUTS=() PART_NETNS=lab
  case $1 in
    etcd | kube-apiserver | kube-controller-manager | kube-scheduler | containerd | kubelet | kube-proxy) "describe_${1//-/_}" ;;
    expose-*) describe_expose "${1#expose-}" ;;
    *) die "no part '$1'" ;;
  esac
}

describe_etcd() {
  PART_ARGV=("$KUBE_DIR/etcd" --name lab --data-dir "$STATE_DIR/etcd"
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380
    --initial-cluster lab=http://127.0.0.1:2380
    --unsafe-no-fsync # a lab's data need not survive a power cut, and the disk is shared
    --auto-compaction-mode periodic --auto-compaction-retention 5m --log-level warn)
}

describe_kube_apiserver() {
  # shellcheck disable=SC2054 # the commas are the API server's
  PART_ARGV=("$KUBE_DIR/kube-apiserver"
    --advertise-address "$NODE_IP" --bind-address "$NODE_IP" --secure-port 6443
    --etcd-servers http://127.0.0.1:2379 --service-cluster-ip-range "$SERVICE_CIDR"
    --client-ca-file "$PKI_DIR/ca.crt" --tls-cert-file "$PKI_DIR/apiserver.crt" --tls-private-key-file "$PKI_DIR/apiserver.key"
    # Without the address type and the authority, `kubectl logs|exec|port-forward` fail.
    --kubelet-preferred-address-types InternalIP --kubelet-certificate-authority "$PKI_DIR/ca.crt"
    --kubelet-client-certificate "$PKI_DIR/apiserver-kubelet-client.crt" --kubelet-client-key "$PKI_DIR/apiserver-kubelet-client.key"
    --service-account-issuer https://kubernetes.default.svc.cluster.local
    --service-account-key-file "$PKI_DIR/service-account.pub" --service-account-signing-key-file "$PKI_DIR/service-account.key"
    # The front proxy serves aggregated APIs, such as the operator's external metrics.
    --requestheader-client-ca-file "$PKI_DIR/front-proxy-ca.crt" --requestheader-allowed-names front-proxy-client
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group
    --requestheader-extra-headers-prefix X-Remote-Extra-
    --proxy-client-cert-file "$PKI_DIR/front-proxy-client.crt" --proxy-client-key-file "$PKI_DIR/front-proxy-client.key"
    --enable-aggregator-routing
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged --profiling=false)
  PART_INPUTS=("$PKI_DIR/apiserver.crt" "$PKI_DIR/service-account.pub")
  if [[ ${LAB_AUDIT:-0} == 1 ]]; then
    PART_ARGV+=(--audit-policy-file "$CONFIG_DIR/audit.yaml" --audit-log-path "$LOG_DIR/audit.log"
      --audit-log-maxsize 200 --audit-log-maxbackup 2)
    PART_INPUTS+=("$CONFIG_DIR/audit.yaml")
  fi
}

describe_kube_controller_manager() {
  local kubeconfig=$CONFIG_DIR/controller-manager.kubeconfig
  PART_ARGV=("$KUBE_DIR/kube-controller-manager" --bind-address 127.0.0.1 --leader-elect=false
    --kubeconfig "$kubeconfig" --authentication-kubeconfig "$kubeconfig" --authorization-kubeconfig "$kubeconfig"
    --root-ca-file "$PKI_DIR/ca.crt" --service-account-private-key-file "$PKI_DIR/service-account.key"
    --cluster-signing-cert-file "$PKI_DIR/ca.crt" --cluster-signing-key-file "$PKI_DIR/ca.key"
    --use-service-account-credentials --service-cluster-ip-range "$SERVICE_CIDR"
    --kube-api-qps 100 --kube-api-burst 200 --profiling=false
    --horizontal-pod-autoscaler-sync-period 5s) # tests of scaling can't wait for the usual 15 s
  PART_INPUTS=("$PKI_DIR/service-account.pub" "$kubeconfig")
}

describe_kube_scheduler() {
  local kubeconfig=$CONFIG_DIR/scheduler.kubeconfig
  PART_ARGV=("$KUBE_DIR/kube-scheduler" --bind-address 127.0.0.1 --leader-elect=false --profiling=false
    --kubeconfig "$kubeconfig" --authentication-kubeconfig "$kubeconfig" --authorization-kubeconfig "$kubeconfig"
    --kube-api-qps 100 --kube-api-burst 200)
  PART_INPUTS=("$kubeconfig")
}

# Answers within 2 s or is taken for dead. Arguments go to curl.
answers() { in_namespace curl --silent --fail --insecure --max-time 2 --output /dev/null "$@"; }

etcd_answers() { answers http://127.0.0.1:2379/health; }
controller_manager_answers() { answers https://127.0.0.1:10257/healthz; }
scheduler_answers() { answers https://127.0.0.1:10259/healthz; }

# Asked from the host, as a user will.
apiserver_answers() {
  curl --silent --fail --max-time 2 --output /dev/null --cacert "$PKI_DIR/ca.crt" --cert "$PKI_DIR/admin.crt" \
    --key "$PKI_DIR/admin.key" "$API_SERVER/readyz"
}

ensure_control_plane() {
  # LAB_AUDIT=1: who wrote what, without the bodies.
  write_config audit.yaml <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
YAML
  ensure_part etcd 60 etcd_answers
  ensure_part kube-apiserver 90 apiserver_answers
  ensure_part kube-controller-manager 60 controller_manager_answers
  ensure_part kube-scheduler 60 scheduler_answers
}

# write_config <name>: standard input becomes a file of the configuration folder, as a whole.
write_config() {
  mkdir -p "$(dirname "$CONFIG_DIR/$1")"
  cat >"$CONFIG_DIR/$1.new"
  mv "$CONFIG_DIR/$1.new" "$CONFIG_DIR/$1"
}
