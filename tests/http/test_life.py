"""Starting, stopping, overload, logs."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time

import httpx
import pytest
from conftest import (
    ALONE,
    BINARY,
    LARGE,
    MODEL,
    SANITIZED,
    Server,
    at_once,
    png,
    run,
    running,
    sample,
)

# Takes a worker half a second or more: a large picture, drawn at its own size.
SLOW = png(1500, 1500) if SANITIZED else png(5000, 5000)

PATIENT = ("--deadline-ms", "600000")  # where slowness is not what is tested


def wait_for(server: Server, name: str, value: int) -> None:
    """Until a metric has reached a value."""
    end = time.monotonic() + 30
    while server.metric(name) < value:
        assert time.monotonic() < end, f"{name} never reached {value}"


def wait_for_queued(server: Server, count: int) -> None:
    """Until so many pictures are in the queue, in a worker's hands, or answered."""
    names = (
        "queue_length",
        "busy_workers",
        'requests_total{route="/cam",status="200"}',
    )
    end = time.monotonic() + 60
    while True:
        rows = [line.split(" ") for line in server.get("/metrics").text.splitlines()]
        values = {row[0]: float(row[1]) for row in rows if len(row) == 2}
        if sum(values.get(f"wherefore_{name}", 0) for name in names) >= count:
            return
        assert time.monotonic() < end, f"{count} are never there"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--prot", "1"], ["unknown option --prot"]),
        (["--wokers", "1"], ["--wokers", "did you mean --workers?"]),
        (["--workers", "0"], ["--workers", "1 to 256"]),
        (["--workers", "two"], ["--workers", '"two"']),
        (["--workers"], ["--workers", "requires a value"]),
        (["--log-format", "xml"], ["--log-format", "text|json|none"]),
        (["--listen", "8080"], ["--listen", "ADDRESS:PORT"]),
        (["--listen", "127.0.0.1:99999"], ["--listen"]),
        (["--listen", "::1:80"], ["--listen", "[::1]:8080"]),
        (["--max-connections", "10"], ["max-connections", "67"]),
        (["extra"], ['"extra"']),
    ],
)
def test_a_bad_option_is_one_line_and_exit_2(args: list[str], words: list[str]) -> None:
    """Nothing is opened."""
    result = run("serve", *args)

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


def test_help_lists_every_option_with_its_default() -> None:
    """On stdout, exit 0."""
    result = run("serve", "--help")

    assert result.returncode == 0
    for flag in (
        "--listen",
        "--model",
        "--workers",
        "--max-body-bytes",
        "--max-pixels",
        "--queue-length",
        "--timeout",
        "--deadline-ms",
        "--max-connections",
        "--log-format",
        "16777216",
        "127.0.0.1:8080",
    ):
        assert flag in result.stdout


def test_a_command_that_does_not_exist() -> None:
    """Exit 2, and where to look."""
    result = run("sevre")

    assert result.returncode == 2
    assert '"sevre"' in result.stderr
    assert run().returncode == 2
    assert run("--version").stdout.startswith("wherefore ")


def test_a_model_that_is_not_there() -> None:
    """One line, exit 1."""
    result = run("serve", "--listen", "127.0.0.1:0", "--model", "/nonexistent/model")

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "/nonexistent/model" in result.stderr


def test_a_port_in_use() -> None:
    """One line, exit 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run("serve", "--listen", address, "--model", MODEL)

    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert address in result.stderr


def test_ipv6() -> None:
    """The address is printed so that it can be used."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    with running("--listen", "[::1]:0", "--workers", "1") as server:
        assert server.url.startswith("http://[::1]:")
        assert server.get("/healthz").text == "ok\n"


def test_sigint_stops_as_sigterm_does() -> None:
    """Exit 0."""
    with running("--workers", "1") as server:
        assert server.get("/readyz").status_code == 200
        assert server.stop(signal.SIGINT) == 0


