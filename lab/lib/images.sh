# shellcheck shell=bash
# Which images the lab has, how each is built, and whether the cluster's copy is current.
#
# An image is known by a key over everything that goes into it. It is built when no image of that key is in the
# store, and imported when containerd was last given another one.

readonly BASE_IMAGE=localhost/chatcluster/base:$BASE_SUITE
readonly INFRA_IMAGES=(pause coredns local-path helper)
readonly BACKEND_IMAGES=(postgres rabbitmq valkey)
readonly OUR_IMAGES=(gateway processor operator)
readonly IMPORTED_DIR=$STATE_DIR/images

build() {
  buildah --root "$CACHE_DIR/buildah" --runroot "$RUN_DIR/buildah" --storage-driver overlay "$@" 9>&-
}

image_reference() {
  case $1 in
    postgres) echo docker.io/chatcluster/postgres:17 ;;
    rabbitmq) echo docker.io/chatcluster/rabbitmq:4 ;;
    valkey) echo docker.io/chatcluster/valkey:8 ;;
    gateway | processor | operator) echo "docker.io/chatcluster/$1:dev" ;;
    pause | coredns | local-path | helper) echo "docker.io/chatcluster/$1:lab" ;;
    *) die_usage "no image '$1'" "the images are: ${BACKEND_IMAGES[*]} ${OUR_IMAGES[*]}" ;;
  esac
}

# Where `make` puts what it compiled: the images are filled from there, so that nothing is compiled twice.
binary_folder() {
  echo "${LAB_BIN_DIR:-${CARGO_TARGET_DIR:-${CHATCLUSTER_CACHE:-$HOME/.cache/chatcluster}/target}/debug}"
}
web_folder() { echo "${LAB_WEB_DIR:-$REPO_DIR/web/app/dist}"; }

image_binary() {
  case $1 in
    gateway) echo chat-server ;;
    *) echo "chat-$1" ;;
  esac
}

# Prints what decides an image's content, as text to be hashed.
image_inputs() {
  local binary
  case $1 in
    pause | coredns) program_key "$1" && echo "$1 $PROGRAM_KEY" ;;
    local-path) program_key local-path-provisioner && echo "$1 $PROGRAM_KEY" ;;
    helper) echo base && base_inputs ;;
    postgres | rabbitmq | valkey) base_inputs && cat "$REPO_DIR/docker/$1.Dockerfile" ;;
    *)
      binary=$(binary_folder)/$(image_binary "$1")
      [[ -x $binary ]] || die "no binary $binary for image '$1'" "make build, or set LAB_BIN_DIR"
      base_inputs && cat "$REPO_DIR/docker/chatcluster.Dockerfile" && sha256sum <"$binary"
      if [[ $1 == gateway ]]; then
        [[ -f $(web_folder)/index.html ]] || die "no web client in $(web_folder)" "make build, or set LAB_WEB_DIR"
        (cd "$(web_folder)" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
      fi
      ;;
  esac
}

image_key() { image_inputs "$1" | sha256sum | cut -c 1-16; }

image_in_store() { [[ $(build inspect --type image --format '{{index .OCIv1.Config.Labels "dev.chatcluster.lab.key"}}' "$1" 2>/dev/null) == "$2" ]]; }

image_imported() { [[ $(cat "$IMPORTED_DIR/$1" 2>/dev/null) == "$2" && $'\n'$CONTAINERD_IMAGES$'\n' == *$'\n'"$(image_reference "$1")"$'\n'* ]]; }

# ensure_images <name...>: current in the cluster. With the lab down they are only built.
ensure_images() {
  local name key reference started
  for name in "$@"; do image_reference "$name" >/dev/null; done
  CONTAINERD_IMAGES=$(! containerd_answers || ctr_within 10 images list --quiet)
  for name in "$@"; do
    reference=$(image_reference "$name")
    key=$(image_key "$name")
    if image_imported "$name" "$key"; then continue; fi
    started=$SECONDS
    if ! image_in_store "$reference" "$key"; then
      build_image "$name" "$reference" "$key"
      say "image: $reference built in $((SECONDS - started)) s"
    fi
    if containerd_answers; then
      import_image "$reference"
      mkdir -p "$IMPORTED_DIR"
      [[ " ${OUR_IMAGES[*]} " != *" $name "* ]] || tag_by_content "$name" "$reference-$key"
      echo "$key" >"$IMPORTED_DIR/$name"
      say "image: $reference is in the cluster"
    fi
  done
}

readonly TAGS_KEPT=5

# A tag that changes with the content makes Kubernetes roll out what was rebuilt. Old ones go, unless pods may still use them.
tag_by_content() {
  local name=$1 tagged=$2 list=$IMPORTED_DIR/$1.tags old
  ctr_within 60 images tag --force "$(image_reference "$name")" "$tagged" >/dev/null
  { grep -vxF "$tagged" "$list" 2>/dev/null || true; echo "$tagged"; } >"$list.new"
  while read -r old; do ctr_within 60 images remove "$old" >/dev/null 2>&1 || true; done < <(head -n "-$TAGS_KEPT" "$list.new")
  tail -n "$TAGS_KEPT" "$list.new" >"$list"
  rm "$list.new"
}

