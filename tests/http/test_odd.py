"""Names and lengths that few clients send: NUL and UTF-8 in each place where a
name can be, a Content-Length that is not the body's, and many who are slow at
once.
"""

from __future__ import annotations

import contextlib
import re
import socket

import pytest
from conftest import Server, png, running, sample
from test_limits import HEALTH, POST, connect, expect_continue, read_all
from test_protocol import read_replies

PICTURE = sample("rocket.jpg")
HEAD = b"POST /cam?heatmap=none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
FORM = HEAD + b"Content-Type: multipart/form-data; boundary=bb\r\n"
RAW = HEAD + b"Content-Type: image/jpeg\r\n"


def ask(server: Server, head: bytes, body: bytes) -> tuple[int, bytes]:
    """Status and body of the answer; 0 where it was hung up on."""
    with connect(server) as s:
        s.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = read_all(s)
    status = int(answer.split()[1]) if answer else 0
    return status, answer.partition(b"\r\n\r\n")[2]


def part(disposition: bytes, value: bytes) -> bytes:
    """A form of one part."""
    head = b"--bb\r\nContent-Disposition: form-data; " + disposition
    return head + b"\r\n\r\n" + value + b"\r\n--bb--\r\n"


@pytest.mark.parametrize(
    "name",
    [
        b'filename="caf\xc3\xa9 \xe2\x82\xac.jpg"',
        b'filename="a\0b.jpg"',
        b'filename="\xff\xfe.jpg"',
        b'filename="a\\"b.jpg"',
        b'filename="../../etc/passwd"',
        b'filename=""',
        b"filename=\"x\"; filename*=UTF-8''%e2%82%ac.jpg",
    ],
)
def test_the_name_of_a_file_does_not_matter(server: Server, name: bytes) -> None:
    """Whatever is in it; nor is it logged."""
    status, body = ask(server, FORM, part(b'name="image"; ' + name, PICTURE))

    assert status == 200
    assert b'"class"' in body
    assert "passwd" not in server.log()


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        (b"caf\xc3\xa9", 422, b'"caf\xc3\xa9'),
        (b"\xff\xfe", 422, b"unknown option"),
        (b"to\0p", 400, b"has no name"),
        (b"\0top", 400, b"has no name"),
        (b"top\0", 400, b"has no name"),
        (b"image\0", 400, b"has no name"),
        (b"", 422, b"has no name"),
    ],
)
def test_the_name_of_a_field_is_the_whole_of_it(
    server: Server, name: bytes, status: int, words: bytes
) -> None:
    """And not what comes before a NUL."""
    answer = ask(server, FORM, part(b'name="%s"' % name, b"3"))

    assert answer[0] == status
    assert words in answer[1]
    assert b'"kind":"' in answer[1]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (b"top%00=3", b"NUL"),
        (b"%00=3", b"NUL"),
        (b"top=3%00", b"NUL"),
        (b"t%C3%B6p=3", b'"t\xc3\xb6p'),
        (b"t\xc3\xb6p=3", b'"t\xc3\xb6p'),
        (b"%FFtop=3", b"unknown option"),
        (b"%C3=3", b"unknown option"),
    ],
)
def test_the_name_of_an_option_is_the_whole_of_it(
    server: Server, query: bytes, words: bytes
) -> None:
    """The same for the query; the answer is UTF-8 in any case."""
    status, body = ask(server, RAW.replace(b"heatmap=none", query), PICTURE)

    assert status in (400, 422)
    if status == 422:  # else libmicrohttpd's own
        assert words in body
        assert body.decode()


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length : 5",
        b"Content-Length\t: 5",
        b"Transfer-Encoding : chunked",
        b"Content-Le\0ngth: 5",
        b"X-\xc3\xa9: 1",
        b"X(Y): 1",
    ],
)
def test_the_name_of_a_header_is_a_token(server: Server, line: bytes) -> None:
    """Or a proxy might read another length of the body than we do, and somebody's
    body would be somebody's request."""
    with connect(server) as s:
        s.sendall(RAW.replace(b"Connection: close\r\n", b"") + line + b"\r\n\r\n")
        s.sendall(b"hello" + HEALTH)
        answer = read_all(s)

    assert answer[:13] in (b"", b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"ok\n" not in answer
    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length:\r\n 5",
        b"Content-Length: 5\r\n\t5",
        b"Content-L: 5\r\n ength",
        b"Transfer-Encoding:\r\n chunked",
        b"X-Any: a\r\n b\r\nX-Other: c",
    ],
)
def test_a_header_is_on_one_line(server: Server, lines: bytes) -> None:
    """For the same reason: libmicrohttpd 0.9 takes the second for a part of the
    name, so that a body has no length, or one that nobody wrote."""
    with connect(server) as s:
        s.sendall(RAW.replace(b"Connection: close\r\n", b"") + lines + b"\r\n\r\n")
        s.sendall(b"hello" + HEALTH)
        answer = read_all(s)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"ok\n" not in answer
    assert b"hello" not in answer
    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize("value", [b"", b" \t", b"a", b" \t a b ", b"a\t b"])
