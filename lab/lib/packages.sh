# shellcheck shell=bash
# Which Debian packages the lab needs, and installs those that are missing.

readonly PACKAGES=(
  buildah ca-certificates conntrack containerd containernetworking-plugins curl debootstrap ethtool
  ipset iproute2 iptables jq kmod openssl procps runc socat util-linux
)

missing_packages() {
  local package
  for package in "${PACKAGES[@]}"; do
    [[ -f /var/lib/dpkg/info/$package.list || -n $(compgen -G "/var/lib/dpkg/info/$package:*.list") ]] || printf '%s\n' "$package"
  done
}

ensure_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} > 0)) || return 0
  command -v apt-get >/dev/null || die "needs Debian 12 or 13: no apt-get here" "install by hand: ${missing[*]}"
  say "packages: installing ${missing[*]}"
  mkdir -p "$LOG_DIR"
  # The distribution's own containerd service must not start: the lab runs one in its own namespace.
  local policy=/usr/sbin/policy-rc.d ours=
  if [[ ! -e $policy ]]; then
    ours=$policy
    printf '#!/bin/sh\n# %s, while it installs packages\nexit 101\n' "$LAB_NAME" >"$policy"
    chmod 0755 "$policy"
  fi
  local status=0
  {
    dpkg --configure -a
    apt-get -q update
    DEBIAN_FRONTEND=noninteractive apt-get -q install --yes --no-install-recommends "${missing[@]}"
  } >"$LOG_DIR/packages.log" 2>&1 9>&- || status=$?
  [[ -z $ours ]] || rm -f "$ours"
  ((status == 0)) || { tail -n 15 "$LOG_DIR/packages.log" >&2 && die "apt-get failed" "read $LOG_DIR/packages.log"; }
}

# The mirror that this machine uses itself, or nothing: debootstrap then takes its default.
debian_mirror() {
  # shellcheck disable=SC2016 # the dollars are apt's
  apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" && $2 == "Debian" && !seen++ { print $3 }'
}
