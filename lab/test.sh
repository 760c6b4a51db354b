#!/usr/bin/env bash
# What the lab promises, checked. Usage: lab/test.sh [--full]
#
# Without an argument it only looks, or touches what it made itself: it is safe on a lab in use.
# --full ends and starts the lab several times; every pod and all data in it are lost.
set -euo pipefail

LAB_DIR=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
LAB=$LAB_DIR/lab
STATE=/var/lib/chatcluster-lab
RUN=/run/chatcluster-lab
WORK=$(mktemp -d)
PASSED=0 FAILED=0

cleanup() {
  [[ ! -f $WORK/innocent ]] || kill "$(<"$WORK/innocent")" 2>/dev/null || true
  rm -rf "$WORK"
}
trap cleanup EXIT

# fact <what holds> <command...>: the command's output is shown only when it fails.
fact() {
  local what=$1 status
  shift
  # Not `if` or `||`: there, bash would ignore every failure inside the function but the last.
  set +e
  (set -e && "$@") >"$WORK/output" 2>&1
  status=$?
  set -e
  if ((status == 0)); then
    PASSED=$((PASSED + 1))
    printf 'ok    %s\n' "$what"
  else
    FAILED=$((FAILED + 1))
    printf 'FAIL  %s\n' "$what"
    tail -n 25 "$WORK/output" | sed 's/^/      /'
  fi
}

# says <status> <text> <command...>: exits so, and says so.
says() {
  local want=$1 text=$2 got=0
  shift 2
  "$@" >"$WORK/said" 2>&1 || got=$?
  cat "$WORK/said"
  [[ $got == "$want" ]] && grep -qF -- "$text" "$WORK/said"
}

k() { "$LAB" kubectl "$@"; }

eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.3
  done
}

within() {
  local limit=$1 started=$SECONDS
  shift
  "$@" && echo "took $((SECONDS - started)) s" && ((SECONDS - started <= limit))
}

static_facts() {
  command -v shellcheck >/dev/null || apt-get -q install --yes --no-install-recommends shellcheck >/dev/null
  fact 'shellcheck finds nothing' in_lab_dir bash -c 'shellcheck -x lab test.sh completion.bash lib/*.sh'
  fact 'Go programs are formatted' no_output gofmt -l "$LAB_DIR/programs" "$LAB_DIR/kube"
  fact 'Go programs pass vet' in_programs go vet ./...
  fact 'forwarder tests pass' in_programs go test ./...
}
in_lab_dir() { (cd "$LAB_DIR" && "$@"); }
in_programs() { (cd "$LAB_DIR/programs" && GOTOOLCHAIN=local "$@"); }
no_output() { local output && output=$("$@") && echo "$output" && [[ -z $output ]]; }

command_line_facts() {
  local command
  fact '--help lists the commands' says 0 'usage: lab <command>' "$LAB" --help
  for command in up down status images load backends kubeconfig expose unexpose logs doctor; do
    fact "$command --help tells its usage" says 0 "lab $command" "$LAB" "$command" --help
    fact "completion knows $command" completes "$command"
  done
  fact 'no command is an error that shows the usage' says 2 'usage: lab' "$LAB"
  fact 'an unknown command is an error with a remedy' says 2 'remedy: lab --help' "$LAB" strat
  fact 'up refuses arguments' says 2 "takes no argument 'now'" "$LAB" up now
  fact 'down refuses unknown options' says 2 "does not know '--purgee'" "$LAB" down --purgee
  fact 'images names the known ones' says 2 'postgres rabbitmq valkey' "$LAB" images mysql
  fact 'images says what to compile first' says 1 'remedy: make build' env LAB_BIN_DIR="$WORK" "$LAB" images operator
  fact 'expose refuses a service without port' says 2 'namespace/name:port' "$LAB" expose chat/gateway 8080
  fact 'expose refuses a port out of range' says 2 'not a port' "$LAB" expose chat/gateway:80 70000
  fact 'unexpose says when nothing is there' says 1 'is not exposed' "$LAB" unexpose 1
  fact 'logs refuses paths' says 2 'no log of' "$LAB" logs ../../etc/passwd
  fact 'load refuses what is no image' says 1 'remedy:' "$LAB" load "$LAB_DIR/README.md"
}
completes() {
  # shellcheck disable=SC2016 # expanded by the inner bash
  bash -c 'source "$1"; COMP_WORDS=(lab "${2:0:3}"); COMP_CWORD=1; _lab; printf "%s\n" "${COMPREPLY[@]}" | grep -qx "$2"' _ "$LAB_DIR/completion.bash" "$1"
}

