"""Starts the real binary on a free port; see docs/operations.md for the options.

WHEREFORE names the binary, as the Makefile says it, and WHEREFORE_MODEL the
model's folder. The binary may be tools/image-run.sh, which runs the image's
(`make test-image`): then what a container cannot do, or does no differently, is
left out, and said.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import os
import pathlib
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator

import httpx
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))  # for tiny.py
SAMPLES = ROOT / "static" / "samples"
BINARY = os.environ.get("WHEREFORE", str(ROOT / "build" / "wherefore"))
MODEL = os.environ.get("WHEREFORE_MODEL", str(ROOT / "models" / "efficientnet-lite0"))
BYTES = pathlib.Path(BINARY).read_bytes() if os.path.exists(BINARY) else b""
SANITIZED = b"__asan_init" in BYTES or b"__tsan_init" in BYTES
CONTAINED = pathlib.Path(BINARY).name == "image-run.sh"
# What our own code does alone, with no library of the image's Debian and no limit
# of its container, is as on this machine, which has tested it.
OURS = "is the same on this machine"
# What is not tested in a container, by the test's name or its file's, and why not.
NOT_IN_A_CONTAINER = {
    "test_forms.py": OURS,
    "test_huggingface.py": OURS,
    "test_kserve.py": OURS,
    "test_observe.py": OURS,
    "test_drawing_changes_no_class_map_or_box": OURS,
    "test_a_heatmap_alone_is_of_the_same_class_and_score": OURS,
    "test_a_photo_that_lies_is_seen_and_drawn_as_the_upright_one": OURS,
    "test_a_request_that_waits_too_long_is_answered_503": OURS,
    "test_exemplars.py": "the program writes to a folder first",
    "test_film.py": "the frames are in a folder of this machine",
    "test_memory.py": "preloads a library that is built on this machine",
    "test_restart.py": "between it and its clients stands what forwards its port",
    "test_notify.py": "systemd and its socket are this machine's",
    "test_a_file_that_guards_nothing_keeps_the_server_from_starting": "needs files "
    "that only their owner may read",
    "test_a_token_is_asked_for": "needs files that only their owner may read",
    "test_a_command_that_does_not_exist": "without a command it is `serve` there",
    "test_a_bar_shows_the_passes_of_one_image": "a terminal of this machine",
    "test_a_unix_socket": "makes a socket in a folder of this machine",
    "test_inherited_sockets": "inherits sockets of this machine",
    "test_off_is_off_and_auto_is_on": "the container's own limits are on",
    "test_it_answers_reads_anew_and_stops_in_it": "moves the folders that are mounted",
}
# What is not tested under a sanitizer, and why not.
NOT_SANITIZED = {
    "test_methods.py": "takes minutes; the unit tests run each method",
    "test_same.py": "answers that must be the same are, or are not, without one",
    "test_no_picture_of_16_megapixels_is_refused_for_what_it_takes": "takes minutes; "
    "smaller ones of the same kinds are tested",
}
# A test whose pictures are of more pixels than go into the 128 MB that the image
# is tested with: 6 million, at 11 bytes each (docs/operations.md), beside the
# model's 60 MB; or that may take as much of memory as such.
LARGE = pytest.mark.large
# A test that measures how quick something is: nothing runs beside it.
ALONE = pytest.mark.alone
# Nothing is asked over TLS. Without this, httpx reads all authorities that there are
# for each request, which takes longer than most answers; in this folder are none.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(ROOT / "tests")
# How long an answer may take, and a start and a stop, where quickness is not what is
# tested: a sanitized binary on a busy machine needs a minute for a large picture.
PATIENCE = 300 if SANITIZED else 60
# For a request that says nothing of it httpx has 5 seconds.
for what in ("connect", "read", "write", "pool"):
    setattr(inspect.signature(httpx.get).parameters["timeout"].default, what, PATIENCE)
START_SECONDS = STOP_SECONDS = PATIENCE
# The service is as patient, where a test does not say otherwise.
DEFAULTS = {"WHEREFORE_DEADLINE_MS": "600000"}


def pytest_configure(config: pytest.Config) -> None:
    """Says what our marks mean."""
    for text in (
        "large: pictures and methods that 128 MB are too small for",
        "alone: measures how quick something is, and runs beside no other test",
    ):
        config.addinivalue_line("markers", text)


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Leaves out what is not tested in a container, or under a sanitizer."""
    left_out = NOT_IN_A_CONTAINER if CONTAINED else NOT_SANITIZED if SANITIZED else {}
    for item in items:
        for name in (item.path.name, item.originalname):
            if name in left_out:
                item.add_marker(pytest.mark.skip(reason=left_out[name]))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG file."""
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(width: int, height: int, rows: int | None = None) -> bytes:
    """A grey PNG; with fewer `rows` than its header says, a cut one."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    line = b"\0" + bytes(i * 7 % 256 for i in range(width))
    data = zlib.compress(line * (height if rows is None else rows), 1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", data)
        + png_chunk(b"IEND", b"")
    )


