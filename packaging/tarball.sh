#!/usr/bin/env bash
# Packs a built program with icon, menu entry and documents into one archive that runs from wherever it is unpacked, on
# any Linux with a C library no older than the one it was built on.
#
#     packaging/tarball.sh [PROGRAM]     [default: target/release/crackscope, which is built]
#
# Writes target/packages/crackscope-VERSION-MACHINE-linux.tar.gz and its SHA-256. The same program and documents give the
# same archive. What packaging/sbom.sh wrote before goes into it.
set -euo pipefail
cd "$(dirname "$0")/.."

program=${1:-}
if [ -z "$program" ]; then
  cargo build --release --locked
  program=${CARGO_TARGET_DIR:-target}/release/crackscope
fi
version=$("$program" --version | cut -d ' ' -f 2)
name=crackscope-$version-$(uname -m)-linux
out=target/packages
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/$name

install -D -m 755 "$program" "$root/bin/crackscope"
install -D -m 644 packaging/crackscope.desktop -t "$root/share/applications"
for side in 16 32 48 64 128 256 512; do
  install -D -m 644 "assets/icon/$side.png" "$root/share/icons/hicolor/${side}x$side/apps/crackscope.png"
done
install -D -m 644 assets/icon/crackscope.svg -t "$root/share/icons/hicolor/scalable/apps"
documents=(README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE assets/fonts/OFL.txt docs/MANY_MACHINES.md docs/classify_with_ray.py)
for made in "$out/crackscope.cdx.json" "$out/THIRD-PARTY.md"; do
  if [ -f "$made" ]; then documents+=("$made"); else echo "without $made: packaging/sbom.sh makes it" >&2; fi
done
install -D -m 644 -t "$root/share/doc/crackscope" "${documents[@]}"
install -m 755 packaging/install.sh "$root/install.sh"
ln -s bin/crackscope "$root/crackscope"

mkdir -p "$out"
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
tar --create --directory "$scratch" --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner "$name" |
  gzip -9n >"$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
