"""Stopping while clients come: whoever got in is answered."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from common import free_port
from conftest import BINARY, LARGE, MODEL, first_line, running, sample
from test_life import PATIENT, SLOW, wait_for

PICTURE = sample("rocket.jpg")
POST = (
    b"POST /cam?heatmap=none HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
    b"Content-Length: %d\r\n\r\n" % len(PICTURE)
)
CAM = POST + PICTURE
MODEL_INFO = b"GET /model HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENCE = 60


@contextlib.contextmanager
def started(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    """A server that listens; who started it tells it to stop."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    try:
        assert first_line(process).startswith("listening on ")
        yield process
    finally:
        process.kill()
        process.communicate()


@dataclasses.dataclass
class Door:
    """Where a server listens, and starts to again."""

    listen: str
    address: tuple[str, int] | str

    def connect(self) -> socket.socket:
        """A new connection."""
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        s = socket.socket(family)
        s.settimeout(PATIENCE)
        try:
            s.connect(self.address)
        except BaseException:
            s.close()
            raise
        return s

    @contextlib.contextmanager
    def serving(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        """A server that is told to stop by whoever started it."""
        args = ["--listen", self.listen, "--model", MODEL, "--log-format", "none"]
        command = [BINARY, "serve", *args, "--workers", "1", *PATIENT, *options]
        with started(command) as process:
            yield process


@pytest.fixture(params=["tcp", "unix"])
def door(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Door:
    """Of each kind."""
    if request.param == "unix":
        path = str(tmp_path / "door.sock")
        return Door(f"unix:{path}", path)
    port = free_port()
    return Door(f"127.0.0.1:{port}", ("127.0.0.1", port))


def answer(s: socket.socket) -> bytes:
    """All of one answer, to the end that its Content-Length says; or what came."""
    text = b""
    while True:
        head, end, body = text.partition(b"\r\n\r\n")
        if end and len(body) >= int(
            head.lower().split(b"content-length:")[1].split()[0]
        ):
            return text
        piece = s.recv(65536)
        if not piece:
            return text
        text += piece


def outcome(door: Door, request: bytes) -> str:
    """What becomes of a request on a connection of its own."""
    try:
        s = door.connect()
    except (ConnectionRefusedError, FileNotFoundError):
        time.sleep(0.01)
        return "refused"
    except BlockingIOError:
        return "full"  # the queue of a Unix socket
    with s:
        try:
            s.sendall(request)
            text = answer(s)
        except OSError as error:
            return f"established, then {error!r}"
    return text[9:12].decode() or "established, then closed"


class Crowd:
    """Clients that ask on, each on a new connection every time."""

    def __init__(self, door: Door, clients: int) -> None:
        self.door = door
        self.outcomes: Counter[str] = Counter()
        self.lock = threading.Condition()
        self.stopped = False
        self.threads = [
            threading.Thread(target=self.ask, args=(CAM if i % 2 else MODEL_INFO,))
            for i in range(clients)
        ]

    def ask(self, request: bytes) -> None:
        while not self.stopped:
            it = outcome(self.door, request)
            with self.lock:
                self.outcomes[it] += 1
                self.lock.notify_all()

    def wait_for(self, more: int) -> None:
        """Until so many more were answered."""
        with self.lock:
            until = self.outcomes["200"] + more
            assert self.lock.wait_for(lambda: self.outcomes["200"] >= until, 120)

    def __enter__(self) -> Crowd:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped = True
        for thread in self.threads:
            thread.join()


def test_whoever_got_in_is_answered_however_often_it_is_started_anew(
    door: Door,
) -> None:
    """Under load. Whoever comes after that is refused, and no one is cut off."""
    with Crowd(door, 8) as crowd:
        for _ in range(10):
            with door.serving() as process:
                crowd.wait_for(40)
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE) == 0
    outcomes = crowd.outcomes

    assert set(outcomes) <= {"200", "refused", "full"}, outcomes
    assert outcomes["200"] >= 400


def suspend(process: subprocess.Popen[str]) -> None:
    """Until all of its threads stand."""
    process.send_signal(signal.SIGSTOP)
    end = time.monotonic() + PATIENCE
    tasks = pathlib.Path(f"/proc/{process.pid}/task")
    while not all(
        (it / "stat").read_text().rpartition(")")[2].split()[0] == "T"
        for it in tasks.iterdir()
    ):
        assert time.monotonic() < end


def test_who_waits_in_the_kernel_is_answered(door: Door) -> None:
    """As the signal comes there are connections that nobody has accepted, and
    requests that nobody has read, on old connections and new ones."""
    with door.serving() as process, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(door.connect()) for _ in range(2)]
        clients[0].sendall(MODEL_INFO)
        assert answer(clients[0]).startswith(b"HTTP/1.1 200 ")
        suspend(process)
        clients += [stack.enter_context(door.connect()) for _ in range(150)]
        for i, client in enumerate(clients):
            client.sendall(MODEL_INFO if i % 10 else CAM)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        answers = [answer(client) for client in clients]

        assert Counter(it[:12] for it in answers) == {b"HTTP/1.1 200": len(clients)}
        assert process.wait(PATIENCE) == 0


