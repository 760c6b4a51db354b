#!/usr/bin/env bash
# The counting is what every verdict rests on, so it is tested against logs as the tools write them.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=counts.sh
source "$HERE/counts.sh"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
wrong=0

# expect <passed> <failed> <what>: the log comes from standard input.
expect() {
  cat >"$log"
  count_results "$log"
  if [[ $PASSED != "$1" || $FAILED != "$2" ]]; then
    echo "$3: expected $1 passed, $2 failed; counted $PASSED passed, $FAILED failed"
    wrong=1
  fi
}

expect 0 0 'an empty log' </dev/null
expect 20 3 'cargo: failures and ignored tests, over several binaries' <<'LOG'
running 12 tests
test a ... ok
test result: FAILED. 8 passed; 2 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.10s
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 2.01s
LOG
expect 5 4 'TAP: cancelled, skipped and todo tests have not passed' <<'LOG'
# Subtest: x
    # Subtest: y
    # pass 99
# tests 9
# suites 1
# pass 5
# fail 1
# cancelled 1
# skipped 1
# todo 1
# duration_ms 12
LOG
expect 4 3 'checks and counts of stages' <<'LOG'
[check] passed: one
[check] FAILED: two
[counted] 3 2
[counted] nonsense
LOG
exit "$wrong"
