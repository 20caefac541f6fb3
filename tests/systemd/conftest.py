"""A real systemd, booted by tools/systemd-boot.sh, with the units of config/ and
the program as `make install` puts it. It has this machine's files and kernel, and
a network of its own."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))
import common  # noqa: E402

CONFIG = ROOT / "config"
SYSTEMD = pathlib.Path("/usr/lib/systemd/systemd")
CLONE_NEWNET = 0x40000000
PATIENCE = 60
URL = "http://127.0.0.1:8080"

http = common.conftest_of("http")
eventually = functools.partial(common.eventually, patience=PATIENCE)


def cgroup2() -> pathlib.Path | None:
    """Where it is mounted."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return pathlib.Path(where)
    return None


def large_picture() -> bytes:
    """A grey PNG of 25 megapixels: a large map of it takes a worker its time."""
    return http.png(5000, 5000)


class Machine:
    """What systemd is pid 1 of."""

    def __init__(self, pid: int) -> None:
        """With threads that are in its network, for requests."""
        self.pid = pid
        self.threads = ThreadPoolExecutor(16, initializer=self._enter_network)

    def _enter_network(self) -> None:
        """This thread, for good."""
        with open(f"/proc/{self.pid}/ns/net") as space:
            status = ctypes.CDLL(None, use_errno=True).setns(
                space.fileno(), CLONE_NEWNET
            )
        if status != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def run(
        self, *args: str, check: bool = True, **options: object
    ) -> subprocess.CompletedProcess[str]:
        """A command of this machine, on it."""
        return subprocess.run(
            ["nsenter", "-t", str(self.pid), "-a", "-r", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=check,
            **options,
        )

    def systemctl(self, *args: str, **options: object) -> str:
        """What it says."""
        return self.run("systemctl", *args, **options).stdout

    def show(self, name: str, unit: str = "wherefore") -> str:
        """A property of a unit."""
        return self.systemctl("show", "--value", "-p", name, unit).strip()

    def wait_to_show(self, name: str, value: str) -> None:
        """Until the service's property has this value: systemd reads what the
        service says of itself when it gets to it."""
        end = time.monotonic() + PATIENCE
        while (found := self.show(name)) != value:
            assert time.monotonic() < end, f"{name} is {found!r}, not {value!r}"
            time.sleep(0.05)

    def signal(self, name: str, pid: str) -> None:
        """By the shell: a small Debian has no other kill."""
        self.run("sh", "-c", 'kill -s "$0" "$1"', name, pid)

    def log(self, unit: str = "wherefore") -> str:
        """What the unit, and systemd about it, has said since it was last cleared."""
        return self.run(
            "journalctl", "--no-pager", "-o", "cat", "-u", unit
        ).stdout.replace("-- No entries --\n", "")

    def status_of_process(self) -> dict[str, str]:
        """/proc/PID/status of the service."""
        text = self.run("cat", f"/proc/{self.show('MainPID')}/status").stdout
        return dict(line.split(":\t", 1) for line in text.splitlines())

    def ask(self, method: str, path: str, **options: object) -> object:
        """A request from there, on a connection of its own: a future."""
        url = options.pop("url", URL)
        return self.threads.submit(
            httpx.request, method, url + path, timeout=60, **options
        )

    def get(self, path: str, **options: object) -> httpx.Response:
        """GET, and its answer."""
        return self.ask("GET", path, **options).result()

    def cam(self, picture: bytes | None = None, **options: object) -> object:
        """POST of a picture, by default a cat: a future."""
        cat = ROOT / "static" / "samples" / "chelsea.png"
        files = {"image": picture or cat.read_bytes()}
        return self.ask("POST", "/cam", files=files, **options)

    @contextlib.contextmanager
    def with_lines(
        self, *lines: str, unit: str = "wherefore.service"
    ) -> Iterator[None]:
        """More lines of the unit's section, for a while; it is left stopped."""
        section = unit.rsplit(".", 1)[1].capitalize()
        folder = f"/run/systemd/system/{unit}.d"
        text = "\n".join([f"[{section}]", *lines, ""])
        self.run("mkdir", "-p", folder)
        self.run("tee", f"{folder}/more.conf", input=text)
        self.systemctl("daemon-reload")
        try:
            yield
        finally:
            self.systemctl("stop", "wherefore.socket", "wherefore.service")
            self.run("rm", "-r", folder)
            self.systemctl("daemon-reload")


def lay_out(over: pathlib.Path) -> None:
    """What is laid over this machine's files."""
    subprocess.run(
        ["make", "-s", "install", f"DESTDIR={over}", "PREFIX=/usr/local"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    for name, folder in (
        ("wherefore.ini", "etc/wherefore"),
        ("wherefore.service", "etc/systemd/system"),
        ("wherefore.socket", "etc/systemd/system"),
    ):
        (over / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(CONFIG / name, over / folder)
    shutil.copy(pathlib.Path(__file__).with_name("probe.py"), over / "usr/local/bin")


def why_not() -> str:
    """What a systemd cannot be booted without, and is not here."""
    if os.geteuid() != 0:
        return "only root may boot a systemd"
    if not SYSTEMD.exists() or shutil.which("unshare") is None:
        return "there is no systemd, or no unshare"
    where = cgroup2()
    if where is None or not os.access(where, os.W_OK):
        return "there is no cgroup2 that can be written"
    mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    if "/" not in [it.split()[4] for it in mounts]:
        return "the root is that of a chroot"
    args = ["unshare", "--mount", "--pid", "--fork", "--net", "--cgroup", "true"]
    if subprocess.run(args, check=False).returncode != 0:
        return "there are no namespaces to be had"
    return ""


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Booted once for all tests."""
    if why_not():
        pytest.skip(why_not())
    folder = tmp_path_factory.mktemp("machine")
    lay_out(folder / "over")
    boot = subprocess.Popen(
        [ROOT / "tools" / "systemd-boot.sh", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    children = pathlib.Path(f"/proc/{boot.pid}/task/{boot.pid}/children")

    def pid_of_systemd() -> int:
        assert boot.poll() is None, boot.stdout.read()
        for child in children.read_text().split():
            if pathlib.Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                return int(child)
        return 0

    try:
        it = Machine(eventually(pid_of_systemd))
        with it.threads:
            eventually(
                lambda: it.systemctl("is-system-running", check=False) == "running\n"
            )
            yield it
    finally:
        boot.kill()
        boot.wait()
        boot.stdout.close()
        group = cgroup2() / f"wherefore-{boot.pid}"
        eventually(lambda: "populated 0" in (group / "cgroup.events").read_text())
        for below, _, _ in os.walk(group, topdown=False):
            os.rmdir(below)
        shutil.rmtree(folder)


@pytest.fixture
def service(machine: Machine) -> Iterator[Machine]:
    """The machine with the service started as docs/operations.md has it."""
    machine.systemctl("start", "wherefore")
    yield machine
    machine.systemctl("stop", "wherefore.socket", "wherefore.service")
    machine.systemctl("reset-failed", "wherefore.service", check=False)
