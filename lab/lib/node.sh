# shellcheck shell=bash
# How the kubelet and kube-proxy are configured: the one node of the cluster.

describe_kubelet() {
  PART_ARGV=("$KUBE_DIR/kubelet" --config "$CONFIG_DIR/kubelet.yaml" --kubeconfig "$CONFIG_DIR/kubelet.kubeconfig"
    --root-dir "$STATE_DIR/kubelet" --cert-dir "$STATE_DIR/kubelet/pki" --hostname-override "$NODE_NAME" --node-ip "$NODE_IP")
  PART_INPUTS=("$CONFIG_DIR/kubelet.yaml" "$CONFIG_DIR/kubelet.kubeconfig" "$PKI_DIR/kubelet-server.crt")
}

describe_kube_proxy() {
  PART_ARGV=("$KUBE_DIR/kube-proxy" --config "$CONFIG_DIR/kube-proxy.yaml")
  PART_INPUTS=("$CONFIG_DIR/kube-proxy.yaml" "$CONFIG_DIR/kube-proxy.kubeconfig")
}

kubelet_answers() { answers http://127.0.0.1:10248/healthz; }
kube_proxy_answers() { answers http://127.0.0.1:10256/livez; }

ensure_node() {
  ensure_cgroups
  write_config resolv.conf <<<'# no uplink: pods resolve names of the cluster only'
  write_config kubelet.yaml <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI_DIR/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI_DIR/kubelet-server.crt
tlsPrivateKeyFile: $PKI_DIR/kubelet-server.key
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: $CONFIG_DIR/resolv.conf
podLogsDir: $STATE_DIR/pod-logs
volumePluginDir: $STATE_DIR/kubelet/volume-plugins
maxPods: 300
oomScoreAdj: 0
# The disk is shared with the rest of the machine, and images can't be pulled again.
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
containerLogMaxSize: 20Mi
containerLogMaxFiles: 2
serializeImagePulls: false
YAML
  write_config kube-proxy.yaml <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $CONFIG_DIR/kube-proxy.kubeconfig}
mode: iptables
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE_NAME
oomScoreAdj: 0
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
# Connection tracking is the machine's: its limits are neither ours to change nor always writable.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
# A small cluster: apply changes at once rather than in intervals meant for thousands of Services.
iptables: {minSyncPeriod: 100ms}
YAML
  ensure_part kubelet 60 kubelet_answers
  # kube-proxy backs off for half a minute when it starts before its node is known.
  wait_until 60 node_registered || die "the node does not register" "lab logs kubelet"
  ensure_part kube-proxy 60 kube_proxy_answers
}

node_registered() { kubectl get node "$NODE_NAME" >/dev/null 2>&1; }

node_ready() {
  [[ $(kubectl get node "$NODE_NAME" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null) == True ]]
}
