# shellcheck shell=bash
# What each stage does. A stage goes on after a failure wherever the rest still says something.

LAB=$REPO/lab/lab
TESTS=$REPO/tests
CARGO_DENY_VERSION=0.20.2

# check <name> <command..>: one counted check.
check() {
  local name=$1
  shift
  if "$@"; then
    printf '[check] passed: %s\n' "$name"
  else
    printf '[check] FAILED: %s\n' "$name"
    return 1
  fi
}

# counted <passed> <failed>: results that another program counted.
counted() { printf '[counted] %d %d\n' "$1" "$2"; }

stage_fmt() { check 'cargo fmt --all --check' cargo fmt --all --check; }

stage_shell() {
  install_debian_packages shellcheck
  local file status=0
  check 'counting of results' tests/runner/counts_test.sh || status=1
  check 'tests that tests/README.md names' tests/runner/named_tests.sh || status=1
  while IFS= read -r file; do
    check "shellcheck $file" shellcheck --external-sources --source-path=SCRIPTDIR "$file" || status=1
  done < <(shell_scripts)
  return "$status"
}

# By extension or by first line; in a checkout without git too.
shell_scripts() {
  find . \( -name node_modules -o -name target -o -name .git -o -name dist \) -prune -o -type f -size -200k -print | sort | while IFS= read -r file; do
    case $file in
      *.sh | *.bash) echo "$file" ;;
      *) if head -c 64 "$file" | head -n 1 | grep -aqE '^#!.*[/ ](ba)?sh( |$)'; then echo "$file"; fi ;;
    esac
  done
}

stage_build() {
  local status=0
  check 'cargo build' cargo build --locked --workspace --bins || status=1
  check 'chat page' web/build.sh || status=1
  return "$status"
}

stage_clippy() { check 'cargo clippy' cargo clippy --locked --workspace --all-targets -- -D warnings; }

stage_deny() {
  local root=$CHATCLUSTER_CACHE/tools/cargo-deny-$CARGO_DENY_VERSION status=0 what
  if ! "$root/bin/cargo-deny" --version; then
    # Unoptimised: it compiles in a minute and runs for a second.
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$CHATCLUSTER_CACHE/tools/build nice -n 10 \
      cargo install cargo-deny --version "$CARGO_DENY_VERSION" --locked --debug --force --root "$root"
    rm -rf "$CHATCLUSTER_CACHE/tools/build"
  fi
  for what in licenses bans sources; do
    check "cargo deny check $what" "$root/bin/cargo-deny" --locked check "$what" || status=1
  done
  return "$status"
}

stage_drift() {
  local status=0
  check 'CRD, chart and manifests' operator/generate.sh --check || status=1
  check 'API documents of the routes' api_document_current openapi || status=1
  check 'API documents of the sockets' api_document_current asyncapi || status=1
  check 'no generated or private files in git' nothing_private_tracked || status=1
  return "$status"
}

# api_document_current <name>: what the gateway prints is what is committed.
api_document_current() { cargo run --quiet --locked --bin chat-server -- "$1" | diff "docs/$1.json" -; }

nothing_private_tracked() {
  git rev-parse --git-dir >/dev/null 2>&1 || return 0
  local found
  found=$(git ls-files | grep -E '(^|/)(node_modules|target|dist|artifacts)/|\.env$|\.log$|\.pem$|\.key$' || true)
  [[ -z $found ]] || { printf '%s\n' "$found" && return 1; }
}

# Tests inside the crates: no backend, no network.
stage_unit() { cargo test --locked --workspace --lib --bins --no-fail-fast; }

stage_web() {
  local status=0 report
  report=$(mktemp)
  check 'types and lint' npm --prefix web run check || status=1
  (cd web && npx vitest run --reporter=default --reporter=json --outputFile.json="$report") || status=1
  counted "$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).numPassedTests' "$report")" \
    "$(node -p 'const r = JSON.parse(require("fs").readFileSync(process.argv[1])); r.numTotalTests - r.numPassedTests' "$report")"
  rm -f "$report"
  return "$status"
}

