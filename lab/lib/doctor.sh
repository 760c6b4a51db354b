# shellcheck shell=bash
# Can this machine run the lab? Each check says what it found and, where it matters, what to do.

DOCTOR_FAILURES=0

# check <what> <remedy> <command...>
check() {
  local what=$1 remedy=$2
  shift 2
  if "$@" >/dev/null 2>&1; then
    printf '  ok    %s\n' "$what"
  else
    printf '  FAIL  %s\n        remedy: %s\n' "$what" "$remedy"
    DOCTOR_FAILURES=$((DOCTOR_FAILURES + 1))
  fi
}

# The same for what only slows or limits.
advise() {
  local what=$1 remedy=$2
  shift 2
  if "$@" >/dev/null 2>&1; then printf '  ok    %s\n' "$what"; else printf '  warn  %s\n        remedy: %s\n' "$what" "$remedy"; fi
}

command_doctor() {
  no_arguments doctor "$@"
  check "runs as root" "sudo lab/lab doctor" test "$EUID" = 0
  check "Debian 12 or 13" "use one of them, or install by hand: ${PACKAGES[*]}" debian_is_known
  check "x86-64 or arm64" "other processors are untried" test -n "$(uname -m | grep -E '^(x86_64|aarch64)$')"
  advise "at least 2 cores, 6 GB of free memory" "expect slow starts and evictions" enough_machine
  advise "at least 20 GB free in /var/lib and the cache" "free some space" enough_disk
  check "kernel has overlayfs" "modprobe overlay" kernel_has_filesystem overlay
  check "kernel has network namespaces and veth" "modprobe veth" can_make_namespace
  check "control groups: cpu, memory, pids" "mount them; with cgroup v1 each in its own hierarchy" has_cgroups
  advise "every Debian package is there" "lab up installs: $(missing_packages | tr '\n' ' ')" no_missing_packages
  check "the Go toolchain is in PATH" "install Go 1.24 or newer" command -v go
  advise "10,000 files may be open" "raise the hard limit of open files" test "$(ulimit -Hn)" = unlimited -o "$(ulimit -Hn)" -ge 10000
  check "address ranges are free" "change them in lab/lib/paths.sh" test -z "$(taken_addresses)"
  advise "port 8080 is free or the lab's own" "end its owner, or expose another port" port_free_or_ours 8080
  ((DOCTOR_FAILURES == 0)) || die "$DOCTOR_FAILURES check(s) failed"
}

debian_is_known() { grep -qE '^VERSION_ID="?1[23]"?$' /etc/os-release && grep -q '^ID=debian' /etc/os-release; }
enough_machine() { (($(nproc) >= 2)) && (($(awk '/MemAvailable/ { print $2 }' /proc/meminfo) > 6000000)); }
enough_disk() {
  local folder
  for folder in /var/lib "${CACHE_DIR%/*/*}"; do
    [[ ! -d $folder ]] || (($(df --output=avail --block-size=1G "$folder" | tail -n 1) >= 20)) || return 1
  done
}
kernel_has_filesystem() { grep -qw "$1" /proc/filesystems || modprobe "$1"; }
can_make_namespace() { unshare --net ip link add lab-doctor type veth peer name lab-doctor2; }
has_cgroups() {
  local controller
  for controller in cpu memory pids; do
    grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers 2>/dev/null || [[ -d /sys/fs/cgroup/$controller ]] || return 1
  done
}
no_missing_packages() { [[ -z $(missing_packages) ]]; }
port_free_or_ours() { ! port_listens "$1" || part_pid "expose-$1"; }
