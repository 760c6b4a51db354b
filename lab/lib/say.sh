# shellcheck shell=bash
# What the user sees: one line a step with the seconds since the start, and errors that come with a remedy.

SAY_STARTED=${EPOCHREALTIME/./}

say() {
  local tenths=$(((${EPOCHREALTIME/./} - SAY_STARTED) / 100000))
  printf '[%4d.%ds] %s\n' $((tenths / 10)) $((tenths % 10)) "$*"
}

warn() { printf 'lab: warning: %s\n' "$*" >&2; }

# die <what failed> [remedy]
die() {
  printf 'lab: %s\n' "$1" >&2
  [[ -z ${2:-} ]] || printf '     remedy: %s\n' "$2" >&2
  exit 70
}

# The same for a wrong command line, with the customary status.
die_usage() {
  printf 'lab: %s\n' "$1" >&2
  [[ -z ${2:-} ]] || printf '     remedy: %s\n' "$2" >&2
  exit 64
}

no_arguments() {
  local command=$1
  shift
  (($# == 0)) || die_usage "'$command' takes no argument '$1'" "lab $command --help"
}

# wait_until <seconds> <command...>: polls, because a fixed pause is too long on one machine and too short on another.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

require_root() {
  ((EUID == 0)) || die "must run as root: it makes namespaces, mounts and containers" "sudo lab/lab $*"
}
