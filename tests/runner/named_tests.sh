#!/usr/bin/env bash
# Every test that a table of tests/README.md names must exist: a name that nothing has any more is a promise nobody keeps.
set -euo pipefail

REPO=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
cd "$REPO"

# Names of Rust tests are facts in snake case: at least three words.
names=$(grep -E '^\|' tests/README.md | grep -oE "\`[a-z0-9]+(_[a-z0-9]+){2,}\`" | tr -d '`' | sort -u)
[[ -n $names ]] || { echo 'tests/README.md names no tests' >&2 && exit 1; }

status=0 count=0
while IFS= read -r name; do
  count=$((count + 1))
  if ! grep -rqE --include='*.rs' "^ *(async )?fn $name\(" core backends processor server operator; then
    echo "there is no test $name" >&2
    status=1
  fi
done <<<"$names"
echo "$count tests are named"
exit "$status"
