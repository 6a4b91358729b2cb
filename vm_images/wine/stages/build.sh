#!/bin/sh
# build.sh WORK: build the guest's disk inside a namespace of its own, where this is root and PID 1, so that nothing
# is left mounted or running, however it ends.
#   WORK/recipe   this recipe        WORK/tools  a root with compilers      WORK/out     what is handed on
#   WORK/password the guest's        WORK/guest  the guest's root           WORK/disk.raw
#   WORK/wheels   Python packages for the guest
# Lines "@phase TEXT" on descriptor 3 say what has begun.
set -eu
work=$1
recipe=$work/recipe
. "$recipe/stages/roots.sh"

phase() {
    echo "=== $1"
    echo "@phase $1" >&3
}

suite=$(cat "$recipe/stages/suite")
umask 022
mount -t proc -o nosuid,nodev,noexec proc /proc
mkdir -p "$work/out"

# Two processors, two roads: the compilers and Wine on one, the guest on the other.
make_root "$suite" "$work/guest" "$recipe/stages/packages.guest" >"$work/guest.log" 2>&1 &
guest_root=$!
make_root "$suite" "$work/tools" "$recipe/stages/packages.tools"
cp -r "$recipe" "$work/tools/recipe"
in_root "$work/tools" sh /recipe/stages/sources.sh
if ! wait $guest_root; then
    cat "$work/guest.log"
    exit 1
fi
cat "$work/guest.log"

phase "image: Wine patched and built"
in_root "$work/tools" sh /recipe/stages/wine.sh >"$work/wine.log" 2>&1 &
wine=$!
cp -r "$recipe/guest/." "$work/guest/"
cp -r "$recipe/wsman" "$work/guest/usr/lib/lab/wsman"
cp "$work/starter.exe" "$work/guest/usr/lib/lab/"
cp -r "$recipe/prefix" "$recipe/stages/guest.sh" "$work/password" "$work/wheels" "$work/guest/root/"
in_root "$work/guest" sh /root/guest.sh
cp "$work/guest/etc/ssh/ssh_host_ed25519_key.pub" "$work/out/ssh_host_key.pub"
if ! wait $wine; then
    cat "$work/wine.log"
    exit 1
fi
cat "$work/wine.log"

phase "image: guest's disk"
cp "$work/tools/build/wineserver" "$work/guest/usr/lib/wine/wineserver64"
cp "$work/tools/build/ntoskrnl.exe" "$work/tools/build/kernel32.dll" \
    "$work/guest/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/"
cp "$work/tools/build/kdstub" "$work/guest/usr/lib/lab/"
cp "$work/tools"/build/kernel/boot/vmlinuz-* "$work/out/vmlinuz"
mount --bind "$work/guest" "$work/tools/mnt"
in_root "$work/tools" sh /recipe/stages/strip.sh /mnt
umount "$work/tools/mnt"
# What a driver host consists of, for who reads its stacks.
mkdir "$work/out/modules"
for each in advapi32.dll hal.dll kernel32.dll kernelbase.dll msvcrt.dll ntdll.dll ntoskrnl.exe rpcrt4.dll sechost.dll \
    setupapi.dll ucrtbase.dll version.dll winedevice.exe; do
    cp "$work/guest/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/$each" "$work/out/modules/"
done
{
    chroot "$work/guest" dpkg-query -W -f '${Package} ${Version}\n'
    echo "linux-image-cloud-amd64 $(cat "$work/tools/build/kernel/version")"
    sed -n 's/^\([a-z0-9-]*\)==\([^ ]*\).*/\1 \2/p' "$recipe/stages/python-packages"
} >"$work/out/packages"
sh "$recipe/stages/initramfs.sh" "$work"
sh "$recipe/stages/trim.sh" "$work/guest"
truncate -s 3G "$work/disk.raw"
mke2fs -q -t ext4 -L lab -E lazy_itable_init=0,nodiscard -m 0 -d "$work/guest" "$work/disk.raw"
