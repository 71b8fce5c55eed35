#!/bin/sh
# Installs CrackScope from this folder, or takes it away again. No rights are needed for the default place.
#
#     ./install.sh [PREFIX]              [default: ~/.local]
#     ./install.sh --remove [PREFIX]
#
# It runs from this folder without being installed as well: ./crackscope
set -eu
here=$(cd "$(dirname "$0")" && pwd)
remove=
if [ "${1:-}" = --remove ]; then
  remove=yes
  shift
fi
case ${1:-} in
  -*) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
prefix=${1:-${HOME:?is not set; name a folder to install to}/.local}

cd "$here"
files=$(find bin share -type f)
if [ -n "$remove" ]; then
  for file in $files; do rm -f "$prefix/$file"; done
  rmdir "$prefix/share/doc/crackscope" 2>/dev/null || true
  echo "CrackScope was taken from $prefix. Its runs and labels, in ${XDG_DATA_HOME:-~/.local/share}/crackscope, are still there."
else
  for file in $files; do
    mkdir -p "$prefix/$(dirname "$file")"
    # Beside and renamed: a program that runs goes on with the file that it began with.
    cp "$file" "$prefix/$file.new"
    mv "$prefix/$file.new" "$prefix/$file"
  done
  # The desktop may not look for programs in PREFIX/bin.
  entry=$prefix/share/applications/crackscope.desktop
  sed "s|^Exec=crackscope|Exec=\"$prefix/bin/crackscope\"|" share/applications/crackscope.desktop >"$entry"
  echo "CrackScope is installed: $prefix/bin/crackscope"
fi
# Menus that keep lists of their own.
update-desktop-database -q "$prefix/share/applications" 2>/dev/null || true
gtk-update-icon-cache -qtf "$prefix/share/icons/hicolor" 2>/dev/null || true
