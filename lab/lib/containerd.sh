# shellcheck shell=bash
# How the lab's own containerd is configured and asked; it shares nothing with another one of the machine.

readonly SANDBOX_IMAGE=docker.io/chatcluster/pause:lab

# ctr_within <seconds> <command...>: a containerd in trouble must not hang the lab.
ctr_within() { timeout "$1" ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io "${@:2}" 9>&-; }

containerd_answers() { ctr_within 5 version >/dev/null 2>&1; }

describe_containerd() {
  PART_ARGV=(/usr/bin/containerd --config "$CONFIG_DIR/containerd.toml")
  PART_INPUTS=("$CONFIG_DIR/containerd.toml")
}

ensure_containerd() {
  write_config containerd.toml <<TOML
version = 2
root = "$STATE_DIR/containerd"
state = "$RUN_DIR/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "$CONTAINERD_SOCKET"

[debug]
  level = "warn"

[plugins."io.containerd.internal.v1.opt"]
  path = "$STATE_DIR/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$SANDBOX_IMAGE"
  # A root without CAP_SYS_RESOURCE (as in many virtual machines) may not lower a score; every sandbox would fail.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "$RUN_DIR/runc"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$CONFIG_DIR/cni"
TOML
  # Point to point, not a bridge: every packet between pods is routed, so a Service's reply is always translated back,
  # whether or not the kernel has br_netfilter.
  write_config cni/10-lab.conflist <<JSON
{
  "cniVersion": "0.4.0",
  "name": "$LAB_NAME",
  "plugins": [
    {
      "type": "ptp",
      "ipam": {
        "type": "host-local",
        "dataDir": "$RUN_DIR/cni",
        "ranges": [[{"subnet": "$POD_CIDR"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
JSON
  ensure_part containerd 30 containerd_answers
}

# Forgets every container, so that the next cluster does not meet this one's. Their processes have ended before.
delete_containers() {
  containerd_answers || return 0
  local containers
  mapfile -t containers < <(ctr_within 10 containers list --quiet)
  ((${#containers[@]} > 0)) || return 0
  ctr_within 60 tasks delete --force "${containers[@]}" >/dev/null 2>&1 || true
  ctr_within 60 containers delete "${containers[@]}" >/dev/null 2>&1 || true
}

# A shim's socket lies in a folder that all containerds of a machine share: only those that ours wrote down go.
delete_shim_sockets() {
  local file address
  for file in "$RUN_DIR"/containerd/io.containerd.runtime.v2.task/*/*/address; do
    [[ -f $file ]] || continue
    address=$(<"$file")
    [[ $address != unix:///run/containerd/s/* ]] || rm -f "${address#unix://}"
  done
  rmdir /run/containerd/s /run/containerd/fifo /run/containerd 2>/dev/null || true
}