live_facts() {
  fact 'a second up takes at most 5 s' within 5 "$LAB" up
  fact 'up outlasts an address that is silent at first' within 15 silent_at_first
  fact 'status is healthy' "$LAB" status
  fact 'doctor is content' "$LAB" doctor
  fact 'test backends get ready' "$LAB" backends
  fact 'test backends answer from the host' backends_answer
  fact 'pods find Services by name' pod_resolves valkey.chat-test.svc.cluster.local
  fact 'names outside the cluster are denied at once' within 2 not_found_outside
  fact 'pods run under a seccomp filter' pod_has_seccomp
  fact 'an unrestricted pod is refused in a restricted namespace' says 1 'violates PodSecurity' k -n chat-test run bad --image=chatcluster/valkey:8
  fact 'a claim gets a volume that a restricted pod can write, and deleting it deletes the folder' volume_works
  fact 'an exposed Service is reachable and survives being created again' exposure_survives
  fact 'an exposed port listens on loopback only' exposed_on_loopback_only
  fact 'a port of another program is not taken' port_is_respected
  "$LAB" unexpose 18379 >/dev/null 2>&1 || true
}

# As if kube-proxy had not yet written its rules: a connection that begins then stays without an answer for good.
silent_at_first() {
  local dns rule=() began=$SECONDS
  dns=$(k -n kube-system get service kube-dns -o 'jsonpath={.spec.clusterIP}')
  rule=(OUTPUT --destination "$dns" --jump ACCEPT)
  ip netns exec chatcluster-lab iptables --table nat --insert "${rule[@]}"
  {
    sleep 3 # the silence itself, longer than one try
    ip netns exec chatcluster-lab iptables --table nat --delete "${rule[@]}"
  } &
  "$LAB" up || { wait "$!" && return 1; }
  wait "$!" && ((SECONDS - began >= 3))
}

backends_answer() {
  local exports
  exports=$("$LAB" backends 2>/dev/null) && eval "$exports"
  curl --silent --fail --max-time 5 --output /dev/null "$TEST_RABBITMQ_METRICS_URL/metrics" && ping_valkey "$(cut -d / -f 3 <<<"$TEST_REDIS_URL")"
}
ping_valkey() {
  # shellcheck disable=SC2016 # expanded by the inner bash
  timeout 3 bash -c 'exec 3<>"/dev/tcp/${1%:*}/${1#*:}" && echo PING >&3 && read -r answer <&3 && [[ $answer == +PONG* ]]' _ "$1" 2>/dev/null
}
pod_resolves() { k -n chat-test exec deployment/postgres -- getent hosts "$1"; }
not_found_outside() { ! pod_resolves example.com; }
pod_has_seccomp() { k -n chat-test exec deployment/valkey -- grep -E '^Seccomp:[[:space:]]*2$' /proc/self/status; }

volume_works() {
  k -n chat-test delete pod,pvc volume-test --ignore-not-found --grace-period=1
  k apply -f - <<'YAML'
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: volume-test, namespace: chat-test}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: volume-test, namespace: chat-test}
spec:
  restartPolicy: Never
  securityContext: {runAsNonRoot: true, runAsUser: 999, fsGroup: 999, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: writer
    image: chatcluster/valkey:8
    imagePullPolicy: IfNotPresent
    command: [sh, -ec, "echo written > /data/file && cat /data/file"]
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: volume-test}}]
YAML
  k -n chat-test wait pod/volume-test --for=jsonpath='{.status.phase}'=Succeeded --timeout=60s
  local folder
  folder=$(find "$STATE/storage" -maxdepth 1 -name '*volume-test*')
  [[ $(<"$folder/file") == written ]]
  k -n chat-test delete pod,pvc volume-test
  folder_gone() { [[ ! -e $folder ]]; }
  eventually 60 folder_gone
}

