#!/bin/sh
# In the tools root, with network: Wine's source package and the kernel's package, unpacked.
set -eu
mkdir -p /build/kernel
cd /build
version=$(cat /recipe/stages/wine-version)
apt-get source --download-only -q "wine=$version"
dpkg-source --no-check -x "wine_$version.dsc" wine

# The metapackage names the kernel.
image=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
apt-get download -q "$image"
dpkg-deb -x "$image"_*.deb kernel
dpkg-deb -f "$image"_*.deb Version >kernel/version
