#!/bin/bash
# Becomes a systemd that is pid 1 of namespaces of its own, over a root that is
# this machine's with what is in FOLDER/over laid on it: `tools/systemd-boot.sh
# FOLDER`. Nothing of it is kept. It has no network but a loopback of its own, and
# no units but those that systemd cannot do without and the files of
# FOLDER/over/etc/systemd/system. Whoever kills this process ends all of it, and
# then removes FOLDER and the group wherefore-PID; tests/systemd does. Needs root.
set -euo pipefail

folder=$(realpath "$1")
scratch=$folder/scratch
if [ "${2-}" != inside ]; then
    # The group that is the root of theirs is made outside.
    group=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)/wherefore-$$
    mkdir "$group"
    echo $$ >"$group/cgroup.procs"
    mkdir "$scratch"
    exec unshare --mount --pid --fork --kill-child --net --uts --ipc --cgroup \
        --propagation private "$0" "$folder" inside
fi

mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch"/{upper,work,root,units}
cp -a "$folder/over/." "$scratch/upper"
rm -rf "$scratch/upper/etc/systemd"
mount -t overlay overlay "$scratch/root" \
    -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work"
cd "$scratch/root"

mount -t proc proc proc
# Kernel variables are the host's: systemd leaves alone what cannot be written.
mount --bind -o ro proc/sys proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for place in dev/shm tmp var/tmp; do
    mount -t tmpfs -o mode=1777 tmpfs "$place"
done
mount -t tmpfs -o mode=755 tmpfs run

units=usr/lib/systemd/system
for unit in sysinit.target basic.target local-fs.target sockets.target \
    shutdown.target umount.target network.target multi-user.target \
    systemd-journald.service systemd-journald.socket \
    systemd-journald-dev-log.socket; do
    cp "$units/$unit" "$scratch/units"
done
mkdir "$scratch/units/sysinit.target.wants"
ln -s ../systemd-journald.service "$scratch/units/sysinit.target.wants"
mount --bind "$scratch/units" "$units"
mount -t tmpfs tmpfs usr/lib/systemd/system-generators
mount -t tmpfs tmpfs etc/systemd
mkdir etc/systemd/system
cp "$folder"/over/etc/systemd/system/* etc/systemd/system

hostname wherefore-test
ip link set lo up
mkdir "$scratch/root/mnt/old"
pivot_root . mnt/old
umount -l /mnt/old
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /usr/lib/systemd/systemd --system --unit=basic.target --show-status=no \
    </dev/null
