#!/bin/sh
# initramfs.sh WORK: the initramfs's tree in WORK/initramfs.
set -eu
recipe=$1/recipe
tree=$1/initramfs
mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/root" "$tree/modules"
cp "$1/guest/usr/bin/busybox" "$tree/bin/busybox"
cp "$recipe/initramfs/init" "$tree/init"
cp "$recipe/initramfs/modules" "$tree/modules/order"
while read -r module; do
    file=$(find "$1/tools/build/kernel/lib/modules" -name "$module.ko")
    cp "$file" "$tree/modules/"
done <"$recipe/initramfs/modules"
