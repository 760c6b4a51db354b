# shellcheck shell=bash
# Services of the cluster on loopback ports of the machine: which are wanted, and a forwarder for each.

readonly EXPOSED_DIR=$STATE_DIR/exposed # one file a port, its content namespace/service:port

describe_expose() {
  PART_NETNS=host
  program_path forward
  PART_ARGV=("$PROGRAM_PATH" --listen "127.0.0.1:$1" --service "$(<"$EXPOSED_DIR/$1")" --api "$API_SERVER" --pki "$PKI_DIR")
  PART_INPUTS=("$PKI_DIR/admin.crt")
}

port_listens() { [[ -n $(ss -Hltn "src 127.0.0.1 and sport = :$1") ]]; }

# Other programs' ports are theirs: the owner is named rather than ended.
refuse_taken_port() {
  local owner
  part_pid "expose-$1" >/dev/null && return 0
  owner=$(ss -Hltnp "( src 127.0.0.1 or src 0.0.0.0 or src [::] ) and sport = :$1" | sed -n 's/.*users:((\("[^"]*",pid=[0-9]*\).*/\1/p' | head -n 1)
  [[ -z $owner ]] || [[ -r /proc/${owner##*=}/environ && $(tr '\0' '\n' <"/proc/${owner##*=}/environ") == *"$MARKER="* ]] ||
    die "port $1 is taken by $owner" "end that program or choose another port"
}

ensure_exposed() {
  local file
  for file in "$EXPOSED_DIR"/*; do
    [[ -f $file ]] || continue
    ensure_part "expose-${file##*/}" 10 port_listens "${file##*/}"
  done
}

command_expose() {
  if (($# == 0)); then
    local file
    for file in "$EXPOSED_DIR"/*; do [[ ! -f $file ]] || printf 'http://127.0.0.1:%s\t%s\n' "${file##*/}" "$(<"$file")"; done
    return 0
  fi
  (($# == 2)) || die_usage "'expose' takes a Service and a port" "lab expose chat/demo-gateway:80 8080"
  [[ $1 =~ ^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9]*[a-z0-9])?:[a-z0-9-]+$ ]] ||
    die_usage "not a Service and port: '$1'" "write it as namespace/name:port, such as chat/demo-gateway:80"
  valid_port "$2"
  require_root expose "$@"
  take_lock expose "$@"
  [[ -x $CACHE_DIR/bin/kubectl ]] && apiserver_answers || die "the lab is not up" "lab up"
  refuse_taken_port "$2"
  ensure_program forward quick
  mkdir -p "$EXPOSED_DIR"
  echo "$1" >"$EXPOSED_DIR/$2"
  ensure_part "expose-$2" 10 port_listens "$2"
  say "expose: http://127.0.0.1:$2 leads to $1"
}

command_unexpose() {
  (($# == 1)) || die_usage "'unexpose' takes a port" "lab expose lists the ports"
  valid_port "$1"
  require_root unexpose "$@"
  take_lock unexpose "$@"
  [[ -f $EXPOSED_DIR/$1 ]] || die "port $1 is not exposed" "lab expose lists the ports"
  rm -f "$EXPOSED_DIR/$1"
  stop_part "expose-$1"
  say "unexpose: port $1 is free"
}

valid_port() {
  [[ $1 =~ ^[1-9][0-9]{0,4}$ ]] && (($1 <= 65535)) || die_usage "not a port: '$1'" "a number from 1 to 65535"
}
