"""Load on a service: wrk's closed loop, and an open loop at a fixed rate."""

from __future__ import annotations

import asyncio
import json
import random
import selectors
import statistics
import subprocess
from pathlib import Path

from photos import Photo

LUA = Path(__file__).parent / "peers/post.lua"
MAX_CONNECTIONS = 256
GRACE_S = 3  # how long answers are waited for after the last request


def closed(port: int, photo: Photo, clients: int, seconds: float) -> dict:
    """Each client asks again as soon as it is answered."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{round(seconds)}s"]
    command += ["--timeout", "60s", "-s", LUA]
    command += [f"http://127.0.0.1:{port}{photo.target}", "--", photo.path, photo.media]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(run.stdout.splitlines()[-1])
    found["per_s"] = found["requests"] / found["seconds"]
    return found


class Connection(asyncio.Protocol):
    """One request at a time over a connection that is kept."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.intended = 0.0
        self.head = b""
        self.missing = 0  # bytes of the body

    def connection_made(self, transport) -> None:
        self.transport = transport

    def ask(self, intended: float) -> None:
        """Sends the request that was due at a moment."""
        self.intended, self.head, self.missing = intended, b"", -1
        self.transport.write(self.generator.request)

    def data_received(self, data: bytes) -> None:
        if self.missing < 0:
            self.head += data
            head, blank, body = self.head.partition(b"\r\n\r\n")
            if not blank:
                return
            lines = head.lower().split(b"\r\n")
            self.status = int(lines[0].split()[1])
            length = next(x for x in lines if x.startswith(b"content-length:"))
            self.missing = int(length.split(b":")[1]) - len(body)
        else:
            self.missing -= len(data)
        if self.missing == 0:
            self.generator.answered(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.generator.lost(self)


class Generator:
    """Sends requests when they are due, whether or not others are answered:
    a latency counts from when its request was due."""

    def __init__(self, port: int, photo: Photo) -> None:
        body = photo.path.read_bytes()
        self.port = port
        self.request = (
            f"POST {photo.target} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: {photo.media}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self.idle: list[Connection] = []
        self.num_open = self.failed = 0
        self.latencies: list[float] = []

    def answered(self, connection: Connection) -> None:
        """An answer is complete."""
        elapsed = asyncio.get_running_loop().time() - connection.intended
        if connection.status == 200:
            self.latencies.append(elapsed)
        else:
            self.failed += 1
        self.idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """A connection is closed; what it still owed counts as unanswered."""
        self.num_open -= 1
        if connection in self.idle:
            self.idle.remove(connection)

    async def connect(self) -> Connection:
        """One more connection."""
        self.num_open += 1
        loop = asyncio.get_running_loop()
        return (
            await loop.create_connection(
                lambda: Connection(self), "127.0.0.1", self.port
            )
        )[1]

    async def send(self, due: float) -> None:
        """A request over an idle connection, or a new one."""
        if not self.idle and self.num_open >= MAX_CONNECTIONS:
            self.failed += 1
            return
        try:
            connection = self.idle.pop() if self.idle else await self.connect()
        except OSError:
            self.num_open -= 1
            self.failed += 1
        else:
            connection.ask(due)

    async def run(self, rate: float, seconds: float) -> int:
        """Sends at times drawn as of strangers; returns how many."""
        loop = asyncio.get_running_loop()
        self.idle = [await self.connect() for _ in range(8)]
        gaps = random.Random(8)  # the same for all
        end = loop.time() + seconds
        due, sent, tasks = loop.time(), 0, set()
        while (due := due + gaps.expovariate(rate)) < end:
            await asyncio.sleep(due - loop.time())
            task = loop.create_task(self.send(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
        while len(self.latencies) + self.failed < sent and loop.time() < end + GRACE_S:
            await asyncio.sleep(0.01)
        return sent


def open_loop(port: int, photo: Photo, rate: float, seconds: float) -> dict:
    """Requests at a mean rate, a Poisson process."""
    # select() waits by the microsecond, epoll by the millisecond.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    generator = Generator(port, photo)
    try:
        sent = loop.run_until_complete(generator.run(rate, seconds))
    finally:
        loop.close()
    latencies = sorted(x * 1e3 for x in generator.latencies) or [float("nan")]
    cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else [
        latencies[0]
    ] * 99
    return {
        "rate": rate,
        "sent": sent,
        "answered": len(generator.latencies),
        "p50_ms": cuts[49],
        "p90_ms": cuts[89],
        "p99_ms": cuts[98],
    }