# The same path as a person's `make up`.
stage_lab() { check 'make up' lab/demo up; }

stage_labcheck() {
  local output passed failed status=0
  output=$(lab/test.sh) || status=$?
  printf '%s\n' "$output"
  read -r passed failed < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' <<<"$output" | tail -n 1)
  counted "${passed:-0}" "${failed:-0}"
  return "$status"
}

# Stores and flows: the crates' tests/ folders, each test with a database, a virtual host and keys of its own.
stage_backends() {
  local exports
  exports=$("$LAB" backends)
  eval "$exports"
  export TEST_DATABASE_URL TEST_REDIS_URL TEST_RABBITMQ_URL TEST_RABBITMQ_METRICS_URL
  local status=0
  cargo test --locked --workspace --test '*' --no-fail-fast || status=1
  check 'query descriptions are current' queries_current || status=1
  return "$status"
}

queries_current() {
  command -v psql || install_debian_packages postgresql-client
  # The check makes a source file look changed; without its old time everything would be compiled again.
  local before status=0
  before=$(mktemp)
  touch --reference=backends/src/lib.rs "$before"
  backends/prepare-queries --check || status=1
  touch --reference="$before" backends/src/lib.rs
  rm -f "$before"
  return "$status"
}

stage_faults() { tests/faults/run short; }

stage_chat() {
  node_modules
  chat_secret
  node_tests chat 300000 2
}

stage_dialects() {
  node_modules
  chat_secret
  node_tests dialects 300000 2
}

stage_browser() {
  install_debian_packages chromium fonts-noto-color-emoji
  node_modules
  # The first admin of an installation is made by its operator: here by a word to the database.
  CHAT_PSQL=${CHAT_PSQL:-"'$LAB' kubectl --namespace chat exec demo-postgres-0 --container postgres -- psql --username chat --dbname chat --command"}
  export CHAT_PSQL
  node_tests browser 300000 1
}

stage_cluster() {
  node_modules
  KUBECONFIG=$("$LAB" kubeconfig)
  PATH=$CHATCLUSTER_CACHE/lab/bin:$PATH
  export KUBECONFIG PATH LAB
  node_tests cluster 1500000 1
}

stage_scale() {
  local status=0
  # Without the service that the package would start.
  RUNLEVEL=1 install_debian_packages prometheus
  check 'every alert fires when it should' promtool test rules "$TESTS/scale/alerts.test.yaml" || status=1
  node_modules
  SCALE_REPORTER=tap tests/scale/run short || status=1
  return "$status"
}

# node_tests <folder> <milliseconds for a file or a test> <files at once>
node_tests() {
  (cd "$TESTS" && node --test --test-reporter=tap --test-timeout="$2" --test-concurrency="$3" "$1"/*.test.mjs)
}

node_modules() {
  # Installed again only when the lockfile changed.
  local stamp=$TESTS/node_modules/.package-lock.sum sum
  sum=$(sha256sum <"$TESTS/package-lock.json")
  [[ -f $stamp && $(<"$stamp") == "$sum" ]] || { npm --prefix "$TESTS" ci --no-progress && echo "$sum" >"$stamp"; }
}

# Some promises about tokens can only be tested by making tokens, with the installation's own secret.
chat_secret() {
  [[ -z ${CHAT_JWT_SECRET:-} ]] || return 0
  CHAT_JWT_SECRET=$("$LAB" kubectl --namespace chat get secret demo-credentials --output 'jsonpath={.data.jwt-access-key}' | base64 --decode)
  export CHAT_JWT_SECRET
}

install_debian_packages() {
  local missing=() name
  for name in "$@"; do dpkg -s "$name" >/dev/null 2>&1 || missing+=("$name"); done
  ((${#missing[@]} == 0)) || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; }
}
