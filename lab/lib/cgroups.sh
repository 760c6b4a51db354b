# shellcheck shell=bash
# The control group that holds every pod of the lab, and nothing else: how pods are bounded, found and ended.

# Prints the lab's group in each hierarchy: one with cgroup v2, one for each controller with v1.
cgroup_folders() {
  local folder
  if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
    printf '%s\n' "/sys/fs/cgroup/$CGROUP"
  else
    for folder in /sys/fs/cgroup/*/; do [[ -L ${folder%/} ]] || printf '%s%s\n' "$folder" "$CGROUP"; done
  fi
}

# The kubelet refuses a root group that does not exist in every hierarchy.
ensure_cgroups() {
  local folder parent controller file
  while read -r folder; do
    parent=${folder%/*}
    if [[ $parent == /sys/fs/cgroup ]]; then
      for controller in $(<"$parent/cgroup.controllers"); do
        echo "+$controller" >"$parent/cgroup.subtree_control" 2>/dev/null || true
      done
    fi
    mkdir -p "$folder"
    # A new cpuset group is empty under v1, and no process may enter an empty one.
    for file in cpuset.cpus cpuset.mems; do
      [[ ! -f $parent/$file || ! -f $folder/$file || -n $(<"$folder/$file") ]] || cat "$parent/$file" >"$folder/$file"
    done
  done < <(cgroup_folders)
}

pod_processes() {
  local folder
  while read -r folder; do
    # Groups vanish while we look.
    [[ ! -d $folder ]] || find "$folder" -name cgroup.procs -exec cat {} + 2>/dev/null || true
  done < <(cgroup_folders) | sort -un
}

# Ends every process of every pod, whether containerd still lives or not.
end_pods() {
  local pids
  no_pods() {
    mapfile -t pids < <(pod_processes)
    ((${#pids[@]} > 0)) || return 0
    kill -KILL "${pids[@]}" 2>/dev/null
    return 1
  }
  wait_until 20 no_pods || warn "processes of pods would not end: ${pids[*]}"
}

delete_cgroups() {
  local folder
  groups_gone() {
    local left=0
    while read -r folder; do
      [[ -d $folder ]] || continue
      find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || true
      [[ ! -d $folder ]] || left=1
    done < <(cgroup_folders)
    return "$left"
  }
  wait_until 10 groups_gone || warn "control groups $CGROUP are still in use"
}
