# shellcheck shell=bash
# Which process is a part of the lab, and is it the one that we want? Starts, stops and repairs the daemons.
#
# A pid alone proves nothing after a crash, a reboot or 32768 forks. A record therefore holds the boot, the pid and
# the start time; and every daemon carries the part's name in its environment, so that even a process whose record is
# lost (another checkout's, an interrupted start's) is found and only the lab's own are ever ended.

readonly MARKER=CHATCLUSTER_LAB_PART
BOOT_ID=$(</proc/sys/kernel/random/boot_id)
readonly BOOT_ID

# Set by describe_part: how the part is started.
PART_ARGV=()
PART_INPUTS=()
PART_NETNS=lab

# Prints the clock tick at which a pid started; fails if there is no such process or it is only a zombie.
process_start_time() {
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  stat=${stat##*) } # the command name may hold spaces and brackets
  local fields
  read -ra fields <<<"$stat"
  [[ ${fields[0]} != Z ]] || return 1
  printf '%s\n' "${fields[19]}"
}

# Prints "pid part" for every living process that carries the marker, containers excluded (they get no environment of ours).
lab_processes() {
  local file pid part
  while read -r file; do
    pid=${file#/proc/} pid=${pid%/environ}
    process_start_time "$pid" >/dev/null || continue
    part=$({ tr '\0' '\n' <"$file" | sed -n "s/^$MARKER=//p"; } 2>/dev/null) || continue
    [[ -z $part ]] || printf '%s %s\n' "$pid" "$part"
  done < <(grep -lsaz "^$MARKER=" /proc/[0-9]*/environ || true)
}

# Prints the pid of a part if the recorded process still lives.
part_pid() {
  local boot pid started _
  { read -r boot pid started _ <"$RECORD_DIR/$1"; } 2>/dev/null || return 1
  [[ $boot == "$BOOT_ID" && $(process_start_time "$pid") == "$started" ]] || return 1
  printf '%s\n' "$pid"
}

part_fingerprint() {
  local netns=host
  [[ $PART_NETNS == host ]] || netns=$(stat -Lc %i "$NETNS_FILE")
  { printf '%s\0' "$netns" "${PART_ARGV[@]}" && cat "${PART_INPUTS[@]}" /dev/null; } | sha256sum | cut -d ' ' -f 1
}

part_recorded_fingerprint() {
  local fingerprint
  { read -r _ _ _ fingerprint <"$RECORD_DIR/$1"; } 2>/dev/null && printf '%s\n' "$fingerprint"
}

# Starts what describe_part described. The new session keeps a Ctrl-C at the lab's terminal away from the daemons.
start_part() {
  local part=$1 pid log=$LOG_DIR/$1.log launcher=(setsid)
  mkdir -p "$LOG_DIR" "$RECORD_DIR"
  if [[ -f $log ]] && (($(stat -c %s "$log") > 50000000)); then mv "$log" "$log.1"; fi
  printf -- '--- %s started %(%FT%TZ)T\n' "$part" -1 >>"$log"
  # Not `ip netns exec`: it mounts a new /sys, and the kubelet then finds no cgroups.
  [[ $PART_NETNS == host ]] || launcher+=(nsenter "--net=$NETNS_FILE")
  env "$MARKER=$part" KUBECONFIG= "${launcher[@]}" "${PART_ARGV[@]}" >>"$log" 2>&1 </dev/null 9>&- &
  pid=$!
  printf '%s %s %s %s\n' "$BOOT_ID" "$pid" "$(process_start_time "$pid")" "$(part_fingerprint)" >"$RECORD_DIR/$part.new"
  mv "$RECORD_DIR/$part.new" "$RECORD_DIR/$part"
}

# Ends one process: politely, then not.
end_process() {
  local pid=$1 seconds=${2:-10} started
  started=$(process_start_time "$pid") || return 0
  kill -TERM "$pid" 2>/dev/null || return 0
  gone() { [[ $(process_start_time "$pid") != "$started" ]]; }
  wait_until "$seconds" gone || { kill -KILL "$pid" 2>/dev/null && wait_until 5 gone; } || true
}

# Ends every process of a part, recorded or not.
stop_part() {
  local pid part
  while read -r pid part; do
    [[ $part != "$1" ]] || is_shim "$pid" || end_process "$pid"
  done < <(lab_processes)
  rm -f "$RECORD_DIR/$1"
}

# Shims inherit containerd's environment but must outlive it: a restart of containerd keeps the pods running.
is_shim() { [[ $(cat "/proc/$1/comm" 2>/dev/null) == containerd-shim* ]]; }

# ensure_part <name> <seconds> <command...>: running as described, and the command says that it answers.
ensure_part() {
  local part=$1 seconds=$2 how=started
  shift 2
  describe_part "$part"
  if part_pid "$part" >/dev/null; then
    if [[ $(part_recorded_fingerprint "$part") == "$(part_fingerprint)" ]] && wait_until 2 "$@"; then
      return 0
    fi
    how='restarted (changed, or it did not answer)'
  elif [[ -f $RECORD_DIR/$part ]]; then
    how='restarted (it had died)'
  fi
  stop_part "$part"
  start_part "$part"
  part_answers_or_died() { "$@" || ! part_pid "$part" >/dev/null; }
  if ! wait_until "$seconds" part_answers_or_died "$@" || ! part_pid "$part" >/dev/null; then
    tail -n 15 "$LOG_DIR/$part.log" >&2
    die "$part does not answer" "read $LOG_DIR/$part.log; if its data is broken: lab down && lab up"
  fi
  say "$part: $how"
}
