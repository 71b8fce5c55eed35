#!/usr/bin/env bash
# Draws the icon's bitmaps from crackscope.svg: PNGs for Linux, macOS and the window, one .ico for Windows.
# Needs rsvg-convert (Debian: librsvg2-bin) and ImageMagick.
set -euo pipefail
cd "$(dirname "$0")"

for side in 16 32 48 64 128 256 512; do
  rsvg-convert --width "$side" --height "$side" --output "$side.png" crackscope.svg
  # Without the time of drawing, so that the same drawing gives the same file.
  convert "$side.png" -strip -define png:exclude-chunks=date,time "$side.png"
done
convert 16.png 32.png 48.png 256.png crackscope.ico
