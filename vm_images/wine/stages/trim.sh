#!/bin/sh
# trim.sh GUEST: what only a package manager or a reader needs goes; /dev, /proc and the like are mounted at boot.
set -eu
cd "$1"
umount -R dev proc tmp
rm -rf var/lib/apt/lists/* var/cache/* var/log/* usr/share/doc usr/share/man usr/share/locale usr/share/iso-codes \
    usr/share/zoneinfo usr/share/perl usr/share/perl5 usr/lib/x86_64-linux-gnu/perl \
    usr/lib/x86_64-linux-gnu/gstreamer-1.0 usr/lib/x86_64-linux-gnu/dri boot/* dev/* run/* etc/resolv.conf
mkdir -p proc sys dev run tmp
