#!/usr/bin/env bash
# Builds the chat page into web/app/dist; installs packages and builds only when something changed.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

lock=$({ node --version && cat package-lock.json package.json ./*/package.json; } | sha256sum)
if [[ $(cat node_modules/.installed 2>/dev/null) != "$lock" ]]; then
  npm ci --no-audit --no-fund
  echo "$lock" >node_modules/.installed
fi
sources=$({ echo "$lock" && find sdk app -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -print0 | sort -z | xargs -0 cat; } | sha256sum)
if [[ ! -f app/dist/index.html || $(cat node_modules/.built 2>/dev/null) != "$sources" ]]; then
  rm -f node_modules/.built
  npm run --silent build
  echo "$sources" >node_modules/.built
fi