exposure_survives() {
  "$LAB" expose chat-test/valkey:6379 18379
  ping_valkey 127.0.0.1:18379 || return 1
  local before
  before=$(k -n chat-test get service valkey -o 'jsonpath={.spec.clusterIP}')
  k -n chat-test delete service valkey
  # The old address is held, so that the new Service gets another one.
  k -n chat-test create service clusterip holder --clusterip="$before" --tcp=1
  k apply -f "$LAB_DIR/manifests/test-backends.yaml"
  eventually 20 ping_valkey 127.0.0.1:18379
  k -n chat-test delete service holder
}
exposed_on_loopback_only() { [[ $(ss -Hltn 'sport = :18379' | awk '{ print $4 }') == 127.0.0.1:18379 ]]; }
port_is_respected() {
  "$LAB" expose chat-test/valkey:6379 18379 && "$LAB" unexpose 18379
  socat TCP-LISTEN:18379,bind=127.0.0.1 - </dev/null &
  echo "$!" >"$WORK/innocent"
  eventually 5 listens 18379
  says 1 'is taken by "socat"' "$LAB" expose chat-test/valkey:6379 18379 && kill -0 "$(<"$WORK/innocent")"
}
listens() { [[ -n $(ss -Hltn "sport = :$1") ]]; }

# Everything of the machine that a lab could leave behind, as text.
snapshot() {
  {
    echo '# mounts' && awk '{ print $5 }' /proc/self/mountinfo | sort
    echo '# namespaces' && ls /run/netns 2>/dev/null
    echo '# links' && ip -o link | awk '{ print $2 }' | sed 's/@.*//' | sort
    echo '# routes' && ip route
    echo '# rules' && { iptables-save; iptables-legacy-save; } 2>/dev/null | grep -v '^[#:]' | sort
    echo '# processes' && pgrep -a '^(etcd|kube.*|containerd.*|runc|forward|pause|coredns|local-path.*)$' 2>/dev/null | cut -d ' ' -f 2- | sort
    echo '# cgroups' && find /sys/fs/cgroup -maxdepth 2 -type d | sort
    echo '# files' && find /run /var/run/ /var/lib/cni /var/lib/kubelet /var/log/containers /var/log/pods /opt/containerd /opt/cni /etc/cni/net.d \
      -maxdepth 3 -not -path '/run/lock/*' -not -path '/run/user/*' -not -path '/run/udev*' -not -path '/run/systemd*' 2>/dev/null | sort -u
    echo '# sockets' && ss -Hltn | awk '{ print $4 }' | grep -E ':(2379|2380|6443|10248|10250|10256|10257|10259|18379)$'
  } || true
}

full_facts() {
  local part
  fact 'down works' "$LAB" down
  snapshot >"$WORK/before"
  fact 'down on nothing takes at most 2 s' within 2 "$LAB" down
  fact 'status of nothing is an error' says 1 'not running' "$LAB" status
  fact 'kubectl of nothing has a remedy' says 1 'remedy: lab up' "$LAB" kubectl get pods
  fact 'expose on nothing has a remedy' says 1 'remedy: lab up' "$LAB" expose chat/gateway:80 18379
  fact 'an interrupted up can be followed by up' interrupted_up
  fact 'two ups at once both succeed' two_ups
  fact 'test backends get ready' "$LAB" backends
  running_pods >"$WORK/pods"
  for part in kubelet containerd kube-apiserver etcd kube-controller-manager kube-scheduler kube-proxy; do
    fact "up repairs a killed $part" repairs "$part"
  done
  fact 'repairs restart no pod' same_pods
  fact 'a recorded pid that is now another process is left alone' pid_reuse_is_seen
  fact 'a lab without records is taken over' records_lost
  fact 'a changed part is restarted by up' audit_can_be_switched_on
  fact 'another checkout takes over what runs' other_checkout
  fact 'after a reboot up starts everything and keeps the data' reboot
  fact 'everything answers after all that' live_again
  fact 'down works with a dead containerd' down_with_dead_containerd
  snapshot >"$WORK/after"
  fact 'down leaves nothing behind' diff "$WORK/before" "$WORK/after"
  fact 'up from warm caches takes at most 60 s' within 60 "$LAB" up
}

