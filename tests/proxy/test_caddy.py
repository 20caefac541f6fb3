"""config/Caddyfile with Debian's Caddy, over HTTP: the sub-path, and an instance
that dies."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from conftest import ROOT, Proxy, free_ports, http, wait_until_open

CADDY = shutil.which("caddy") or shutil.which(
    ROOT / "build" / "caddy" / "usr" / "bin" / "caddy"
)
MAX_BODY = 16777216

pytestmark = pytest.mark.skipif(CADDY is None, reason="there is no caddy")


def fit(text: str, port: int, instances: list[int]) -> str:
    """The file with the addresses of a test, for the version that Debian has."""
    said = subprocess.run(
        [CADDY, "version"], capture_output=True, text=True, check=True
    )
    version = tuple(
        map(int, said.stdout.split()[0].lstrip("v").split("-")[0].split("."))
    )
    changes = {
        "example.org {": f"http://127.0.0.1:{port} {{",
        "127.0.0.1:8081": f"127.0.0.1:{instances[0]}",
        "127.0.0.1:8082": f"127.0.0.1:{instances[1]}",
    }
    if version < (2, 6, 4):
        changes["\trequest_buffers 16MiB"] = "\tbuffer_requests"
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return "{\n\tadmin off\n}\n" + text


@pytest.fixture
def ports() -> list[int]:
    """Of two instances."""
    return free_ports(2)


@pytest.fixture
def caddy(tmp_path: pathlib.Path, ports: list[int]) -> Iterator[Proxy]:
    """Caddy before two instances that need not be there yet."""
    port = free_ports(1)[0]
    path = tmp_path / "Caddyfile"
    path.write_text(fit((ROOT / "config" / "Caddyfile").read_text(), port, ports))
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [CADDY, "run", "--adapter", "caddyfile", "--config", path],
            env=os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
            stderr=log,
        )
    try:
        wait_until_open(process, port)
        yield Proxy(f"http://127.0.0.1:{port}", tmp_path, process)
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def paused(proxy: Proxy) -> Iterator[None]:
    """So that it has a request before it learns what happened meanwhile."""
    proxy.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        proxy.process.send_signal(signal.SIGCONT)


def test_the_caddyfile_does_as_nginx_does(caddy: Proxy, ports: list[int]) -> None:
    """One test, for the instances take longer to start than all of it."""
    with http.running("--workers", "1", "--listen", f"127.0.0.1:{ports[0]}") as one:
        end = time.monotonic() + 60
        while caddy.get("/vision/readyz").status_code != 200:
            assert time.monotonic() < end, (caddy.folder / "log").read_text()
        with http.running("--workers", "1", "--listen", f"127.0.0.1:{ports[1]}"):
            assert caddy.cam().json()["class"] == 285
            with concurrent.futures.ThreadPoolExecutor() as pool, paused(caddy):
                one.process.kill()
                one.process.wait(60)
                first = pool.submit(caddy.cam)
                time.sleep(0.2)
            assert first.result().status_code == 200
            assert [caddy.cam().status_code for _ in range(8)] == [200] * 8

            assert caddy.get("/vision").headers["location"] == "/vision/"
            assert caddy.get("/vision/").headers["content-type"].startswith("text/html")
            assert caddy.get("/vision/metrics").status_code == 404
            assert caddy.get("/metrics").text == ""
            large = caddy.client().post("cam", content=bytes(MAX_BODY + 1))
            assert large.status_code == 413
