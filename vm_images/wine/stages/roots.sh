# Sourced by build.sh: roots of the pinned suite, and commands inside them.

# make_root SUITE DIRECTORY PACKAGES
make_root() {
    # shellcheck disable=SC2086  # the sources are none or one word
    mmdebstrap --mode=root --variant=apt --architectures=amd64 --format=directory \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt=force-unsafe-io --aptopt='Acquire::Retries "3"' --skip=cleanup/apt/lists,cleanup/tmp \
        --setup-hook="sh $recipe/stages/add-deb-src.sh \"\$1\"" \
        --include="$(grep -v '^#' "$3" | tr -s ' \n' ',,')" "$1" "$2" ${LAB_APT_SOURCES:-}
}

# in_root DIRECTORY COMMAND...
in_root() (
    root=$1
    shift
    if ! mountpoint -q "$root/dev"; then
        mount -t tmpfs -o mode=0755 dev "$root/dev"
        for each in null zero full random urandom tty; do
            : >"$root/dev/$each"
            mount --bind "/dev/$each" "$root/dev/$each"
        done
        ln -s /proc/self/fd "$root/dev/fd"
        mkdir -m 1777 "$root/dev/shm"
        mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
        mount -t tmpfs -o mode=1777 tmp "$root/tmp"
        cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
    fi
    exec chroot "$root" "$@"
)
