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
  # Shims ignore a polite request while they think that a container lives.
  while read -r pid part; do
    if is_shim "$pid"; then kill -KILL "$pid" 2>/dev/null || true; else kill -TERM "$pid" 2>/dev/null || true; fi
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
  rm -f "/var/lib/cni/results/$LAB_NAME-"*
  rmdir /var/lib/cni/results /var/lib/cni 2>/dev/null || true
  unmount_below "$RUN_DIR"
  ((seen == 0)) || say "ended: every process of the lab${pids:+ (${#pids[@]} daemons)}"
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