interrupted_up() {
  local pid pause
  for pause in 0.4 1.5 3; do
    setsid "$LAB" up >"$WORK/interrupted" 2>&1 &
    pid=$!
    sleep "$pause" # the point of the interruption, not a wait for something
    kill -INT -- "-$pid" 2>/dev/null || true
    wait "$pid" || true
  done
  cat "$WORK/interrupted"
  "$LAB" up
}
two_ups() {
  "$LAB" up >"$WORK/one" 2>&1 &
  local one=$!
  "$LAB" up
  wait "$one"
}
running_pods() { k get pods --all-namespaces -o 'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount} {.status.podIP}{"\n"}{end}' | sort; }
same_pods() { diff "$WORK/pods" <(running_pods); }
recorded_pid() { cut -d ' ' -f 2 "$RUN/parts/$1"; }
repairs() {
  kill -KILL "$(recorded_pid "$1")"
  says 0 "$1: restarted (it had died)" "$LAB" up && "$LAB" status
}
pid_reuse_is_seen() {
  sleep 600 &
  local innocent=$! record
  echo "$innocent" >"$WORK/innocent"
  read -ra record <"$RUN/parts/kube-scheduler"
  kill -KILL "${record[1]}"
  record[1]=$innocent
  echo "${record[*]}" >"$RUN/parts/kube-scheduler"
  "$LAB" up && kill -0 "$innocent" && kill "$innocent"
}
records_lost() {
  rm -r "$RUN/parts"
  "$LAB" up && same_pods && [[ $(pgrep -fc "/kube-scheduler --bind") == 1 ]]
}
audit_can_be_switched_on() {
  LAB_AUDIT=1 "$LAB" up && k get namespaces && grep -q '"verb":"list"' "$STATE/logs/audit.log"
  "$LAB" up && ! tr '\0' ' ' <"/proc/$(recorded_pid kube-apiserver)/cmdline" | grep -q audit
}
other_checkout() {
  mkdir -p "$WORK/checkout"
  cp -r "$LAB_DIR" "$LAB_DIR/../docker" "$WORK/checkout/"
  within 5 "$WORK/checkout/lab/lab" up && same_pods
}
reboot() {
  k create configmap kept --from-literal=a=b
  # What a power cut does to processes, and what it leaves: files, but another boot.
  local pid
  while read -r pid; do kill -KILL "$pid" 2>/dev/null || true; done < <(
    grep -lsa '^CHATCLUSTER_LAB_PART=\|[[:cntrl:]]CHATCLUSTER_LAB_PART=' /proc/[0-9]*/environ | cut -d / -f 3
    find /sys/fs/cgroup/ -path '*chatcluster-lab*' -name cgroup.procs -exec cat {} + | sort -u
  )
  ip netns delete chatcluster-lab
  echo another-boot >"$RUN/boot-id"
  "$LAB" up && [[ $(k get configmap kept -o 'jsonpath={.data.a}') == b ]]
}
live_again() { "$LAB" backends && backends_answer && "$LAB" status; }
down_with_dead_containerd() {
  kill -KILL "$(recorded_pid containerd)"
  "$LAB" down
}

case ${1:-} in
  '') [[ $# == 0 ]] ;;
  --full) ;;
  -h | --help) sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
  *) echo "test.sh: unknown argument '$1' (test.sh --help)" >&2 && exit 2 ;;
esac
static_facts
command_line_facts
[[ ${1:-} != --full ]] || full_facts
if "$LAB" status >/dev/null 2>&1; then
  live_facts
else
  echo 'the lab is not up: what needs it is not checked (lab/lab up)'
fi
printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
((FAILED == 0))
