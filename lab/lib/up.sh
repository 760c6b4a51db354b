# shellcheck shell=bash
# From whatever is there (nothing, a crash, another checkout's lab) to a cluster that works. Every step looks first.

command_up() {
  no_arguments up "$@"
  require_root up
  trap 'echo; die "interrupted: nothing is lost" "lab up goes on where it stopped; lab down clears away"' INT TERM
  take_lock up
  forget_before_reboot
  ensure_packages
  if part_pid kube-apiserver >/dev/null; then ensure_programs quick; else ensure_programs; fi
  ensure_certificates
  ensure_network
  ensure_containerd
  ensure_images "${INFRA_IMAGES[@]}"
  ensure_control_plane
  ensure_node
  ensure_addons
  ensure_exposed
  say "up: Kubernetes $KUBERNETES_VERSION is ready; export KUBECONFIG=$KUBECONFIG_FILE"
}

# After a reboot no record or socket means anything, and pods' addresses are free again.
forget_before_reboot() {
  if [[ -f $RUN_DIR/boot-id && $(<"$RUN_DIR/boot-id") != "$BOOT_ID" ]]; then
    say "the machine was restarted: starting every part again"
    delete_shim_sockets
    unmount_below "$RUN_DIR"
    rm -rf "$RUN_DIR"
  fi
  mkdir -p "$STATE_DIR" "$RUN_DIR" "$RECORD_DIR" "$LOG_DIR" "$CONFIG_DIR" "$CACHE_DIR"
  chmod 0700 "$STATE_DIR"
  echo "$BOOT_ID" >"$RUN_DIR/boot-id"
}