def sample(name: str) -> bytes:
    """The bytes of one of the sample photos."""
    return (SAMPLES / name).read_bytes()


@dataclasses.dataclass
class Server:
    """A running `wherefore serve`."""

    process: subprocess.Popen[str]
    url: str
    log_path: str
    container: str = ""  # its name, if it is in one

    @functools.cached_property
    def pid(self) -> int:
        """Of the service itself, not of what runs its container."""
        if not self.container:
            return self.process.pid
        args = [BINARY, "--pid", self.container]
        return int(subprocess.run(args, stdout=subprocess.PIPE, check=True).stdout)

    @property
    def address(self) -> tuple[str, int]:
        """For a plain socket."""
        host, port = self.url.removeprefix("http://").rsplit(":", 1)
        return host.strip("[]"), int(port)

    def client(self, **options: object) -> httpx.Client:
        """A client of this server, to be closed by the caller."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE, **options)

    def get(self, path: str, **options: object) -> httpx.Response:
        """GET on a connection of its own."""
        return httpx.get(self.url + path, timeout=PATIENCE, **options)

    def cam(self, picture: bytes | None = None, **options: object) -> httpx.Response:
        """POST /cam with the picture as a form field; by default a cat."""
        picture = sample("chelsea.png") if picture is None else picture
        return httpx.post(
            self.url + "/cam", files={"image": picture}, timeout=PATIENCE, **options
        )

    def metric(self, name: str) -> int | float:
        """The value of a metric, labels included in the name; 0 if there is none."""
        for line in self.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                value = float(line.rsplit(" ", 1)[1])
                return int(value) if value.is_integer() else value
        return 0

    def log(self) -> str:
        """What was written to stderr so far."""
        return pathlib.Path(self.log_path).read_text()

    def memory_kb(self) -> int:
        """Resident memory."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits; returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


def first_line(process: subprocess.Popen[str]) -> str:
    """The first line of stdout, or "" where the process ends without one."""
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    return process.stdout.readline() if ready else ""


@contextlib.contextmanager
def running(*options: str, env: dict[str, str] | None = None) -> Iterator[Server]:
    """A server with these options, and variables besides ours, stopped at the end."""
    container = f"wherefore-{uuid.uuid4().hex[:8]}" if CONTAINED else ""
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        process = subprocess.Popen(
            [BINARY, "serve", "--listen", "127.0.0.1:0", "--model", MODEL, *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**DEFAULTS, **os.environ, "NAME": container, **(env or {})},
        )
        try:
            line = first_line(process)
            match = re.fullmatch(r"listening on (http://\S+)\n", line)
            assert match, f"stdout: {line!r}, stderr: {log.seek(0)} {log.read()!r}"
            yield Server(process, match[1], log.name, container)
            if process.poll() is None:
                process.terminate()
                status = process.wait(STOP_SECONDS)
                text = pathlib.Path(log.name).read_text()
                assert status == 0, f"exit status {status}\n{text}"
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server that most tests share."""
    with running("--workers", "2") as it:
        yield it


@pytest.fixture
def still_serves(server: Server) -> Iterator[None]:
    """After the test, the next request is served and nothing hangs."""
    yield
    answer = server.cam(params={"heatmap": "none"})
    assert answer.status_code == 200
    assert answer.json()["class"] == 285
    wait_for_end(server)


def wait_for_end(server: Server) -> None:
    """Until no request is in flight but the one that asks: the server may learn later
    than others that a client has left."""
    end = time.monotonic() + 60
    while server.metric("wherefore_requests_in_flight") > 1:
        assert time.monotonic() < end, "a request hangs"


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """The binary with these arguments, to its end."""
    return subprocess.run(
        [BINARY, *args], capture_output=True, text=True, timeout=60, check=False
    )


def at_once(count: int, work: Callable[[int], object]) -> list[object]:
    """Runs `work(i)` in `count` threads and returns the results in order."""
    results: list[object] = [None] * count

    def call(i: int) -> None:
        results[i] = work(i)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
