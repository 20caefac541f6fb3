"""Debian's nginx with config/nginx.conf, before two instances of the service."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import httpx
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))
import common  # noqa: E402

CONFIG = ROOT / "config" / "nginx.conf"
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or shutil.which(
    ROOT / "build" / "nginx" / "usr" / "sbin" / "nginx"
)
ANSWER_SECONDS = 60

# What the file leaves to its surroundings, and what must not be of the machine.
AROUND = """
{user}
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/wherefore.conf;
}}
"""


http = common.conftest_of("http")


def free_ports(count: int) -> list[int]:
    """Ports that nobody has, all different."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(common.free_port())
    return list(ports)


@dataclasses.dataclass
class Proxy:
    """A running proxy."""

    url: str
    folder: pathlib.Path
    process: subprocess.Popen[bytes]

    def client(self, **options: object) -> httpx.Client:
        """A client of what is under /vision/, to be closed by the caller."""
        return httpx.Client(
            base_url=self.url + "/vision/", timeout=ANSWER_SECONDS, **options
        )

    def get(self, path: str, **options: object) -> httpx.Response:
        """GET of a path below the root."""
        return httpx.get(self.url + path, timeout=ANSWER_SECONDS, **options)

    def cam(self, **options: object) -> httpx.Response:
        """The evidence for a cat, without pictures."""
        return httpx.post(
            self.url + "/vision/cam",
            params={"heatmap": "none"},
            files={"image": http.sample("chelsea.png")},
            timeout=ANSWER_SECONDS,
            **options,
        )

    def log(self) -> str:
        """What the proxy has logged."""
        return (self.folder / "access.log").read_text()


def fit(text: str, folder: pathlib.Path, port: int, instances: list[int]) -> str:
    """The file with the addresses of a test. What it replaces must be there."""
    changes = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "listen [::]:80;": "",
        "127.0.0.1:8081": f"127.0.0.1:{instances[0]}",
        "127.0.0.1:8082": f"127.0.0.1:{instances[1]}",
        "/var/log/nginx/wherefore.log": f"{folder}/access.log",
    }
    head, rest = text.split("\nupstream ", 1)  # the head is a comment
    for old, new in changes.items():
        assert rest.count(old) == 1, old
        rest = rest.replace(old, new)
    return head + "\nupstream " + rest


def wait_until_open(process: subprocess.Popen[bytes], port: int) -> None:
    """A proxy listens before it says anything."""
    end = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        assert process.poll() is None, "the proxy has ended"
        assert time.monotonic() < end, "the proxy does not listen"
        time.sleep(0.02)


def certificate(folder: pathlib.Path) -> None:
    """cert.pem for 127.0.0.1, and key.pem."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"),
            *("-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        capture_output=True,
        check=True,
    )


def with_tls(text: str, folder: pathlib.Path, port: int) -> str:
    """The file with the lines that it has for a certificate, and no others."""
    certificate(folder)
    version = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=True)
    numbers = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", version.stderr).groups()
    text = re.sub(r"^    #     (\S.*;)$", r"    \1", text, flags=re.M)
    changes = {
        f"listen 127.0.0.1:{port};": "",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/etc/letsencrypt/live/example.org/fullchain.pem": f"{folder}/cert.pem",
        "/etc/letsencrypt/live/example.org/privkey.pem": f"{folder}/key.pem",
    }
    if tuple(map(int, numbers)) < (1, 25, 1):
        changes |= {f"{port} ssl;": f"{port} ssl http2;", "http2 on;": ""}
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def proxying(
    instances: list[int], tls: bool = False, **changes: str
) -> Iterator[Proxy]:
    """nginx before these two ports; `changes` are more words to replace."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        port = free_ports(1)[0]
        text = fit(CONFIG.read_text(), folder, port, instances)
        text = with_tls(text, folder, port) if tls else text
        for old, new in ({"rate=20r/s": "rate=100000r/s"} | changes).items():
            assert old in text, old
            text = text.replace(old, new)
        (folder / "wherefore.conf").write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(AROUND.format(user=user, folder=folder))
        process = subprocess.Popen(
            [NGINX, "-e", f"{name}/error.log", "-p", name, "-c", f"{name}/nginx.conf"],
            stderr=subprocess.PIPE,
        )
        try:
            wait_until_open(process, port)
            yield Proxy(f"http{'s' * tls}://127.0.0.1:{port}", folder, process)
        finally:
            process.terminate()
            _, said = process.communicate(timeout=30)
            if said:
                print(said.decode())


def port_of(server: object) -> int:
    """Of a running instance."""
    return int(re.search(r":(\d+)$", server.url)[1])


@pytest.fixture(scope="session", autouse=True)
def _nginx() -> None:
    if NGINX is None:
        pytest.skip("there is no nginx, and apt has none")


@pytest.fixture(scope="session")
def instances() -> Iterator[list[object]]:
    """Two instances that outlive the tests."""
    options = ("--workers", "1", "--trusted-proxy", "127.0.0.1")
    with http.running(*options) as a, http.running(*options) as b:
        yield [a, b]


@pytest.fixture(scope="session")
def proxy(instances: list[object]) -> Iterator[Proxy]:
    """nginx before them."""
    with proxying([port_of(it) for it in instances]) as it:
        yield it
