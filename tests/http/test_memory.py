"""A server whose allocations fail at random answers 503, or hangs up where
there is no memory even for that; it lives, leaks nothing, and never sends half
an answer. tests/http/fail_malloc.c says which allocations fail.
"""

from __future__ import annotations

import collections
import http.client
import itertools
import json
import mmap
import os
import pathlib
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from conftest import ROOT, SANITIZED, Server, running, sample

pytestmark = pytest.mark.skipif(
    SANITIZED, reason="a sanitizer brings its own malloc, and wants to be first"
)

SECONDS = 4
ENOUGH = 10  # requests that had no memory, for which a busy machine takes longer
PATIENCE = 60  # seconds for that
CLIENTS = 3
SLACK = 40  # blocks: what a connection that is just being closed holds

# Where libraries do not tell that it was for want of memory: zlib of the room that
# libspng decodes in.
UNTOLD = (b"IDAT stream error",)

RATE, SEED, FAILED, LIVE = range(4)

PICTURES = [
    (sample("chelsea.png"), "image/png"),
    (sample("rocket.jpg"), "image/jpeg"),
    ((ROOT / "tests/cases/images/webp-lossy.webp").read_bytes(), "image/webp"),
]


class Shim:
    """The numbers that the library shares with us."""

    def __init__(self, path: pathlib.Path) -> None:
        """All of them 0: nothing fails."""
        path.write_bytes(bytes(32))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 32)

    def get(self, index: int) -> int:
        """One of them."""
        return struct.unpack_from("<q", self.memory, 8 * index)[0]

    def set(self, index: int, value: int) -> None:
        """One of them."""
        struct.pack_into("<q", self.memory, 8 * index, value)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The library for LD_PRELOAD."""
    path = tmp_path_factory.mktemp("memory") / "fail_malloc.so"
    source = ROOT / "tests" / "http" / "fail_malloc.c"
    flags = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Werror", "-shared"]
    compiler = os.environ.get("CC", "cc").split()
    subprocess.run([*compiler, *flags, "-fPIC", "-o", path, source], check=True)
    return path


def form(picture: bytes) -> tuple[bytes, str]:
    """A form with options and the picture, and its type."""
    fields = b"".join(
        b'--bb\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % field
        for field in ((b"top", b"3"), (b"class", b"top"), (b"heatmap", b"none"))
    )
    fields += b'--bb\r\nContent-Disposition: form-data; name="image"; filename="a"'
    body = fields + b"\r\n\r\n" + picture + b"\r\n--bb--\r\n"
    return body, "multipart/form-data; boundary=bb"


def requests() -> Iterator[tuple[str, str, bytes | None, str]]:
    """Method, path, body and type, for ever."""
    while True:
        for picture, kind in PICTURES:
            yield "POST", "/cam?heatmap=none", picture, kind
            yield "POST", "/cam?heatmap_size=100&values=1", picture, kind
            yield ("POST", "/cam", *form(picture))
        yield "POST", "/activations?values=1&top=20", *PICTURES[0]
        for path in ("/metrics", "/models", "/model", "/", "/healthz", "/filters"):
            yield "GET", path, None, ""


def is_whole(path: str, body: bytes) -> bool:
    """Whether an answer with status 200 says all it should."""
    if not path.startswith("/cam"):
        return len(body) > 0
    answer = json.loads(body)
    return (
        len(answer["classes"]) == (3 if path == "/cam" else 5)
        and answer["map"] is not None
        and (path != "/cam" or all("map" in c for c in answer["classes"]))
        and ("size" not in path or len(answer["heatmap"]) > 1000)
    )


def ask(
    server: Server, over: threading.Event, seen: collections.Counter, wrong: list
) -> None:
    """Sends one request after another, each on a connection of its own."""
    for method, path, body, kind in requests():
        if over.is_set():
            return
        connection = http.client.HTTPConnection(*server.address, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": kind})
            response = connection.getresponse()
            text = response.read()
        except (http.client.HTTPException, ConnectionError):
            seen["hung up on"] += 1
            continue
        finally:
            connection.close()
        seen[response.status] += 1
        if response.status == 200:
            ok = is_whole(path, text)
        else:
            ok = response.status == 503 or any(words in text for words in UNTOLD)
        if not ok:
            wrong.append((method, path, response.status, text[:300]))


def settle(shim: Shim, live: int) -> int:
    """Waits until no more blocks are left than `live`, and gives their number."""
    for _ in range(600):
        if shim.get(LIVE) <= live:
            break
        time.sleep(0.1)
    return shim.get(LIVE)


def all_is_well(server: Server) -> None:
    """Every kind of request is answered, often enough to reach each worker."""
    for method, path, body, kind in itertools.islice(requests(), 32):
        connection = http.client.HTTPConnection(*server.address, timeout=60)
        connection.request(method, path, body, {"Content-Type": kind})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        assert response.status == 200, text
        assert is_whole(path, text), text


@pytest.mark.parametrize("rate", [10, 100, 1000])
def test_a_server_without_memory_answers_503_and_lives(
    library: pathlib.Path, tmp_path: pathlib.Path, rate: int
) -> None:
    """One allocation in `rate` fails, while models are read anew as well."""
    shim = Shim(tmp_path / "shared")
    seen: collections.Counter = collections.Counter()
    wrong: list = []
    env = {"LD_PRELOAD": str(library), "FAIL_MALLOC_FILE": str(tmp_path / "shared")}
    with running("--workers", "2", env=env) as server:
        all_is_well(server)
        live = shim.get(LIVE)
        shim.set(SEED, rate)
        shim.set(RATE, rate)
        over = threading.Event()
        clients = [
            threading.Thread(target=ask, args=(server, over, seen, wrong))
            for _ in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        begin = time.monotonic()
        while time.monotonic() < begin + SECONDS or (
            seen[503] + seen["hung up on"] <= ENOUGH
            and time.monotonic() < begin + PATIENCE
        ):
            server.process.send_signal(signal.SIGHUP)
            clients[0].join(0.5)
        over.set()
        for client in clients:
            client.join()
        shim.set(RATE, 0)
        print(f"{shim.get(FAILED)} allocations failed: {dict(seen)}")

        assert server.process.poll() is None, server.log()[-2000:]
        assert not wrong
        assert shim.get(FAILED) > ENOUGH
        assert seen[503] + seen["hung up on"] > ENOUGH
        all_is_well(server)
        assert settle(shim, live + SLACK) <= live + SLACK
