#!/bin/bash
# Runs `make test`, or another command, on a bare Debian: what a stranger with
# a new machine sees. Debian 12 (bookworm) and 13 (trixie) ship the two
# generations of XNNPACK.
#
#     tools/chroot-test.sh SUITE [COMMAND...]
#
# The last commit is what is tested. The chroot is made with debootstrap the
# first time, in CHROOT (default /var/tmp/wherefore-SUITE), and kept; remove it
# to begin from nothing. MIRROR is the Debian mirror. Needs root.
set -euo pipefail

if [ $# -lt 1 ] || [ "$(id -u)" -ne 0 ]; then
    echo "usage, as root: tools/chroot-test.sh SUITE [COMMAND...]" >&2
    exit 2
fi
suite=$1
shift
chroot=${CHROOT:-/var/tmp/wherefore-$suite}
tree=$(cd "$(dirname "$0")/.." && pwd)

if ! command -v debootstrap >/dev/null; then
    echo "debootstrap is not installed: apt-get install debootstrap" >&2
    exit 1
fi
if [ ! -e "$chroot/etc/debian_version" ]; then
    debootstrap --variant=minbase --include=make,git,ca-certificates \
        "$suite" "$chroot" ${MIRROR:+"$MIRROR"}
fi

# This machine's network: its resolver and the authorities it trusts.
cp -L /etc/resolv.conf "$chroot/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$chroot/etc/ssl/certs/"

unmount() {
    for place in dev/pts dev proc sys/fs/cgroup ""; do
        umount "$chroot/$place" 2>/dev/null || true
    done
}
unmount
trap unmount EXIT
# A root that is a mount, and control groups, are for tests/systemd.
mount --bind "$chroot" "$chroot"
mkdir -p "$chroot/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$chroot/sys/fs/cgroup" || true
mount -t proc proc "$chroot/proc"
mount --bind /dev "$chroot/dev"
mount --bind /dev/pts "$chroot/dev/pts" # the tests have a terminal

rm -rf "$chroot/src"
git clone -q --no-hardlinks "$tree" "$chroot/src"

variables=(
    HOME=/root LANG=C.UTF-8 CI="${CI-}"
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
)
for name in http_proxy https_proxy no_proxy PIP_INDEX_URL PIP_DEFAULT_TIMEOUT; do
    [ -z "${!name-}" ] || variables+=("$name=${!name}")
done
if [ $# -eq 0 ]; then
    set -- make test
fi
# Not chroot, in which the kernel has no namespaces of users.
# shellcheck disable=SC2016 # for the other shell
env -i "${variables[@]}" unshare --mount --propagation private sh -c '
    cd "$0" && pivot_root . mnt && umount -l mnt && cd /src && exec "$@"' \
    "$chroot" "$@"
