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

if [ $# -lt 1 ]; then
    echo "usage, as root: tools/chroot-test.sh SUITE [COMMAND...]" >&2
    exit 2
fi
suite=$1
shift
chroot=${CHROOT:-/var/tmp/wherefore-$suite}
tree=$(cd "$(dirname "$0")/.." && pwd)

"$tree/tools/chroot.sh" "$suite" "$chroot"
rm -rf "$chroot/src"
git clone -q --no-hardlinks "$tree" "$chroot/src"
if [ $# -eq 0 ]; then
    set -- make test
fi
exec "$tree/tools/chroot.sh" "$suite" "$chroot" "$@"
