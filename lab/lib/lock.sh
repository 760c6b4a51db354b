# shellcheck shell=bash
# One command changes the lab at a time, whichever checkout it is started from.

readonly LOCK_FILE=/run/lock/$LAB_NAME.lock

# Descriptor 9 holds the lock until this process ends, however it ends; daemons are started without it.
take_lock() {
  local holder
  mkdir -p "${LOCK_FILE%/*}"
  exec 9<>"$LOCK_FILE"
  if ! flock --nonblock 9; then
    holder=$(head -n 1 "$LOCK_FILE")
    say "waiting: another lab command runs (${holder:-unknown})"
    flock --wait "${LAB_LOCK_SECONDS:-2400}" 9 ||
      die "another lab command still holds the lock (${holder:-unknown})" "see what it waits for: lab status"
  fi
  printf 'pid %s: lab %s\n' "$$" "$*" >"$LOCK_FILE"
}