def test_blanks_in_a_header_are_no_second_line(server: Server, value: bytes) -> None:
    """Whatever is between the colon and the value."""
    status, _ = ask(server, RAW + b"X-Any:" + value + b"\r\n", PICTURE)

    assert status == 200


def test_what_headers_say_is_never_more_than_a_line_of_the_log() -> None:
    """UTF-8, a NUL and the like in their values."""
    with running("--workers", "1") as server:
        for value in (b"caf\xc3\xa9", b"\xff", b"a\0b", b"a\tb", b"\x1b[31m"):
            line = b"X-Request-Id: " + value + b"\r\nX-Any: " + value + b"\r\n"
            status, _ = ask(server, RAW + line, PICTURE)
            assert status in (0, 200, 400), value
        assert server.stop() == 0
        log = server.log()

    assert all(c.isprintable() for c in log.replace("\n", ""))
    assert log.isascii()
    # libmicrohttpd 1.0 answers a NUL itself, with a line that has no path.
    lines = re.findall(
        r"^\S+Z (?:POST /cam|\S+ \S+) (\d+) .* id=\S+$", log, re.MULTILINE
    )
    assert len(lines) == log.count("\n") == 5
    # Which is why its status is not known.
    assert set(lines) <= {"200", "400", "0"} and lines.count("0") <= 1


def test_a_content_length_that_is_too_small_cuts_the_body(server: Server) -> None:
    """What is too much is taken for a request, which it is not."""
    picture = png(64, 64)
    with connect(server) as s:
        s.sendall(POST % (len(picture) // 2) + picture + b"\r\n\r\n")
        answer = read_all(s)

    assert answer.startswith(b"HTTP/1.1 422 ")
    assert answer.count(b"HTTP/1.1 200") == 0


def test_a_content_length_that_is_too_large_gets_no_work_done() -> None:
    """The picture is whole, but it is not known to be. That nobody will send the
    rest is noticed at once, or when the silence has lasted too long."""
    with running("--workers", "1", "--timeout", "1") as server:
        with connect(server) as s:
            s.sendall(POST % (len(PICTURE) + 1) + PICTURE)
            s.shutdown(socket.SHUT_WR)
            answer = read_all(s)
        assert server.metric("wherefore_requests_in_flight") == 1  # itself
        assert server.metric("wherefore_forward_passes_total") == 0

    assert not answer or answer.startswith(b"HTTP/1.1 4")


def test_many_who_are_slow_hold_no_worker() -> None:
    """Half in their headers, half in their bodies, each still sending."""
    with (
        running("--workers", "1", "--queue-length", "1") as server,
        contextlib.ExitStack() as stack,
    ):
        slow = [stack.enter_context(connect(server)) for _ in range(200)]
        for i, s in enumerate(slow):
            s.sendall(HEALTH[:-2] if i % 2 else expect_continue(len(PICTURE)))
        for s in slow[::2]:
            assert s.recv(100).startswith(b"HTTP/1.1 100 ")
        for i in range(3):
            for k, s in enumerate(slow):
                s.sendall(b"X" if k % 2 else PICTURE[i : i + 1])
            assert server.metric("wherefore_busy_workers") == 0
            assert server.metric("wherefore_queue_length") == 0
            assert server.cam().status_code == 200
        assert server.metric("wherefore_requests_in_flight") >= 101
        slow[0].sendall(PICTURE[3:])
        assert read_replies(slow[0], 1)[0][0] == 200
        slow[1].sendall(b": 1\r\n\r\n")
        assert read_replies(slow[1], 1)[0][0] == 200
