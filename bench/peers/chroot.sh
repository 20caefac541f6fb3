#!/bin/sh
# Runs a command in another user land: chroot.sh ROOT COMMAND... The caller's
# mount namespace is to be a private one (unshare --mount).
root=$1
shift
mount -t proc proc "$root/proc" || exit
exec chroot "$root" "$@"
