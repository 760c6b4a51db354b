# shellcheck shell=bash
# Every name, address, version and path of the lab: what a reader would want to change is here and nowhere else.

readonly LAB_NAME=chatcluster-lab

readonly STATE_DIR=/var/lib/$LAB_NAME # data that a restart of the lab needs: etcd, certificates, images, volumes, logs
readonly RUN_DIR=/run/$LAB_NAME       # sockets and what a reboot makes worthless
readonly LOG_DIR=$STATE_DIR/logs
readonly PKI_DIR=$STATE_DIR/pki
readonly CONFIG_DIR=$STATE_DIR/config
readonly RECORD_DIR=$RUN_DIR/parts # one file for each running part: pid, start time, fingerprint
readonly KUBECONFIG_FILE=$STATE_DIR/kubeconfig

readonly CACHE_DIR=${CHATCLUSTER_CACHE:-$HOME/.cache/chatcluster}/lab
readonly PROGRAM_DIR=$CACHE_DIR/programs

# TEST-NET-2: reserved for documentation, so no real network of the machine should use it.
readonly NETNS=$LAB_NAME
readonly NETNS_FILE=/run/netns/$NETNS
readonly HOST_VETH=cclab-host
readonly HOST_IP=198.51.100.1
readonly NODE_IP=198.51.100.2
readonly POD_CIDR=10.244.0.0/22
readonly SERVICE_CIDR=10.96.0.0/16
readonly KUBERNETES_IP=10.96.0.1
readonly DNS_IP=10.96.0.10
readonly NODE_NAME=lab
readonly CGROUP=chatcluster-lab

readonly KUBERNETES_VERSION=1.34.4
readonly COREDNS_VERSION=1.15.0
readonly LOCAL_PATH_VERSION=0.0.30
readonly HELM_VERSION=3.22.0
readonly BASE_SUITE=trixie

readonly CONTAINERD_SOCKET=$RUN_DIR/containerd.sock
readonly API_SERVER=https://$NODE_IP:6443
