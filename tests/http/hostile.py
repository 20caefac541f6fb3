"""Clients for a server: those that behave, and those that do not. The same
seed makes the same choices.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import random
import socket
import struct
import threading
import time
from collections.abc import Callable

from conftest import ROOT, png, sample

CASES = ROOT / "tests" / "cases" / "images"
PICTURES = {
    "jpeg": ("image/jpeg", (CASES / "jpeg-420.jpg").read_bytes()),
    "png": ("image/png", png(300, 200)),
    "webp": ("image/webp", (CASES / "webp-lossy.webp").read_bytes()),
    "photo": ("image/jpeg", sample("rocket.jpg")),
}
QUERIES = ("?heatmap=none", "?heatmap=none&class=top&values=1", "?heatmap_size=100")
PAGES = ("/healthz", "/model", "/", "/app.js", "/nope")


@dataclasses.dataclass
class Request:
    """One well-formed request and what was made of it."""

    kind: str
    id: str
    status: int = 0  # 0: the server hung up
    seconds: float = 0.0


def post(kind: str, query: str, request_id: str, extra: str = "") -> bytes:
    """POST /cam with a picture."""
    content_type, body = PICTURES[kind]
    head = (
        f"POST /cam{query} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {request_id}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    )
    return head.encode() + body


def get(path: str, request_id: str) -> bytes:
    """GET."""
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {request_id}\r\n\r\n"
    return head.encode()


def read_answer(stream: socket.SocketIO) -> tuple[int, dict[bytes, bytes]]:
    """Status and headers; the body is read and dropped. (0, {}) at the end."""
    line = stream.readline()
    if not line:
        return 0, {}
    assert line.startswith(b"HTTP/1.1 "), line
    status = int(line.split()[1])
    headers = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get(b"content-length", 0))
    if len(stream.read(length)) != length:
        return 0, {}
    return status, headers


class Good:
    """A client that behaves: keeps its connection, and reads every answer."""

    def __init__(self, address: tuple[str, int], name: str, seed: int) -> None:
        """Connects with the first request."""
        self.address = address
        self.name = name
        self.random = random.Random(seed)
        self.done: list[Request] = []
        self.connection: socket.socket | None = None

    def make(self) -> tuple[Request, bytes]:
        """The next request."""
        request_id = f"{self.name}-{len(self.done)}"
        if self.random.random() < 0.1:
            path = self.random.choice(PAGES)
            return Request("GET", request_id), get(path, request_id)
        kind = self.random.choice(list(PICTURES))
        query = self.random.choice(QUERIES)
        return Request(kind, request_id), post(kind, query, request_id)

    def ask(self) -> Request:
        """Sends a request and waits for its answer."""
        request, data = self.make()
        if not self.connection or self.random.random() < 0.05:
            self.close()
            self.connection = socket.create_connection(self.address, 120)
            self.stream = self.connection.makefile("rb")
        begin = time.monotonic()
        try:
            self.connection.sendall(data)
            request.status, headers = read_answer(self.stream)
        except ConnectionError:
            headers = {}
        request.seconds = time.monotonic() - begin
        if request.status:
            assert headers[b"x-request-id"] == request.id.encode()
        if not request.status or headers.get(b"connection") == b"close":
            self.close()
        self.done.append(request)
        return request

    def close(self) -> None:
        """Hangs up."""
        if self.connection:
            self.stream.close()
            self.connection.close()
        self.connection = None


# --- those that do not behave ---


def reset(s: socket.socket) -> None:
    """Closes with RST instead of FIN."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def leave_before_the_answer(s: socket.socket, rng: random.Random) -> None:
    """A whole request, and gone."""
    s.sendall(post("photo", "", "hostile"))
    time.sleep(rng.random() * 0.02)
    reset(s) if rng.random() < 0.5 else s.close()


def leave_in_the_body(s: socket.socket, rng: random.Random) -> None:
    """Part of a request, and gone."""
    data = post("photo", "", "hostile")
    s.sendall(data[: rng.randrange(1, len(data))])
    reset(s) if rng.random() < 0.5 else s.close()


def leave_in_the_answer(s: socket.socket, rng: random.Random) -> None:
    """Reads a little of a large answer, and is gone."""
    s.sendall(post("photo", "", "hostile"))
    s.recv(rng.randrange(1, 4096))
    reset(s)


def send_garbage(s: socket.socket, rng: random.Random) -> None:
    """Bytes of no meaning, whole or after a good beginning."""
    begin = rng.choice([b"", b"GET ", b"POST /cam HTTP/1.1\r\n", b"GET / HTTP/9.9\r\n"])
    s.sendall(begin + rng.randbytes(rng.randrange(1, 3000)))
    s.shutdown(socket.SHUT_WR)
    read_all(s)


def trickle(s: socket.socket, rng: random.Random) -> None:
    """A byte at a time, and gone before the end."""
    data = post("jpeg", "", "hostile")
    for i in range(rng.randrange(1, 40)):
        s.sendall(data[i : i + 1])
        time.sleep(0.02)


