"""Tries what config/wherefore.service forbids, in the program's place under the
same unit, and prints what came of each as JSON."""

import ctypes
import errno
import json
import mmap
import os
import socket
import time
from collections.abc import Callable

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000
CLONE_NEWNS = 0x00020000
PTRACE_TRACEME = 0
PER_LINUX32 = 8


def call(name: str, *args: object) -> None:
    """A function of the C library that returns -1 where it fails."""
    if getattr(LIBC, name)(*args) == -1:
        raise OSError(ctypes.get_errno(), name)


def write(path: str) -> None:
    """A new file, or what is there."""
    with open(path, "a") as file:
        file.write("x")


def writable_and_executable_memory() -> None:
    """As a compiler needs it."""
    everything = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    mmap.mmap(-1, 4096, prot=everything).close()


def program_with_somebody_elses_rights() -> None:
    """A file with setuid."""
    write("/tmp/setuid")
    os.chmod("/tmp/setuid", 0o4755)


TRIES: dict[str, Callable[[], object]] = {
    "write /usr/local/bin": lambda: write("/usr/local/bin/x"),
    "write /etc": lambda: write("/etc/wherefore/wherefore.ini"),
    "write /var/lib": lambda: write("/var/lib/x"),
    "write /proc/sys": lambda: write("/proc/sys/kernel/hostname"),
    "write /sys": lambda: write("/sys/fs/cgroup/cgroup.procs"),
    "look into /root": lambda: os.listdir("/root"),
    "look into /home": lambda: os.listdir("/home"),
    "see process 1": lambda: os.listdir("/proc/1"),
    "log of the kernel": lambda: call("klogctl", 3, ctypes.create_string_buffer(9), 9),
    "packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "raw IP": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "a port below 1024": lambda: socket.create_server(("127.0.0.1", 81)),
    "namespace of users": lambda: call("unshare", CLONE_NEWUSER),
    "namespace of mounts": lambda: call("unshare", CLONE_NEWNS),
    "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "trace": lambda: call("ptrace", PTRACE_TRACEME, 0, None, None),
    "personality": lambda: call("personality", PER_LINUX32),
    "name of the host": lambda: call("sethostname", b"x", 1),
    "clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
    "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
    "another user": lambda: os.setuid(0),
    "writable and executable memory": writable_and_executable_memory,
    "setuid": program_with_somebody_elses_rights,
}
# What it may, or the rest would prove nothing.
GRANTED: dict[str, Callable[[], object]] = {
    "write its own /tmp": lambda: write("/tmp/x"),
    "see itself": lambda: os.listdir("/proc/self"),
    "read what it serves": lambda: os.listdir("/usr/local/share/wherefore/models"),
    "TCP": lambda: socket.create_server(("127.0.0.1", 0)).close(),
    "a socket of files": lambda: socket.socket(socket.AF_UNIX).close(),
}


def outcome(what: Callable[[], object]) -> str:
    """`done`, or the name of the error."""
    try:
        what()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"


if __name__ == "__main__":
    print(
        json.dumps(
            {
                "forbidden": {name: outcome(it) for name, it in TRIES.items()},
                "granted": {name: outcome(it) for name, it in GRANTED.items()},
                "tmp": sorted(os.listdir("/tmp")),
                "dev": sorted(os.listdir("/dev")),
            }
        )
    )
