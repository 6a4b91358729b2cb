#!/bin/sh
# In the tools root: Wine's server, ntoskrnl.exe and kernel32.dll with our patches, and kdstub. The rest of Wine is Debian's.
set -eu
make -s -C /recipe/kdstub OUT=/build
strip /build/kdstub

cd /build/wine
while read -r name; do patch -s -p1 --fuzz=0 -i "/recipe/patches/$name"; done </recipe/patches/series

# What Debian's package generates when it is built, as far as it matters here.
for each in server/trace.generated server/request.generated; do
    printf '/* ### make_requests begin ### */\n/* ### make_requests end ### */\n' >$each
done
tools/make_requests
ln -sf /usr/share/misc/config.sub /usr/share/misc/config.guess tools
for each in vulkan.h vulkan_driver.h wgl.h wgl_driver.h; do : >include/wine/$each; done

# Only the directories that the three need: the makefile for all of them takes longer than the build.
keep='dlls/(ntoskrnl[.]exe|advapi32|hal|msvcrt|rpcrt4|setupapi|winecrt0|ntdll|kernel32|kernelbase)'
keep="$keep|include|server|tools(/(widl|winebuild|winegcc|wrc|wmc))?|libs/uuid"
sed -E -i "/^WINE_CONFIG_MAKEFILE[(]/{\\%^WINE_CONFIG_MAKEFILE[(]($keep)[,)]%!d}" configure.ac
autoconf
autoheader
# Directories as in Debian's package: the server looks for its files there.
./configure -q --enable-win64 --with-mingw --disable-tests --without-x --without-freetype --without-gnutls \
    --without-gstreamer --libdir=/usr/lib/x86_64-linux-gnu/wine --bindir=/usr/lib/wine \
    --datarootdir=/usr/share/wine CFLAGS=-O2 CROSSCFLAGS=-O2
make -s -j"$(nproc)" server/wineserver dlls/ntoskrnl.exe/x86_64-windows/ntoskrnl.exe \
    dlls/kernel32/x86_64-windows/kernel32.dll
strip -o /build/wineserver server/wineserver
cp dlls/ntoskrnl.exe/x86_64-windows/ntoskrnl.exe dlls/kernel32/x86_64-windows/kernel32.dll /build/