def close_half(s: socket.socket, rng: random.Random) -> None:
    """Says that no more will come, and reads."""
    s.sendall(post("jpeg", "?heatmap=none", "hostile"))
    s.shutdown(socket.SHUT_WR)
    read_all(s)


def send_bad_chunks(s: socket.socket, rng: random.Random) -> None:
    """A chunked body that is none."""
    size = rng.choice([b"-1", b"zz", b"ffffffffffffffffff", b"5;x=" + b"y" * 9000, b""])
    s.sendall(
        b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\nhello\r\n0\r\n\r\n"
    )
    s.shutdown(socket.SHUT_WR)
    read_all(s)


def lie_about_the_length(s: socket.socket, rng: random.Random) -> None:
    """Two lengths, none, a negative one, or one that is far too large."""
    length = rng.choice(
        ["1\r\nContent-Length: 2", "-1", "x", "99999999999999999999", "1000000000"]
    )
    s.sendall(
        f"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        f"Content-Length: {length}\r\n\r\nhello".encode()
    )
    s.shutdown(socket.SHUT_WR)
    read_all(s)


def send_long_headers(s: socket.socket, rng: random.Random) -> None:
    """More of them than anyone has."""
    line = b"X-%d: " % rng.randrange(100) + b"y" * rng.randrange(1, 9000) + b"\r\n"
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + line * 40 + b"\r\n")
    read_all(s)


def never_read(s: socket.socket, rng: random.Random) -> None:
    """Many requests on one connection, and no interest in the answers."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(get("/", "hostile") * rng.randrange(2, 30) + post("png", "", "hostile"))
    time.sleep(rng.random() * 0.3)
    reset(s)


def send_no_picture(s: socket.socket, rng: random.Random) -> None:
    """Broken pictures."""
    content_type, body = PICTURES[rng.choice(list(PICTURES))]
    broken = bytearray(body)
    for _ in range(rng.randrange(1, 20)):
        broken[rng.randrange(len(broken))] = rng.randrange(256)
    broken = broken[: rng.randrange(1, len(broken) + 1)]
    s.sendall(
        f"POST /cam?heatmap=none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(broken)}\r\n\r\n".encode()
        + broken
    )
    read_all(s)


def ask_and_leave(s: socket.socket, rng: random.Random) -> None:
    """Expect: 100-continue, and then nothing."""
    s.sendall(post("photo", "", "hostile", "Expect: 100-continue\r\n")[:300])
    s.recv(100)
    reset(s)


HOSTILE: tuple[Callable[[socket.socket, random.Random], None], ...] = (
    leave_before_the_answer,
    leave_in_the_body,
    leave_in_the_answer,
    send_garbage,
    trickle,
    close_half,
    send_bad_chunks,
    lie_about_the_length,
    send_long_headers,
    never_read,
    send_no_picture,
    ask_and_leave,
)


def read_all(s: socket.socket) -> None:
    """Until the server hangs up."""
    while s.recv(65536):
        pass


def misbehave(address: tuple[str, int], rng: random.Random) -> str:
    """One of the above; its name."""
    attack = rng.choice(HOSTILE)
    # The server hangs up whenever it likes: no error is one.
    with contextlib.suppress(OSError), socket.create_connection(address, 60) as s:
        attack(s, rng)
    return attack.__name__


class Load:
    """Clients at work in threads of their own, until stopped."""

    def __init__(
        self, address: tuple[str, int], num_good: int, num_hostile: int, seed: int = 1
    ) -> None:
        """Starts nothing yet."""
        self.good = [
            Good(address, f"good{seed}-{i}", seed + i) for i in range(num_good)
        ]
        self.hostile: collections.Counter[str] = collections.Counter()
        self.errors: list[BaseException] = []
        self.end = threading.Event()
        self.threads = [
            threading.Thread(target=self.guard, args=(self.behave, client))
            for client in self.good
        ] + [
            threading.Thread(
                target=self.guard,
                args=(self.trouble, address, random.Random(seed * 1000 + i)),
            )
            for i in range(num_hostile)
        ]
        self.share = 1 / 9  # hostile ones to good ones, at most
        self.start = 0.0

    def guard(self, work: Callable[..., None], *args: object) -> None:
        """Keeps what a thread dies of."""
        try:
            work(*args)
        except BaseException as error:
            self.errors.append(error)

    def behave(self, client: Good) -> None:
        """The life of a good client."""
        while not self.end.is_set():
            if client.ask().status == 503:
                time.sleep(0.01)
        client.close()

    def trouble(self, address: tuple[str, int], rng: random.Random) -> None:
        """The life of the others."""
        while not self.end.is_set():
            if self.hostile.total() > self.share * self.num_done():
                time.sleep(0.005)
            else:
                self.hostile[misbehave(address, rng)] += 1

    def num_done(self) -> int:
        """Requests of good clients that are over."""
        return sum(len(client.done) for client in self.good)

    def done(self) -> list[Request]:
        """All of them."""
        return [request for client in self.good for request in client.done]

    def __enter__(self) -> Load:
        """Starts the clients."""
        self.start = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        """Stops them, and waits for what is under way."""
        self.end.set()
        for thread in self.threads:
            thread.join()
