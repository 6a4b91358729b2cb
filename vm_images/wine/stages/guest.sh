#!/bin/sh
# In the guest's root: the user, the services' settings, Wine's prefix.
set -eu
groupadd -g 1000 lab
useradd -u 1000 -g 1000 -m -d /home/lab -s /bin/sh lab
password=$(cat /root/password)
# A hash that is quick to check: the password is random, and the guest's processor is emulated.
printf 'lab:%s\n' "$password" | chpasswd -c SHA512 -s 1000
# Clients name no domain, the machine's, or "this one".
for each in '' LAB-WINE .; do printf '%s:lab:%s\n' "$each" "$password"; done >/etc/lab/credentials
chown root:lab /etc/lab/credentials
chmod 0640 /etc/lab/credentials
rm /root/password

rm -f /etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -C lab-wine -f /etc/ssh/ssh_host_ed25519_key
printf 'lab-wine\n' >/etc/hostname
printf '127.0.0.1 localhost lab-wine\n' >/etc/hosts
printf 'SetEnv %s\n' "$(tr '\n' ' ' </etc/lab/environment)" >>/etc/ssh/sshd_config

mkdir -p /usr/lib/lab/busybox
/usr/bin/busybox --install -s /usr/lib/lab/busybox
ln -sf /usr/bin/busybox /usr/sbin/init
mkdir -p /etc/acpi/PWRF
printf '#!/bin/sh\nexec /usr/bin/busybox poweroff\n' >/etc/acpi/PWRF/00000080
chmod +x /etc/acpi/PWRF/00000080
# A wheel of pure Python is installed by unpacking it.
packages=$(python3 -c 'import site; print(site.getsitepackages()[0])')
mkdir -p "$packages"
for each in /root/wheels/*.whl; do python3 -m zipfile -e "$each" "$packages"; done
python3 -m compileall -q /usr/lib/lab/wsman "$packages"

export PATH=/usr/lib/lab:$PATH
as-lab sh -c 'wine wineboot --init && wineserver --wait'
cp /root/prefix/lab.reg /home/lab/lab.reg
as-lab sh -c 'wine winecfg /v win10 && wine regedit /S Z:\\home\\lab\\lab.reg && wineserver --wait'
drive=/home/lab/.wine/drive_c
for each in bin drivers run dumps; do
    install -d -o lab -g lab "$drive/lab" "$drive/lab/$each"
done
ln -s "$drive" /C:

# The prefix holds copies of Wine's own files; links start faster and take no room.
builtin=/usr/lib/x86_64-linux-gnu/wine/x86_64-windows
find $drive/windows $drive/"Program Files"* -type f | while read -r file; do
    original=$builtin/${file##*/}
    if cmp -s "$file" "$original"; then ln -sf "$original" "$file"; fi
done
rm -r /home/lab/lab.reg /root/prefix /root/wheels /root/guest.sh
