# shellcheck shell=bash
# What runs inside the cluster before any user's pod: names and storage.

ensure_addons() {
  local log=$LOG_DIR/addons.log
  # The API server says ready a moment before its default roles and namespaces are there.
  applied() { kubectl apply --filename "$LAB_DIR/manifests/coredns.yaml" --filename "$LAB_DIR/manifests/local-path.yaml" >"$log" 2>&1; }
  wait_until 30 applied || { cat "$log" >&2 && die "the cluster refuses its add-ons" "read $log"; }
  wait_until 90 node_ready || die "the node does not get Ready" "lab logs kubelet; lab logs containerd"
  wait_until 120 dns_ready || {
    kubectl --namespace kube-system get pods,events >&2 || true
    die "CoreDNS does not get Ready" "lab kubectl -n kube-system describe pods"
  }
}

# A connection that came before kube-proxy's rules is never answered, however often TCP repeats it: each try is a new one.
dns_ready() {
  [[ $(kubectl --namespace kube-system get deployment coredns -o 'jsonpath={.status.conditions[?(@.type=="Available")].status}' 2>/dev/null) == True ]] &&
    in_namespace timeout 2 bash -c "echo >/dev/tcp/$DNS_IP/53" 2>/dev/null
}
