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

"$tree/tools/chroot.sh" trixie "$root"
if [ ! -d "$root/src/.git" ]; then
    git clone -q --no-hardlinks "$tree" "$root/src"
fi
git -C "$root/src" fetch -q "$tree" HEAD
git -C "$root/src" checkout -q --force --detach FETCH_HEAD
# The models that are here need not be made again.
mkdir -p "$root/src/models"
cp -r --update "$tree"/models/. "$root/src/models"

exec "$tree/tools/chroot.sh" trixie "$root" \
    sh -c 'tools/deps.sh && make build model build/bench/stages'
