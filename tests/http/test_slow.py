"""Clients that are slow, leave early, or hear only half: no worker waits for
them."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time

import httpx
import pytest
from conftest import LARGE, Server, running, sample
from test_life import PATIENT, SLOW, wait_for, wait_for_queued
from test_limits import HEALTH, POST, connect, read_all, rejected
from test_protocol import read_replies


def trickle(s: socket.socket, text: bytes, seconds: float = 30) -> bytes:
    """Sends a byte at a time until there is an answer; returns that."""
    s.settimeout(0.1)
    answer = b""
    end = time.monotonic() + seconds
    for i in range(len(text)):
        with contextlib.suppress(ConnectionError):
            s.sendall(text[i : i + 1])
        try:
            answer = s.recv(65536)
            break
        except TimeoutError:
            assert time.monotonic() < end, "it goes on for ever"
        except ConnectionError:
            break
    return answer


def test_headers_that_trickle_in_are_cut_short() -> None:
    """408, in the request line, in the headers, and on a second request."""
    with running("--workers", "1", "--header-timeout", "1", "--timeout", "1") as server:
        endless = b"a" * 1000
        with connect(server) as s:
            in_line = trickle(s, b"GET /" + endless)
        with connect(server) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            in_headers = trickle(s, b"X-Slow: " + endless)
        with connect(server) as s:
            s.sendall(HEALTH)
            assert read_replies(s, 1)[0][0] == 200
            second = trickle(s, b"GET / HTTP/1.1\r\nX-Slow: " + endless)
        assert server.cam(params={"heatmap": "none"}).status_code == 200
        assert rejected(server, "header_timeout") == 3

    for answer in (in_line, in_headers, second):
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"kind":"too-slow"' in answer


def test_what_a_slow_client_is_told_is_counted_and_logged() -> None:
    """Also where libmicrohttpd has no part in it."""
    with running("--workers", "1", "--header-timeout", "1", "--timeout", "9") as server:
        with connect(server) as s:
            s.sendall(b"GET /slowly HTTP/1.1\r\nHost: x\r\n")
            answer = read_all(s)
        counter = 'wherefore_requests_total{route="other",status="%d"}'
        wait_for(server, counter % 408, 1)
        assert server.metric(counter % 0) == 0
        line = next(i for i in server.log().splitlines() if "/slowly" in i)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"X-Content-Type-Options: nosniff" in answer
    assert " 408 " in line
    assert "client=127.0.0.1" in line
    assert "problem=too-slow" in line


@pytest.mark.parametrize(
    "begun",
    [b"GET / H", b"GET / HTTP/1.1\r\nHost: x\r\n", POST % 10 + b"hell", HEALTH],
)
def test_an_end_that_comes_with_the_last_bytes_is_an_end(begun: bytes) -> None:
    """libmicrohttpd, which is told of both at once, sometimes reads the bytes and
    takes no notice of the end: not until `--timeout`. Many, to meet it."""
    patient = ("--timeout", "600", "--header-timeout", "600")
    with running("--workers", "1", *patient) as server, server.client() as c:
        c.get("/healthz")
        for _ in range(100):
            with connect(server) as s:
                s.sendall(begun)
        with connect(server) as half:
            half.sendall(begun)
            half.shutdown(socket.SHUT_WR)
            half.settimeout(30)
            while half.recv(65536):
                pass
        end = time.monotonic() + 30
        while "wherefore_connections 1\n" not in c.get("/metrics").text:
            assert time.monotonic() < end, "some stay open"


def test_a_connection_that_says_nothing_is_hung_up_on_in_silence() -> None:
    """There is no request to answer."""
    with running("--workers", "1", "--header-timeout", "1") as server:
        with connect(server) as s:
            assert read_all(s) == b""
        assert rejected(server, "header_timeout") == 1


def test_a_body_has_a_lowest_speed() -> None:
    """After --timeout seconds."""
    slow = ("--timeout", "1", "--min-receive-rate", "100000")
    with running("--workers", "1", *slow) as server:
        with connect(server) as s:
            s.sendall(POST % 100000)
            answer = trickle(s, b"x" * 1000)
        assert rejected(server, "receive_timeout") == 1

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"100000 bytes per second" in answer


def test_an_answer_that_nobody_reads_is_given_up() -> None:
    """However slowly it is read."""
    with running("--workers", "1", "--send-timeout", "1") as server:
        with connect(server) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for _ in range(200):
                with contextlib.suppress(BlockingIOError):
                    s.sendall(
                        b"GET /samples/chelsea.png HTTP/1.1\r\nHost: x\r\n\r\n",
                        socket.MSG_DONTWAIT,
                    )
            end = time.monotonic() + 30
            while rejected(server, "send_timeout") == 0:
                assert time.monotonic() < end
                s.recv(1)
        assert server.get("/healthz").status_code == 200


def busy_server() -> contextlib.AbstractContextManager[Server]:
    """One worker."""
    return running("--workers", "1", *PATIENT)


def occupy(server: Server) -> threading.Thread:
    """Gives the worker a picture that takes it a while."""
    thread = threading.Thread(target=server.cam, args=(SLOW,))
    thread.start()
    wait_for(server, "wherefore_busy_workers", 1)
    return thread


def wait_for_begun(server: Server, count: int) -> None:
    """Until so many requests are there, those that were answered included."""
    answered = 'wherefore_requests_total{route="/cam",status="200"}'
    end = time.monotonic() + 30
    while (
        server.metric(answered) + server.metric("wherefore_requests_in_flight") - 1
        < count
    ):
        assert time.monotonic() < end


def occupy_for_long(server: Server) -> list[threading.Thread]:
    """With three more of these in the queue."""
    threads = [occupy(server)]
    for _ in range(3):
        threads.append(threading.Thread(target=server.cam, args=(SLOW,)))
        threads[-1].start()
    wait_for_queued(server, 4)
    return threads


def queue_one(server: Server, count: int) -> socket.socket:
    """A request that waits for the worker, the one that makes it so many."""
    picture = sample("rocket.jpg")
    s = connect(server)
    s.sendall(POST % len(picture) + picture)
    wait_for_queued(server, count)
    return s


@LARGE
def test_who_leaves_the_queue_costs_no_forward_pass() -> None:
    """Whether by closing the socket or by resetting it."""
    with busy_server() as server:
        slow = occupy_for_long(server)
        closed = queue_one(server, 5)
        reset = queue_one(server, 6)
        stays = queue_one(server, 7)
        closed.close()
        linger = struct.pack("ii", 1, 0)
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        reset.close()
        assert server.metric("wherefore_queue_length") >= 3, "it was not slow enough"
        assert read_replies(stays, 1)[0][0] == 200
        stays.close()
        for thread in slow:
            thread.join()

        assert server.metric("wherefore_forward_passes_total") == 5
        assert rejected(server, "client_gone") == 2


@LARGE
@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
def test_who_has_sent_all_it_had_and_waits_for_a_worker_is_answered(
    version: bytes,
) -> None:
    """A socket whose one half is shut down still reads, however the request came."""
    picture = sample("rocket.jpg")
    # With the picture drawn: what does not fit into the socket at once.
    head = (POST % len(picture)).replace(b"HTTP/1.1", version)
    request = head.replace(b"?heatmap=none", b"") + picture
    interim = b"HTTP/1.1 102 Processing\r\n\r\n"
    with busy_server() as server, contextlib.ExitStack() as stack:
        slow = occupy_for_long(server)
        waiting = []
        for number, cut in enumerate((0, 100, 5000, len(request) - 1)):
            s = stack.enter_context(connect(server))
            s.sendall(request[:cut])
            server.get("/healthz")  # by now it has been read
            s.sendall(request[cut:])
            s.shutdown(socket.SHUT_WR)
            waiting.append(s)
            wait_for_begun(server, 4 + number + 1)
        assert server.metric("wherefore_queue_length") > 0, "it was not slow enough"
        answers = [read_all(s).removeprefix(interim) for s in waiting]
        for thread in slow:
            thread.join()
        assert rejected(server, "client_gone") == 0
        assert server.metric("wherefore_requests_in_flight") == 1

    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 200 ")
        body = json.loads(answer.split(b"\r\n\r\n", 1)[1])
        assert len(body["heatmap"]) > 100_000


@LARGE
def test_an_older_client_that_leaves_is_worked_for_and_logged() -> None:
    """HTTP/1.0 has no interim answer that would show that it is gone."""
    picture = sample("rocket.jpg")
    head = (POST % len(picture)).replace(b"HTTP/1.1", b"HTTP/1.0")
    left = 'wherefore_requests_total{route="/cam",status="0"}'
    with busy_server() as server:
        slow = occupy_for_long(server)
        with connect(server) as s:
            s.sendall(head + picture)
            wait_for_begun(server, 5)
        for thread in slow:
            thread.join()
        wait_for(server, "wherefore_forward_passes_total", 5)
        end = time.monotonic() + 30
        while server.metric("wherefore_requests_in_flight") > 1:
            assert time.monotonic() < end
        # Its answer went to a socket that had not yet objected, or nowhere.
        assert server.metric(left) + server.log().count("POST /cam 200") == 5


def test_resets_in_the_middle_are_forgotten(server: Server) -> None:
    """In the headers, in the body, in the answer."""
    picture = sample("rocket.jpg")
    request = POST % len(picture) + picture
    for cut in (10, 60, len(request) - 100, len(request)):
        s = connect(server)
        s.sendall(request[:cut])
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    assert server.cam().status_code == 200
    end = time.monotonic() + 30
    while server.metric("wherefore_requests_in_flight") > 1:
        assert time.monotonic() < end


@LARGE
def test_sigterm_ends_in_time_with_a_long_queue() -> None:
    """What no worker has begun by then is answered 503, and not dropped."""
    with running("--workers", "1", "--drain-timeout", "1", *PATIENT) as server:
        statuses: list[int] = []

        def post() -> None:
            statuses.append(
                httpx.post(server.url + "/cam", files=form, timeout=60).status_code
            )

        form = {"image": SLOW}
        slow = [threading.Thread(target=post) for _ in range(12)]
        for thread in slow:
            thread.start()
        wait_for(server, "wherefore_queue_length", 11)
        begin = time.monotonic()
        assert server.stop() == 0
        spent = time.monotonic() - begin
        for thread in slow:
            thread.join()

    assert len(statuses) == 12
    assert set(statuses) == {200, 503}
    assert spent < 30


def test_chunks_that_bring_no_body_are_cut_short() -> None:
    """In the line of a chunk's size, and in the fields after the last one."""
    head = (
        b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    with running("--workers", "1", "--receive-timeout", "1") as server:
        answers = []
        for begin in (b"1;", b"1\r\nx\r\n0\r\nX-Slow: "):
            with connect(server) as s:
                s.sendall(head + begin)
                answers.append(trickle(s, b"a" * 1000))
        assert rejected(server, "receive_timeout") == 2

    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"the body took longer" in answer
