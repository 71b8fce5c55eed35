#!/usr/bin/env bash
# Runs the tests of the processor's operators, the only code that is `unsafe`, under AddressSanitizer. Everything is
# compiled anew for it, into target/sanitized.
set -euo pipefail
cd "$(dirname "$0")/.."
host=$(rustc -vV | sed -n 's/^host: //p')
# Sanitizers are not stable yet; this lets the stable compiler have them.
export RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address"
exec cargo test --release --lib --target "$host" --target-dir target/sanitized nn::cpu "$@"
