# shellcheck shell=bash
# What each command does, for people. A command exists if and only if it is listed here.

readonly COMMANDS=(up down status images load backends kubeconfig kubectl expose unexpose logs doctor)

is_command() { [[ " ${COMMANDS[*]} " == *" $1 "* ]]; }

help_for() {
  case $1 in
    overview)
      cat <<'TEXT'
A real Kubernetes on this one machine, without Docker and without a registry.

usage: lab <command> [arguments]

  up                           start what does not run, repair what is broken
  down [--purge]               end it and remove every trace
  status                       what runs; exits 0 when everything answers
  images [name..]              build stale images and bring them into the cluster
  load <image|archive>         bring one more image into the cluster
  backends                     Postgres, RabbitMQ and Valkey for tests; prints their URLs
  kubeconfig [--raw]           where the kubeconfig is
  kubectl ...                  kubectl of this cluster
  expose <ns/service:port> <port>   a Service on 127.0.0.1:<port>
  unexpose <port>              end that
  logs [-f] <part>             the log of a daemon or of a build
  doctor                       can this machine run the lab?

'lab <command> --help' says more. The README is beside this program.
TEXT
      ;;
    up)
      cat <<'TEXT'
usage: lab up

Installs missing Debian packages, builds Kubernetes (once, minutes), starts it in a network namespace of its own and
waits until the node and the cluster's DNS are ready. Run it again at any time: it starts what has died and
restarts what has changed. Ctrl-C is safe. Takes over what another checkout left.

environment:
  CHATCLUSTER_CACHE   where builds are kept (default ~/.cache/chatcluster)
  LAB_AUDIT=1         write an audit log of all requests to /var/lib/chatcluster-lab/logs/audit.log
TEXT
      ;;
    down)
      cat <<'TEXT'
usage: lab down [--purge]

Ends every process of the lab and removes its mounts, network namespace, rules and control groups. The cluster's
data (etcd, volumes) is deleted; images, logs and build caches stay. --purge deletes those too.
TEXT
      ;;
    status)
      cat <<'TEXT'
usage: lab status

Lists the daemons, the exposed ports, the node and the pods. The exit status is 0 when everything answers.
TEXT
      ;;
    images)
      cat <<'TEXT'
usage: lab images [name..]
       lab images --tag <name>

Builds the images whose inputs have changed and imports them into the cluster: postgres rabbitmq valkey, and
gateway processor operator from the binaries and the web client that were compiled before (`make build`).
Without a name: all of them. With the lab down they are only built.

Our own images are tagged `dev` and, by their content, `dev-<hash>`: --tag prints the latter, so that a Deployment
that names it rolls out when the image has changed. It also answers for the other images.

environment:
  LAB_BIN_DIR   folder of the compiled binaries (default: debug/ of cargo's target folder)
  LAB_WEB_DIR   folder of the built web client (default: web/app/dist)
TEXT
      ;;
    load)
      cat <<'TEXT'
usage: lab load <image|archive>

Brings one image into the cluster: a name from the lab's store, or a file made by 'docker save', 'podman save'
or 'buildah push oci-archive:'. Use it with imagePullPolicy IfNotPresent or Never.
TEXT
      ;;
    backends)
      cat <<'TEXT'
usage: eval "$(lab backends)"

Runs Postgres 17, RabbitMQ 4 and Valkey 8 in namespace chat-test, waits until they answer, and prints
TEST_DATABASE_URL, TEST_REDIS_URL, TEST_RABBITMQ_URL and TEST_RABBITMQ_METRICS_URL as shell exports. The addresses
are reachable from this machine. Nothing in them is kept.
TEXT
      ;;
    kubeconfig)
      cat <<'TEXT'
usage: export KUBECONFIG=$(lab kubeconfig)

Prints the path of the administrator's kubeconfig; --raw prints its content.
TEXT
      ;;
    kubectl)
      cat <<'TEXT'
usage: lab kubectl ...

Runs kubectl against this cluster; all arguments are kubectl's own.
TEXT
      ;;
    expose)
      cat <<'TEXT'
usage: lab expose [<namespace>/<service>:<port> <port of this machine>]

Forwards a loopback port to a Service, which need not exist yet and may be created again. Lasts until 'unexpose' or
'down', across 'up'. Without arguments: lists what is exposed. Pods and Services are also reachable directly by
their cluster addresses from this machine.
TEXT
      ;;
    unexpose)
      cat <<'TEXT'
usage: lab unexpose <port of this machine>

Ends the forwarding of a port.
TEXT
      ;;
    logs)
      cat <<'TEXT'
usage: lab logs [-f] <part>

Prints the end of a log: kubelet, kube-apiserver, containerd, build-kube, image-gateway, ... -f follows it.
TEXT
      ;;
    doctor)
      cat <<'TEXT'
usage: lab doctor

Checks what the lab needs of this machine and says what to do where something is missing.
TEXT
      ;;
    *) die_usage "no help on '$1'" "lab --help lists the commands" ;;
  esac
}
