# shellcheck shell=bash
# Ends the lab and removes every trace of it from the machine, in the order that leaves nothing hanging.

command_down() {
  local purge=
  case ${1:-} in
    '') ;;
    --purge) purge=1 && shift && no_arguments down "$@" ;;
    *) die_usage "'down' does not know '$1'" "lab down --help" ;;
  esac
  require_root down
  trap 'echo; die "interrupted" "lab down again ends what is left"' INT TERM
  take_lock down
  if command -v ip >/dev/null; then
    end_everything
    delete_network
  fi
  unmount_below "$STATE_DIR"
  unmount_below "$RUN_DIR"
  unmount_below "$CACHE_DIR"
  delete_kubelet_traces
  rm -rf "$RUN_DIR"
  if [[ -n $purge ]]; then
    rm -rf "$STATE_DIR" "$CACHE_DIR"
    say "down: the lab, its data and its caches are gone"
  elif [[ -d $STATE_DIR ]]; then
    # containerd's folder holds the images, which no registry could give back.
    find "$STATE_DIR" -mindepth 1 -maxdepth 1 ! -name containerd ! -name images ! -name logs -exec rm -rf {} +
    say "down: the lab and its data are gone; images and caches stay (--purge deletes them)"
  else
    say "down: there was no lab"
  fi
  rm -f "$LOCK_FILE"
}

# Ends every process: first who would restart others, then the pods, then containerd, then the control plane.
end_everything() {
  local pid part pids=() seen=0
  [[ -z $(lab_processes) && -z $(pod_processes) ]] || seen=1
  stop_part kubelet
  end_pods
  ((seen == 0)) || delete_containers
  delete_shim_sockets
  mapfile -t pids < <(lab_processes | cut -d ' ' -f 1)
  # Who keeps data is asked politely. The others would only wait for each other's connections to end.
  while read -r pid part; do
    case $part in
      etcd) kill -TERM "$pid" 2>/dev/null || true ;;
      containerd) kill -"$(is_shim "$pid" && echo KILL || echo TERM)" "$pid" 2>/dev/null || true ;;
      *) kill -KILL "$pid" 2>/dev/null || true ;;
    esac
  done < <(lab_processes)
  none_left() { [[ -z $(lab_processes) ]]; }
  if ! wait_until 10 none_left; then
    while read -r pid part; do kill -KILL "$pid" 2>/dev/null || true; done < <(lab_processes)
    wait_until 10 none_left || warn "processes would not end: $(lab_processes | tr '\n' ' ')"
  fi
  end_pods
  delete_cgroups
  rm -rf "$RECORD_DIR"
  rm -rf "$RUN_DIR/cni"
  delete_network_results
  unmount_below "$RUN_DIR"
  ((seen == 0)) || say "ended: every process of the lab${pids:+ (${#pids[@]} daemons)}"
}

# The library of network plugins keeps its results in one folder for all users: ours name a namespace below our folder.
delete_network_results() {
  local result
  while read -r result; do rm -f "$result"; done < <(grep -lsF "\"$RUN_DIR/" /var/lib/cni/results/* || true)
  rmdir /var/lib/cni/results /var/lib/cni 2>/dev/null || true
}

# Deepest first, and lazily where something still has a file open.
unmount_below() {
  local mount
  while read -r mount; do
    umount "$mount" 2>/dev/null || umount --lazy "$mount" 2>/dev/null || true
  done < <(awk -v below="$1/" 'index($5 "/", below) == 1 { print length($5), $5 }' /proc/self/mountinfo | sort -rn | cut -d ' ' -f 2-)
}

# Links that the kubelet keeps in a folder of its own choosing.
delete_kubelet_traces() {
  local link
  for link in /var/log/containers/*.log; do
    [[ $(readlink "$link") != "$STATE_DIR"/* ]] || rm -f "$link"
  done
  rmdir /var/log/containers /var/lib/kubelet/device-plugins /var/lib/kubelet 2>/dev/null || true
}