@ALONE
@LARGE
def test_a_full_queue_answers_503_at_once_and_health_stays_quick() -> None:
    """One worker, one place in the queue, many slow pictures."""
    with running("--workers", "1", "--queue-length", "1", *PATIENT) as server:
        slow = []

        def post(i: int) -> httpx.Response:
            begin = time.monotonic()
            response = server.cam(SLOW)
            slow.append((response.status_code, time.monotonic() - begin))
            return response

        threads = [threading.Thread(target=post, args=(i,)) for i in range(2)]
        threads[0].start()
        wait_for(server, "wherefore_busy_workers", 1)
        threads[1].start()
        wait_for(server, "wherefore_queue_length", 1)
        full = server.cam()
        with server.client() as client:  # made before the clock runs: it is slow
            begin = time.monotonic()
            for path in ("/healthz", "/readyz", "/metrics"):
                assert client.get(path).status_code == 200
            quick = time.monotonic() - begin
        still_busy = server.metric("wherefore_busy_workers")
        for thread in threads:
            thread.join()

        assert full.status_code == 503
        assert full.json()["kind"] == "busy"
        assert int(full.headers["retry-after"]) >= 1
        assert still_busy == 1, "the picture was not slow enough to prove anything"
        assert quick < 0.5
        assert [status for status, _ in slow] == [200, 200]
        assert server.cam().status_code == 200


@LARGE
def test_a_request_that_waits_too_long_is_answered_503() -> None:
    """Its deadline has passed when a worker is free: the process stands still for as
    long while it is the last in the queue."""
    pictures = [SLOW, SLOW, SLOW, sample("chelsea.png")]
    with running("--workers", "1", "--deadline-ms", "2000") as server:
        answers: list[httpx.Response | None] = [None] * len(pictures)

        def post(i: int) -> None:
            answers[i] = server.cam(pictures[i])

        threads = [threading.Thread(target=post, args=(i,)) for i in range(4)]
        for i, thread in enumerate(threads):
            thread.start()
            wait_for_queued(server, i + 1)
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(2.1)
        server.process.send_signal(signal.SIGCONT)
        for thread in threads:
            thread.join()
        statuses = [answer.status_code for answer in answers]
        late = answers[3]

        assert late.status_code == statuses[3] == 503
        assert late.json()["kind"] == "busy"
        assert "waited" in late.json()["detail"]
        assert statuses[0] == 200
        assert server.metric("wherefore_forward_passes_total") == statuses.count(200)


@LARGE
def test_sigterm_finishes_what_was_accepted() -> None:
    """Queued work is answered in full, new connections are refused, exit 0. What
    comes on a connection that was open goes into the queue too."""
    with running("--workers", "1", "--drain-timeout", "600", *PATIENT) as server:
        statuses: list[int] = []

        def post() -> None:
            answer = server.cam(SLOW)
            assert answer.json()["heatmap"]
            statuses.append(answer.status_code)

        with server.client() as idle, server.client() as other:
            assert idle.get("/readyz").status_code == 200
            assert other.get("/readyz").status_code == 200
            threads = [threading.Thread(target=post) for _ in range(3)]
            for thread in threads:
                thread.start()
            # In this order: the first may be in the queue for a moment too.
            wait_for(server, "wherefore_busy_workers", 1)
            wait_for(server, "wherefore_queue_length", 2)
            server.process.send_signal(signal.SIGTERM)
            while (draining := idle.get("/readyz")).status_code == 200:
                continue
            late = other.post("/cam", files={"image": sample("rocket.jpg")})
            wait_until_refused(server)
        for thread in threads:
            thread.join()

        assert draining.status_code == 503
        assert draining.json()["kind"] == "draining"
        assert draining.headers["connection"] == "close"
        assert late.status_code == 200
        assert late.headers["connection"] == "close"
        assert statuses == [200, 200, 200]
        assert server.process.wait(60) == 0


