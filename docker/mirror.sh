#!/bin/sh
# Points a fresh Debian's apt to another mirror, for the builder's stage of the
# Dockerfile: `mirror.sh URL`. Nothing to do without a URL.
set -eu

mirror=${1%/}
[ -n "$mirror" ] || exit 0
rm -f /etc/apt/sources.list.d/*
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
echo "deb $mirror $suite main" >/etc/apt/sources.list
