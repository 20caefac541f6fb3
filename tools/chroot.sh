#!/bin/bash
# A bare Debian to run something in, for tools/chroot-test.sh and bench/trixie.sh:
#
#     tools/chroot.sh SUITE FOLDER               makes it, the first time
#     tools/chroot.sh SUITE FOLDER COMMAND...    runs that in its /src
#
# It is made with debootstrap, and has this machine's resolver and trusted
# authorities; commands have its proxies and package indices, and nothing else of
# its environment but CI. MIRROR is the Debian mirror. Needs root.
set -euo pipefail

if [ $# -lt 2 ] || [ "$(id -u)" -ne 0 ]; then
    echo "usage, as root: tools/chroot.sh SUITE FOLDER [COMMAND...]" >&2
    exit 2
fi
suite=$1 root=$2
shift 2

if [ ! -e "$root/etc/debian_version" ]; then
    if ! command -v debootstrap >/dev/null; then
        echo "debootstrap is not installed: apt-get install debootstrap" >&2
        exit 1
    fi
    debootstrap --variant=minbase --include=make,git,ca-certificates \
        "$suite" "$root" ${MIRROR:+"$MIRROR"}
fi
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
[ $# -gt 0 ] || exit 0

variables=(
    HOME=/root LANG=C.UTF-8 CI="${CI-}"
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
)
for name in http_proxy https_proxy no_proxy PIP_INDEX_URL PIP_DEFAULT_TIMEOUT; do
    [ -z "${!name-}" ] || variables+=("$name=${!name}")
done
# A mount namespace of its own: nothing stays mounted. The tests have a terminal,
# tests/systemd control groups, and XNNPACK looks into /sys on arm64. Not chroot,
# in which the kernel has no namespaces of users.
# shellcheck disable=SC2016 # for the other shell
exec env -i "${variables[@]}" unshare --mount --propagation private sh -c '
    mount --bind "$0" "$0" && cd "$0" &&
    mount -t proc proc proc && mount -t sysfs -o ro sysfs sys &&
    mount --bind /dev dev && mount --bind /dev/pts dev/pts &&
    { mount -t cgroup2 cgroup2 sys/fs/cgroup || true; } &&
    pivot_root . mnt && umount -l mnt && cd /src && exec "$@"' "$root" "$@"
