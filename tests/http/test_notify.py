"""What systemd is told, by a socket that stands in for it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
from conftest import BINARY, MODEL, STOP_SECONDS, first_line

PATIENCE = 60
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000  # waits for threads too


@contextlib.contextmanager
def told(
    name: str, environment: dict[str, str], *options: str
) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """A server and the socket that it talks to."""
    address = "\0" + name[1:] if name.startswith("@") else name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.settimeout(PATIENCE)
        process = subprocess.Popen(
            [
                BINARY,
                "serve",
                "--listen=127.0.0.1:0",
                "--workers=1",
                "--model",
                MODEL,
                *options,
            ],
            env={**os.environ, "NOTIFY_SOCKET": name, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield process, ear
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def hear(ear: socket.socket) -> dict[str, str]:
    """The next message."""
    lines = ear.recv(4096).decode().splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_start_reload_and_stop_are_told(kind: str, tmp_path: pathlib.Path) -> None:
    """READY when it serves, RELOADING and READY again, STOPPING."""
    name = str(tmp_path / "s") if kind == "path" else f"@wherefore-{os.getpid()}"
    with told(name, {}) as (process, ear):
        ready = hear(ear)
        url = re.search(r"http://\S+", first_line(process)).group()
        assert ready["READY"] == "1"
        assert url in ready["STATUS"]
        assert httpx.get(url + "/readyz").status_code == 200

        process.send_signal(signal.SIGHUP)
        reloading = hear(ear)
        assert reloading["RELOADING"] == "1"
        assert int(reloading["MONOTONIC_USEC"]) > 0
        assert hear(ear)["READY"] == "1"

        process.send_signal(signal.SIGTERM)
        assert hear(ear)["STOPPING"] == "1"
        assert process.wait(STOP_SECONDS) == 0


def test_the_watchdog_hears_of_a_live_server(tmp_path: pathlib.Path) -> None:
    """Again and again, under load or without."""
    with told(str(tmp_path / "s"), {"WATCHDOG_USEC": "600000"}) as (_, ear):
        assert hear(ear)["READY"] == "1"
        assert [hear(ear) for _ in range(3)] == [{"WATCHDOG": "1"}] * 3


def test_the_watchdog_hears_nothing_of_a_stopped_one(tmp_path: pathlib.Path) -> None:
    """Until it goes on."""
    with told(str(tmp_path / "s"), {"WATCHDOG_USEC": "600000"}) as (process, ear):
        assert hear(ear)["READY"] == "1"
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        ear.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(100):  # what was on its way
                hear(ear)
        ear.settimeout(1)
        with pytest.raises(TimeoutError):
            hear(ear)
        ear.settimeout(PATIENCE)
        process.send_signal(signal.SIGCONT)
        assert hear(ear) == {"WATCHDOG": "1"}


@contextlib.contextmanager
def thread_held(pid: int, name: str) -> Iterator[None]:
    """One thread of a process stopped where it is, as a debugger does it."""
    libc = ctypes.CDLL(None, use_errno=True)

    def ptrace(request: int, number: int) -> None:
        if libc.ptrace(request, tid, None, ctypes.c_void_p(number)) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    (tid,) = (int(t.name) for t in tasks if (t / "comm").read_text() == name + "\n")
    try:
        ptrace(PTRACE_SEIZE, 0)
    except OSError as error:
        pytest.skip(f"threads cannot be stopped here: {error}")
    ptrace(PTRACE_INTERRUPT, 0)
    os.waitpid(tid, WALL)
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH, 0)


def test_the_watchdog_hears_nothing_while_nobody_accepts(
    tmp_path: pathlib.Path,
) -> None:
    """The thread that does is stuck, until it goes on."""
    environment = {"WATCHDOG_USEC": "600000"}
    with told(str(tmp_path / "s"), environment, "--sandbox=off") as (process, ear):
        assert hear(ear)["READY"] == "1"
        assert hear(ear) == {"WATCHDOG": "1"}
        with thread_held(process.pid, "accept"):
            time.sleep(3)  # a second of waiting is as it should be
            ear.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(100):
                    hear(ear)
            ear.settimeout(1)
            with pytest.raises(TimeoutError):
                hear(ear)
        ear.settimeout(PATIENCE)
        assert hear(ear) == {"WATCHDOG": "1"}


@pytest.mark.parametrize(
    ("name", "pid"), [("relative", None), ("/nowhere/s", None), (None, "1")]
)
def test_what_is_not_for_us_is_left_alone(
    name: str | None, pid: str | None, tmp_path: pathlib.Path
) -> None:
    """A socket that is none, a watchdog for another process."""
    environment = {"WATCHDOG_USEC": "100000"}
    if pid:
        environment["WATCHDOG_PID"] = pid
    if name:
        environment["NOTIFY_SOCKET"] = name
    with told(str(tmp_path / "s"), environment) as (process, ear):
        assert first_line(process).startswith("listening on ")
        if name is None:
            assert hear(ear)["READY"] == "1"
        ear.settimeout(0.5)
        with pytest.raises(TimeoutError):
            hear(ear)
