#!/usr/bin/env bash
# What the program is built of, for whoever gets a package: a CycloneDX list of all crates, and their licences' texts.
#
#     packaging/sbom.sh [TARGET]     the crates of a target, such as x86_64-pc-windows-msvc [default: this machine]
#
# Writes target/packages/crackscope.cdx.json and target/packages/THIRD-PARTY.md.
# Needs: cargo install --locked cargo-cyclonedx; cargo install --locked --features cli cargo-about
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-$(rustc -vV | sed -n 's/^host: //p')}
out=target/packages
mkdir -p "$out"

# Of the crates that are linked in or build those; none of the tests'. The tool writes beside Cargo.toml.
cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --no-build-deps --override-filename crackscope.cdx
# The folder it was built in is nobody's business.
sed "s|path+file://$PWD#|path+file:///crackscope#|g" crackscope.cdx.json >"$out/crackscope.cdx.json"
rm crackscope.cdx.json

cargo about generate --locked --fail --target "$target" --config packaging/about.toml \
  --output-file "$out/THIRD-PARTY.md" packaging/about.hbs
ls -l "$out/crackscope.cdx.json" "$out/THIRD-PARTY.md"
