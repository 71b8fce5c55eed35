#!/usr/bin/env bash
# Runs each target, or those that are named after the count, for so many runs, from its seeds and what was found before.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-100000}
shift || true
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
for target in "${targets[@]}"; do
  mkdir -p "fuzz/corpus/$target"
  cargo +nightly fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -runs="$runs" -rss_limit_mb=2560 -max_len=4096 -timeout=20
done
