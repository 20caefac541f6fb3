#!/bin/bash
# Makes a Debian 13 user land with the program built in it, whose XNNPACK of
# 2024 has what --precision int8 needs; `bench/run --root FOLDER` measures it
# beside what is built here. As root:
#
#     bench/trixie.sh [FOLDER]
#
# FOLDER (default /var/tmp/wherefore-bench) is made with debootstrap the first
# time and kept: run it again to build the last commit there. MIRROR is the
# Debian mirror.
set -euo pipefail

root=${1-/var/tmp/wherefore-bench}
tree=$(cd "$(dirname "$0")/.." && pwd)

if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
    echo "bench/trixie.sh: this needs root, and debootstrap" >&2
    exit 1
fi
if [ ! -e "$root/etc/debian_version" ]; then
    debootstrap --variant=minbase --include=make,git,ca-certificates \
        trixie "$root" ${MIRROR:+"$MIRROR"}
fi

# This machine's network: its resolver and the authorities it trusts.
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

if [ ! -d "$root/src/.git" ]; then
    git clone -q --no-hardlinks "$tree" "$root/src"
fi
git -C "$root/src" fetch -q "$tree" HEAD
git -C "$root/src" checkout -q --force --detach FETCH_HEAD
# The models that are here need not be made again.
mkdir -p "$root/src/models"
cp -r --update "$tree"/models/. "$root/src/models"

variables=(
    HOME=/root LANG=C.UTF-8
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
)
for name in http_proxy https_proxy no_proxy PIP_INDEX_URL PIP_DEFAULT_TIMEOUT; do
    [ -z "${!name-}" ] || variables+=("$name=${!name}")
done
# A mount namespace of its own: nothing stays mounted.
# shellcheck disable=SC2016 # $1 is the inner shell's
unshare --mount sh -c '
    mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && shift &&
    exec "$@"' sh "$root" \
    env -i "${variables[@]}" chroot "$root" sh -c '
        cd /src && tools/deps.sh && make build model build/bench/stages'
