"""How many, how large, and by which sockets."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from bombs import cpu_seconds
from conftest import BINARY, MODEL, SANITIZED, Server, first_line, run, running, sample
from test_protocol import read_replies

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = (
    b"POST /cam?heatmap=none HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
    b"Content-Length: %d\r\n\r\n"
)


def rejected(server: Server, reason: str) -> int:
    """How often something was refused for that reason."""
    return server.metric(f'wherefore_rejected_total{{reason="{reason}"}}')


def connect(server: Server, source: str = "127.0.0.1") -> socket.socket:
    """A connection from an address of this machine."""
    return socket.create_connection(server.address, 30, (source, 0))


def kept_alive(server: Server, source: str = "127.0.0.1") -> socket.socket:
    """A connection that has had an answer."""
    s = connect(server, source)
    s.sendall(HEALTH)
    assert read_replies(s, 1)[0][0] == 200
    return s


def read_all(s: socket.socket) -> bytes:
    """Until the server hangs up, however it does."""
    text = b""
    with contextlib.suppress(ConnectionError):
        while part := s.recv(65536):
            text += part
    return text


def test_a_thousand_idle_connections_are_in_nobodys_way() -> None:
    """They stay open, and others are served."""
    with running("--workers", "1", "--timeout", "600") as server:
        with contextlib.ExitStack() as stack:
            idle = [stack.enter_context(kept_alive(server)) for _ in range(1000)]
            assert server.cam().status_code == 200
            for s in idle[::100]:
                s.sendall(HEALTH)
                assert read_replies(s, 1)[0][0] == 200
        assert rejected(server, "idle_evicted") == 0


def test_the_connection_idle_longest_makes_room_for_a_new_one() -> None:
    """And not the one that was used again."""
    few = ("--workers", "1", "--queue-length", "1", "--max-connections", "4")
    with running(*few) as server, contextlib.ExitStack() as stack:
        idle = [stack.enter_context(kept_alive(server)) for _ in range(4)]
        idle[0].sendall(HEALTH)
        assert read_replies(idle[0], 1)[0][0] == 200
        fifth = stack.enter_context(kept_alive(server))

        assert idle[1].recv(1) == b""
        for s in (idle[0], fifth, idle[3]):
            s.sendall(HEALTH)
            assert read_replies(s, 1)[0][0] == 200
        assert rejected(server, "idle_evicted") >= 1


def test_where_all_connections_are_busy_one_more_is_told_so() -> None:
    """503 with Retry-After, and the others are served to the end."""
    few = ("--workers", "1", "--queue-length", "1", "--max-connections", "3")
    picture = sample("rocket.jpg")
    with running(*few) as server, contextlib.ExitStack() as stack:
        busy = [stack.enter_context(connect(server)) for _ in range(3)]
        for s in busy:
            s.sendall(
                POST % len(picture) + picture[:10]
                if s is not busy[2]
                else expect_continue(len(picture))
            )
        assert busy[2].recv(100).startswith(b"HTTP/1.1 100 ")
        with connect(server) as more:
            answer = read_all(more)
        busy[2].close()
        for s in busy[:2]:
            s.sendall(picture[10:])
            assert read_replies(s, 1)[0][0] == 200

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in answer
        assert b"application/problem+json" in answer
        assert rejected(server, "connections") >= 1


def expect_continue(length: int) -> bytes:
    """A head whose answer says that it has been read."""
    head = POST % length
    return head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")


def test_one_address_may_have_so_many_connections() -> None:
    """One more is answered 429; another address is served."""
    with (
        running("--workers", "1", "--max-connections-per-address", "2") as server,
        kept_alive(server, "127.0.0.2"),
        kept_alive(server, "127.0.0.2"),
    ):
        with connect(server, "127.0.0.2") as third:
            answer = read_all(third)
        assert server.get("/healthz").status_code == 200
        assert rejected(server, "connections_per_address") == 1

    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b'"limit":2' in answer


def test_a_trusted_proxy_may_have_as_many_connections_as_its_clients_need() -> None:
    """All of them come from its address; the limit is that of the others."""
    few = ("--max-connections-per-address", "2", "--trusted-proxy", "127.0.0.8/30")
    with (
        running("--workers", "1", *few) as server,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(5):
            stack.enter_context(kept_alive(server, "127.0.0.9"))
        for _ in range(2):
            stack.enter_context(kept_alive(server, "127.0.0.12"))
        with connect(server, "127.0.0.12") as third:
            assert read_all(third).startswith(b"HTTP/1.1 429 ")
        assert rejected(server, "connections_per_address") == 1


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/healthz", {"X-Long": "a" * 3000}, 200),
        ("/healthz", {"X-Long": "a" * 5000}, 431),
        ("/healthz?" + "a" * 3000, {}, 414),
        ("/" + "a" * 1500, {}, 404),
    ],
)
def test_request_lines_and_headers_have_a_length(
    path: str, headers: dict[str, str], status: int
) -> None:
    """A problem that names the bound."""
    with running("--workers", "1", "--max-header-bytes", "4096") as server:
        answer = server.get(path, headers=headers)

    assert answer.status_code == status
    if status in (414, 431):
        problem = answer.json()
        assert problem["kind"] == "over-limit"
        assert str(problem["limit"]) in problem["detail"]


def test_fields_have_a_number() -> None:
    """Those of the query and of the form together."""
    with running("--workers", "1", "--max-form-fields", "3") as server:
        form = {"image": sample("rocket.jpg"), "top": (None, "1")}
        fine = httpx.post(server.url + "/cam?heatmap=none", files=form, timeout=60)
        many = httpx.post(
            server.url + "/cam?heatmap=none&values=0", files=form, timeout=60
        )
        query = httpx.post(server.url + "/cam?top=1&alpha=1&values=0&threshold=0.5")
        assert rejected(server, "form_fields") == 2

    assert fine.status_code == 200
    assert many.status_code == query.status_code == 413
    assert many.json()["limit"] == 3


def test_all_bodies_together_have_a_length() -> None:
    """What has come in counts, and what is only announced does not."""
    sizes = ("--max-body-bytes", "100000", "--max-inflight-bytes", "150000")
    with running("--workers", "1", *sizes) as server, contextlib.ExitStack() as stack:
        hold = [stack.enter_context(connect(server)) for _ in range(4)]
        for s in hold[1:]:
            s.sendall(expect_continue(100000))  # nothing but promises
            assert s.recv(100).startswith(b"HTTP/1.1 100 ")
        hold[0].sendall(expect_continue(90000))
        assert hold[0].recv(100).startswith(b"HTTP/1.1 100 ")
        hold[0].sendall(b"x" * 89999)
        for _ in range(20):  # each lets the HTTP thread read what has come
            assert server.get("/healthz").status_code == 200
        hold[1].sendall(b"x" * 99999)
        refused = read_all(hold[1])
        hold[0].sendall(b"x")
        fine = read_replies(hold[0], 1)[0][0]

        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"all request bodies together" in refused
        assert fine == 415
        assert rejected(server, "inflight_bytes") == 1
        again = httpx.post(
            server.url + "/cam",
            content=b"x" * 90000,
            headers={"Content-Type": "image/png"},
            timeout=30,
        )
        assert again.status_code == 415  # the room was given back


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: -1",
        b"Content-Length: 1x",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Transfer-Encoding: nonsense",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4",
    ],
)
def test_lengths_that_are_none(server: Server, lines: bytes) -> None:
    """Refused once, and what follows is never taken for a request."""
    with connect(server) as s:
        s.sendall(
            b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
            + lines
            + b"\r\n\r\n0\r\n\r\n"
            + HEALTH
        )
        answer = read_all(s)

    assert answer[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")
    # libmicrohttpd 0.9.75 sends the head of its own refusal twice.
    assert set(re.findall(rb"HTTP/1.1 (\d+)", answer)) == {answer[9:12]}
    assert b"ok\n" not in answer
    assert server.get("/healthz").status_code == 200


def test_a_chunked_body_is_a_body(server: Server) -> None:
    """Also in pieces of one byte; a bad size is an error."""
    picture = sample("rocket.jpg")
    head = (
        b"POST /cam?heatmap=none HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    with connect(server) as s:
        s.sendall(head + b"1\r\n" + picture[:1] + b"\r\n")
        s.sendall(b"%x\r\n" % (len(picture) - 1) + picture[1:] + b"\r\n0\r\n\r\n")
        assert read_replies(s, 1)[0][0] == 200
    with connect(server) as s:
        s.sendall(head + b"zz\r\nabc\r\n0\r\n\r\n")
        answer = read_all(s)
    assert not answer or answer.startswith(b"HTTP/1.1 400 ")


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n" % len(data) + data + b"\r\n"


CHUNKED = (
    b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def test_a_chunked_body_takes_the_room_of_what_has_come_and_gives_it_back() -> None:
    """Though nothing says beforehand how long it will be."""
    large = 40
    sizes = ("--max-body-bytes", str(large << 20))
    with running("--workers", "1", *sizes) as server, connect(server) as s:
        before = server.memory_kb()
        s.sendall(CHUNKED)
        for _ in range(16 * large):
            s.sendall(chunk(b"x" * 65536))
        end = time.monotonic() + 30
        while server.memory_kb() < before + (large - 1) * 1024:
            assert time.monotonic() < end
        most = server.memory_kb()
        s.sendall(b"0\r\n\r\n")
        assert read_replies(s, 1)[0][0] == 415  # all of it was allowed
        # The body is freed when its answer has been sent.
        end = time.monotonic() + 30
        while (after := server.memory_kb()) - before > 4 * 1024 and not SANITIZED:
            assert time.monotonic() < end, after - before

        with connect(server) as longer:
            longer.sendall(CHUNKED)
            with contextlib.suppress(ConnectionError):
                for _ in range(16 * large):
                    longer.sendall(chunk(b"x" * 65536))
                longer.sendall(chunk(b"x"))
            assert read_all(longer).startswith(b"HTTP/1.1 413 ")
        assert rejected(server, "body_bytes") == 1

    if not SANITIZED:  # whose memory is not the program's
        assert most - before < (large + 4) * 1024


def test_a_chunked_body_counts_among_all_bodies_as_it_comes() -> None:
    """One that finds no more room is answered 503, and its room is given back."""
    sizes = ("--max-body-bytes", "100000", "--max-inflight-bytes", "150000")
    with running("--workers", "1", *sizes) as server, connect(server) as first:
        first.sendall(CHUNKED + chunk(b"x" * 90000))
        for _ in range(20):  # each lets the HTTP thread read what has come
            assert server.get("/healthz").status_code == 200
        with connect(server) as second:
            second.sendall(CHUNKED + chunk(b"x" * 90000))
            assert read_all(second).startswith(b"HTTP/1.1 503 ")
        assert rejected(server, "inflight_bytes") == 1
        first.sendall(b"0\r\n\r\n")
        assert read_replies(first, 1)[0][0] == 415
        first.sendall(CHUNKED + chunk(b"x" * 90000) + b"0\r\n\r\n")
        assert read_replies(first, 1)[0][0] == 415


def test_chunks_of_one_byte_are_read_in_passing() -> None:
    """A hundred thousand of them, with the rest of the service at ease."""
    with running("--workers", "1") as server, connect(server) as s:
        s.sendall(CHUNKED)
        begin = cpu_seconds(server)
        s.sendall(chunk(b"x") * 100_000)
        assert server.get("/healthz").status_code == 200
        s.sendall(b"0\r\n\r\n")
        assert read_replies(s, 1)[0][0] == 415
        assert cpu_seconds(server) - begin < 10


def test_targets_in_other_forms(server: Server) -> None:
    """An absolute URI, NUL, and UTF-8: each an answer."""
    for target, statuses in (
        (b"http://example.org/healthz", {200}),
        (b"/healthz%00", {400}),
        (b"/h\xc3\xa9", {400, 404}),
        (b"/h%C3%A9", {404}),
        (b"*", {400, 404}),
    ):
        with connect(server) as s:
            s.sendall(
                b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            answer = read_all(s)
        assert int(answer.split()[1]) in statuses, target


@contextlib.contextmanager
def started(*args: str, **options: object) -> Iterator[tuple[subprocess.Popen, str]]:
    """A server on whatever it is told to listen on, and its first line."""
    process = subprocess.Popen(
        [*args, "serve", "--model", MODEL, "--workers", "1", *options.pop("more", ())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    try:
        yield process, first_line(process)
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_unix_socket(tmp_path: pathlib.Path) -> None:
    """With permissions; a stale one is replaced, a live one is not."""
    path = tmp_path / "door.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    listen = ("--listen", f"unix:{path}", "--socket-mode", "600")
    with started(BINARY, more=listen) as (_, line):
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, base_url="http://x") as client:
            answer = client.post(
                "/cam", files={"image": sample("chelsea.png")}, timeout=60
            )
        second = run("serve", "--model", MODEL, *listen)

        assert line == f"listening on unix:{path}\n"
        assert answer.json()["class"] == 285
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert path.exists()
    assert not path.exists()


def test_what_is_no_socket_is_left_alone(tmp_path: pathlib.Path) -> None:
    """One line, exit 1."""
    path = tmp_path / "file"
    path.write_text("mine")
    result = run("serve", "--model", MODEL, "--listen", f"unix:{path}")

    assert result.returncode == 1
    assert path.read_text() == "mine"
    bad = run("serve", "--listen", f"unix:{tmp_path}/s", "--socket-mode", "9")
    assert bad.returncode == 2


def test_inherited_sockets() -> None:
    """LISTEN_FDS and LISTEN_PID, as systemd passes them."""
    script = (
        "import os, socket, sys\n"
        "for n, s in enumerate([socket.create_server(('127.0.0.1', 0))"
        " for _ in '12']):\n"
        "    print(s.getsockname()[1], flush=True)\n"
        "    os.dup2(s.fileno(), 100 + n)\n"
        "os.dup2(100, 3); os.dup2(101, 4)\n"
        "os.set_inheritable(3, True); os.set_inheritable(4, True)\n"
        "os.environ.update(LISTEN_FDS='2', LISTEN_PID=str(os.getpid()))\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    with started(sys.executable, "-c", script, BINARY) as (process, first):
        ports = [first.strip(), process.stdout.readline().strip()]
        assert (
            process.stdout.readline() == f"listening on http://127.0.0.1:{ports[0]}\n"
        )
        for port in ports:
            assert httpx.get(f"http://127.0.0.1:{port}/healthz").text == "ok\n"

    environment = dict(os.environ, LISTEN_FDS="1", LISTEN_PID="1")
    listen = ("--listen", "127.0.0.1:0")
    with started(BINARY, more=listen, env=environment) as (_, line):
        assert line.startswith("listening on http://127.0.0.1:")  # not for us


def test_every_address() -> None:
    """A port alone takes IPv4, and IPv6 where there is any."""
    with started(BINARY, more=("--listen", ":0")) as (_, line):
        port = int(line.rsplit(":", 1)[1])
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").text == "ok\n"
        if "[" in line:
            assert httpx.get(f"http://[::1]:{port}/healthz").text == "ok\n"


def test_more_connections_than_files_are_refused_at_the_start() -> None:
    """One line, exit 1."""
    result = subprocess.run(
        [
            "sh",
            "-c",
            'ulimit -n 500; exec "$0" "$@"',
            BINARY,
            "serve",
            "--model",
            MODEL,
            "--listen",
            "127.0.0.1:0",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    # A build with sanitizers logs before that that it has no sandbox.
    complaints = [x for x in result.stderr.splitlines() if "no seccomp" not in x]

    assert result.returncode == 1
    assert len(complaints) == 1
    assert "--max-connections" in complaints[0]


def test_the_second_sigterm_ends_at_once() -> None:
    """However much is left to do."""
    with (
        running("--workers", "1", "--drain-timeout", "600") as server,
        connect(server) as s,
    ):
        s.sendall(POST % 100)
        while server.metric("wherefore_requests_in_flight") < 2:
            pass
        server.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(ConnectionError):
            while True:
                socket.create_connection(server.address, 10).close()
        server.process.send_signal(signal.SIGTERM)
        # The first process of a container ends by itself.
        ends = (-signal.SIGTERM, 128 + signal.SIGTERM)
        assert server.process.wait(20) in ends
