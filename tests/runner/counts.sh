# shellcheck shell=bash
# How much of a stage passed and failed, read from its log.
#
# Understood are: cargo's `test result:` lines, the end of node's TAP, and what `check` and `counted` of the stages print.
# What was skipped or ignored counts as failed: a test that doesn't run proves nothing.

# count_results <log>: sets PASSED and FAILED.
count_results() {
  # shellcheck disable=SC2034  # the caller reads them
  read -r PASSED FAILED < <(
    awk '
      /^\[check\] passed: / { passed++ }
      /^\[check\] FAILED: / { failed++ }
      /^\[counted\] [0-9]+ [0-9]+$/ { passed += $2; failed += $3 }
      /^test result: / {
        for (i = 2; i <= NF; i++) {
          if ($i ~ /^passed/) passed += $(i - 1)
          if ($i ~ /^(failed|ignored)/) failed += $(i - 1)
        }
      }
      /^# pass [0-9]+$/ { passed += $3 }
      /^# (fail|cancelled|skipped|todo) [0-9]+$/ { failed += $3 }
      END { print passed + 0, failed + 0 }
    ' "$1"
  )
}

# show_failures <log>: the lines that say what is wrong, for a reader who has nothing but this output.
show_failures() {
  local lines
  lines=$(grep -aE '^\[check\] FAILED: |^ *not ok |^test .* FAILED$|^error(\[|:)|^ *(error|message): |panicked at|FAIL |^demo: |^lab: |^ +remedy: ' "$1" | head -n 60 || true)
  if [[ -n $lines ]]; then
    printf '%s\n' "$lines"
  else
    tail -n 25 "$1"
  fi | sed 's/^/    | /'
  printf '    | whole log: %s\n' "$1"
}