def wait_until_refused(server: Server) -> None:
    """Until nothing listens any more."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            # Who comes as the socket is closed asks again after a second.
            socket.create_connection(server.address, 10).close()
        except ConnectionRefusedError:
            return
    raise AssertionError("it still accepts connections")


def test_sigterm_does_not_wait_for_a_client_that_never_finishes() -> None:
    """At most --drain-timeout."""
    with (
        running("--workers", "1", "--drain-timeout", "1") as server,
        socket.create_connection(server.address, 10) as s,
    ):
        s.sendall(
            b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
            b"Content-Length: 1000\r\n\r\nabc"
        )
        wait_for(server, "wherefore_requests_in_flight", 2)
        begin = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begin < 10


@LARGE
def test_a_client_that_leaves_costs_nothing() -> None:
    """While its picture is worked on; the next one is served."""
    with running("--workers", "1", *PATIENT) as server:
        head = (
            b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
            b"Content-Length: %d\r\n\r\n" % len(SLOW)
        )
        for _ in range(3):
            with socket.create_connection(server.address, 10) as s:
                s.sendall(head + SLOW)
                wait_for(server, "wherefore_requests_in_flight", 2)
        assert server.cam().status_code == 200


def test_a_silent_client_is_hung_up_on() -> None:
    """After --timeout seconds."""
    with running("--workers", "1", "--timeout", "1") as server:
        with socket.create_connection(server.address, 20) as s:
            s.sendall(
                b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
                b"Content-Length: 10\r\n\r\n"
            )
            assert s.recv(1000) == b""
        assert server.cam().status_code == 200


def test_a_body_that_trickles_in_is_cut_short() -> None:
    """After --receive-timeout seconds, whatever comes in between."""
    with running("--workers", "1", "--receive-timeout", "1") as server:
        with socket.create_connection(server.address, 20) as s:
            s.sendall(
                b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
                b"Content-Length: 100000\r\n\r\n"
            )
            s.settimeout(0.2)
            text = b""
            end = time.monotonic() + 60
            while not text and time.monotonic() < end:
                s.sendall(b"x")
                try:
                    text = s.recv(1000)
                except TimeoutError:
                    continue

        assert text.startswith(b"HTTP/1.1 408 ")


def test_many_connections_at_once() -> None:
    """More than may be open: the rest are told so, and none hangs."""
    with running(
        "--workers", "2", "--queue-length", "2", "--max-connections", "5"
    ) as server:
        answers = at_once(20, lambda _: server.get("/healthz").status_code)

        assert set(answers) <= {200, 503}
        assert answers.count(200) >= 5
        assert server.get("/healthz").status_code == 200


def test_the_log_has_one_line_a_request() -> None:
    """Text: method, path without the query, status, bytes, time, id."""
    with running("--workers", "1") as server:
        answer = server.cam(
            params={"class": "Egyptian cat"}, headers={"X-Request-Id": "abc"}
        )
        server.get("/nope?secret=1")
        assert server.stop() == 0
        lines = server.log().splitlines()

    assert len(lines) == 2
    assert f" POST /cam 200 {len(answer.content)} " in lines[0]
    assert lines[0].endswith(" id=abc")
    assert " GET /nope 404 " in lines[1]
    assert "secret" not in lines[1]


def test_the_log_can_be_json() -> None:
    """And a hostile path cannot forge a line."""
    with running("--workers", "1", "--log-format", "json") as server:
        with socket.create_connection(server.address, 10) as s:
            s.sendall(
                b'GET /a"b\\c\x01\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
            )
            s.makefile("rb").read()
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.log().splitlines()]

    assert [line["method"] for line in lines if line["method"] != "-"] in (["GET"], [])
    assert set(lines[0]) >= {"time", "method", "path", "status", "bytes", "ms", "id"}
    assert lines[0]["path"].startswith("/a")


def test_the_log_can_be_off() -> None:
    """--log-format none."""
    with running("--workers", "1", "--log-format", "none") as server:
        server.cam()
        assert server.stop() == 0
        assert server.log() == ""


def test_the_binary_is_the_one_asked_for() -> None:
    """The tests run what they think they run."""
    assert run("--version").returncode == 0, BINARY
