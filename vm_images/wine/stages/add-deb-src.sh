#!/bin/sh
# add-deb-src.sh ROOT: mmdebstrap's hook; source packages come from where the packages come from.
set -eu
cd "$1/etc/apt"
lines=$(cat sources.list sources.list.d/*.list 2>/dev/null | sed -n 's/^deb /deb-src /p')
printf '%s\n' "$lines" >sources.list.d/source-packages.list