build_image() {
  local name=$1 reference=$2 key=$3 log=$LOG_DIR/image-$1.log context
  context=$CACHE_DIR/context.$name
  mkdir -p "$LOG_DIR"
  # What an interrupted build left over; only the lab uses this store.
  build rm --all >/dev/null 2>&1 || true
  rm -rf "$context" && mkdir -p "$context"
  local arguments=(bud --isolation chroot --network host --pull-never --label "dev.chatcluster.lab.key=$key" --tag "$reference")
  case $name in
    pause | coredns)
      program_path "$name" && ln "$PROGRAM_PATH" "$context/$name"
      printf 'FROM scratch\nCOPY %s /%s\nUSER 65532:65532\nENTRYPOINT ["/%s"]\n' "$name" "$name" "$name" >"$context/Dockerfile"
      ;;
    local-path)
      program_path local-path-provisioner && ln "$PROGRAM_PATH" "$context/local-path-provisioner"
      printf 'FROM scratch\nCOPY local-path-provisioner /\nUSER 65532:65532\nENTRYPOINT ["/local-path-provisioner"]\n' >"$context/Dockerfile"
      ;;
    helper)
      ensure_base
      printf 'FROM %s\n' "$BASE_IMAGE" >"$context/Dockerfile"
      ;;
    postgres | rabbitmq | valkey)
      ensure_base
      cp "$REPO_DIR/docker/$name.Dockerfile" "$context/Dockerfile"
      arguments+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
      ;;
    *)
      ensure_base
      cp "$REPO_DIR/docker/chatcluster.Dockerfile" "$context/Dockerfile"
      mkdir -p "$context/prebuilt/bin" "$context/prebuilt/web"
      strip --strip-debug -o "$context/prebuilt/bin/$(image_binary "$name")" "$(binary_folder)/$(image_binary "$name")"
      [[ $name != gateway ]] || cp -r "$(web_folder)/." "$context/prebuilt/web/"
      arguments+=(--build-arg "BASE_IMAGE=$BASE_IMAGE" --build-arg BUILD=prebuilt --target "$name")
      ;;
  esac
  if ! build "${arguments[@]}" --file "$context/Dockerfile" "$context" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die "building image '$name' failed" "read $log"
  fi
  rm -rf "$context"
  build rmi --prune >/dev/null 2>&1 || true
}

import_image() {
  local archive=$RUN_DIR/import.$$.tar status=0
  # This kind of archive is never compressed: it only travels from one folder of the machine to another.
  if ! build push --quiet "$1" "docker-archive:$archive:$1" >"$LOG_DIR/import.log" 2>&1 ||
    ! ctr_within 300 images import "$archive" >>"$LOG_DIR/import.log" 2>&1; then status=1; fi
  rm -f "$archive"
  ((status == 0)) || { tail -n 5 "$LOG_DIR/import.log" >&2 && die "importing $1 failed" "read $LOG_DIR/import.log"; }
}

# What decides the base: the suite and how it is made. Raise the revision to get a newer Debian.
base_inputs() { echo "$BASE_SUITE revision 1 $(declare -f make_base)"; }

ensure_base() {
  local key
  key=$(base_inputs | sha256sum | cut -c 1-16)
  image_in_store "$BASE_IMAGE" "$key" || make_base "$key"
}

# The same as upstream's debian:trixie-slim in what matters to a Dockerfile: minimal, without documentation, apt works.
make_base() {
  local root=$CACHE_DIR/base.new log=$LOG_DIR/base.log mirror container
  say "image: making $BASE_IMAGE with debootstrap"
  mirror=$(debian_mirror)
  unmount_below "$root"
  rm -rf "$root" && mkdir -p "$root"
  # shellcheck disable=SC2086 # no mirror, no argument
  debootstrap --variant=minbase --include=ca-certificates "$BASE_SUITE" "$root" $mirror >"$log" 2>&1 9>&- ||
    { tail -n 15 "$log" >&2 && die "debootstrap failed" "read $log; is a Debian mirror reachable?"; }
  unmount_below "$root"
  printf 'path-exclude=/usr/share/%s/*\n' doc man info locale >"$root/etc/dpkg/dpkg.cfg.d/slim"
  rm -rf "$root"/usr/share/{doc,man,info,locale}/* "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*
  container=$(build from scratch)
  build add --quiet "$container" "$root" / >>"$log"
  build config --cmd bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --label "dev.chatcluster.lab.key=$1" "$container"
  build commit --quiet --rm "$container" "$BASE_IMAGE" >>"$log" 2>&1
  rm -rf "$root"
}

command_images() {
  if [[ ${1:-} == --tag ]]; then
    (($# == 2)) || die_usage "'images --tag' takes one image" "lab images --tag gateway"
    local reference
    reference=$(image_reference "$2")
    [[ " ${OUR_IMAGES[*]} " != *" $2 "* ]] || reference+=-$(image_key "$2")
    printf '%s\n' "${reference##*:}"
    return 0
  fi
  local names=("$@") name
  ((${#names[@]} > 0)) || names=("${BACKEND_IMAGES[@]}" "${OUR_IMAGES[@]}")
  for name in "${names[@]}"; do image_reference "$name" >/dev/null || exit; done
  require_root images "$@"
  take_lock images
  ensure_packages
  ensure_images "${names[@]}"
  containerd_answers || say "the lab is down: images are built, and imported by 'lab images' once it is up"
  say "images: current"
}

# load <image>: one that is in the lab's store, or an archive made by docker, podman or buildah.
command_load() {
  (($# == 1)) || die_usage "'load' takes one image or archive" "lab load --help"
  require_root load "$@"
  take_lock load
  containerd_answers || die "the lab is not up" "lab up"
  mkdir -p "$LOG_DIR"
  if [[ -f $1 ]]; then
    ctr_within 300 images import "$1" || die "not an image archive: $1" "make one with: docker save IMAGE -o FILE.tar"
  elif build inspect --type image "$1" >/dev/null 2>&1; then
    import_image "$1"
  else
    die "no image '$1' in the lab's store, and no such file" "save it to a file first: docker save IMAGE -o FILE.tar"
  fi
  say "load: $1 is in the cluster"
}