def test_a_request_that_is_half_there_is_waited_for(door: Door) -> None:
    """In its headers, or in its body; and one that has none is not."""
    with (
        door.serving("--drain-timeout", "3600") as process,
        door.connect() as head,
        door.connect() as body,
        door.connect() as idle,
    ):
        idle.sendall(MODEL_INFO)
        assert answer(idle).startswith(b"HTTP/1.1 200 ")
        head.sendall(CAM[:50])
        body.sendall(CAM[:-1000])
        with door.connect() as s:  # it sees both
            until = b"wherefore_requests_in_flight 3\n"
            request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
            s.sendall(request)
            while until not in answer(s):
                s.sendall(request)
        process.send_signal(signal.SIGTERM)
        while outcome(door, MODEL_INFO) != "refused":
            continue
        head.sendall(CAM[50:])
        assert answer(head).startswith(b"HTTP/1.1 200 ")
        assert process.poll() is None
        body.sendall(CAM[-1000:])
        assert answer(body).startswith(b"HTTP/1.1 200 ")
        assert process.wait(PATIENCE) == 0
        assert idle.recv(1) == b""


def test_who_says_nothing_is_not_waited_for(door: Door) -> None:
    """Nothing at all, nothing more, or not so much as a line."""
    with (
        door.serving("--drain-timeout", "3600") as process,
        door.connect(),
        door.connect() as once,
        door.connect() as line,
    ):
        once.sendall(MODEL_INFO)
        assert answer(once).startswith(b"HTTP/1.1 200 ")
        line.sendall(b"GET /mod")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


@LARGE
def test_work_that_there_is_no_time_for_is_refused() -> None:
    """After --drain-timeout, what no worker has begun."""
    with running("--workers", "1", "--drain-timeout", "0", *PATIENT) as server:
        threads: list[threading.Thread] = []
        answers = []

        def post() -> None:
            answers.append(server.cam(SLOW))

        for _ in range(3):
            threads.append(threading.Thread(target=post))
            threads[-1].start()
        wait_for(server, "wherefore_busy_workers", 1)
        wait_for(server, "wherefore_queue_length", 2)
        assert server.stop() == 0
        for thread in threads:
            thread.join()

        assert sorted(it.status_code for it in answers) == [200, 503, 503]
        kinds = {it.json()["kind"] for it in answers if it.status_code == 503}
        assert kinds == {"draining"}


INHERIT = (
    "import os, sys\n"
    "fd = int(sys.argv[1])\n"
    "os.dup2(fd, 3) if fd != 3 else os.set_inheritable(3, True)\n"
    "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


@contextlib.contextmanager
def inheriting(listening: socket.socket) -> Iterator[subprocess.Popen[str]]:
    """A server with this socket, which outlives it."""
    args = ["serve", "--model", MODEL, "--log-format", "none", "--workers", "1"]
    fd = listening.fileno()
    command = [sys.executable, "-c", INHERIT, str(fd), BINARY, *args, *PATIENT]
    with started(command, pass_fds=[fd]) as process:
        yield process


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_with_an_inherited_socket_nobody_is_refused(
    kind: str, tmp_path: pathlib.Path
) -> None:
    """Whom the old process has not accepted the next one answers."""
    path = str(tmp_path / "door.sock")
    with contextlib.ExitStack() as stack:
        if kind == "unix":
            listening = stack.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(path)
            listening.listen(511)
            door = Door("", path)
        else:
            listening = stack.enter_context(
                socket.create_server(("127.0.0.1", 0), backlog=511)
            )
            door = Door("", listening.getsockname())
        with inheriting(listening) as process:
            suspend(process)
            clients = [stack.enter_context(door.connect()) for _ in range(150)]
            for i, client in enumerate(clients):
                client.sendall(MODEL_INFO if i % 10 else CAM)
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)
            assert process.wait(PATIENCE) == 0
        with inheriting(listening):
            answers = [answer(client) for client in clients]

    assert Counter(it[:12] for it in answers) == {b"HTTP/1.1 200": len(clients)}
