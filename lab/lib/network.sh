# shellcheck shell=bash
# The cluster's network namespace and how the machine reaches it.
#
# The namespace has no uplink: one veth pair joins it to the host, which gets routes to pods and Services through it.
# kube-proxy's rules live inside, so that deleting the namespace deletes every one of them.

in_namespace() { nsenter "--net=$NETNS_FILE" "$@"; }

namespace_works() { nsenter "--net=$NETNS_FILE" true 2>/dev/null; }

ensure_network() {
  if ! namespace_works; then
    refuse_taken_addresses
    # Daemons and pods of a namespace that is gone can't be repaired, only started again (their data stays).
    end_everything
    ip netns delete "$NETNS" 2>/dev/null || rm -f "$NETNS_FILE"
    ip netns add "$NETNS"
    say "network: namespace $NETNS, node $NODE_IP"
  fi
  if [[ ! -d /sys/class/net/$HOST_VETH ]] || ! in_namespace ip link show eth0 >/dev/null 2>&1; then
    ip link delete "$HOST_VETH" 2>/dev/null || true
    in_namespace ip link delete eth0 2>/dev/null || true
    ip link add "$HOST_VETH" type veth peer name eth0 netns "$NETNS"
  fi
  ip address replace "$HOST_IP/30" dev "$HOST_VETH"
  ip link set "$HOST_VETH" up
  in_namespace ip address replace "$NODE_IP/30" dev eth0
  in_namespace ip link set eth0 up
  in_namespace ip link set lo up
  # kube-proxy wants a default route to learn the node's address by; nothing answers there but the host.
  in_namespace ip route replace default via "$HOST_IP"
  in_namespace bash -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  local cidr
  for cidr in "$POD_CIDR" "$SERVICE_CIDR"; do ip route replace "$cidr" via "$NODE_IP" dev "$HOST_VETH"; done
}

# A route of the machine inside one of our ranges would be shadowed, or shadow the lab.
refuse_taken_addresses() {
  local taken
  taken=$(taken_addresses)
  [[ -z $taken ]] || die "an address range of the lab is in use on this machine: $taken" "change the ranges in lab/lib/paths.sh"
}

taken_addresses() {
  local cidr
  for cidr in "$HOST_IP/30" "$POD_CIDR" "$SERVICE_CIDR"; do ip -o route show root "$cidr"; done | grep -v "dev $HOST_VETH" || true
}

delete_network() {
  ip link delete "$HOST_VETH" 2>/dev/null || true
  ip netns delete "$NETNS" 2>/dev/null || rm -f "$NETNS_FILE"
}
