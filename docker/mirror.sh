#!/bin/sh
# Sets the mirror of apt in a fresh Debian, for the build stage of the Dockerfile:
# `mirror.sh URL`. Does nothing without a URL.
set -eu

mirror=${1%/}
[ -n "$mirror" ] || exit 0
rm -f /etc/apt/sources.list.d/*
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
echo "deb $mirror $suite main" >/etc/apt/sources.list
