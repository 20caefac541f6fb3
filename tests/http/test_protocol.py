"""HTTP itself: HEAD, OPTIONS, ETags, keep-alive, pipelining, 100-continue."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time

import httpx
import pytest
import yaml
from conftest import ROOT, Server, run, running, sample

ASSETS = [
    "/",
    "/app.css",
    "/app.js",
    "/favicon.svg",
    "/openapi.yaml",
    "/samples/rocket.jpg",
]


def routes() -> set[tuple[str, str]]:
    """What the binary says it serves."""
    result = run("serve", "--print-routes")
    assert result.returncode == 0
    return {tuple(line.split(" ", 1)) for line in result.stdout.splitlines()}


def test_each_route_answers(server: Server) -> None:
    """With what it takes in Allow. This server has no index of exemplars and no film."""
    for method, route in routes():
        path = route.replace("{model}", "efficientnet-lite0")
        if method == "GET":
            expected = 404 if path in ("/exemplars", "/film") else 200
            assert server.get(path).status_code == expected
        allow = httpx.options(server.url + path).headers["allow"]
        assert method in allow.split(", ")


def test_the_references_in_openapi_lead_somewhere() -> None:
    """Every $ref is in the document."""
    text = (ROOT / "static" / "openapi.yaml").read_text()
    document = yaml.safe_load(text)
    refs = re.findall(r'\$ref: "#/([^"]+)"', text)

    assert document["openapi"].startswith("3.1")
    assert refs
    for ref in refs:
        node = document
        for part in ref.split("/"):
            node = node[part]


def test_model_says_what_is_served(server: Server) -> None:
    """Name, classes, limits."""
    model = server.get("/model").json()

    assert model["num_classes"] == model["num_labels"] == 1000
    assert model["refusal"] is None
    assert model["map"]["width"] > 0
    assert model["limits"]["max_body_bytes"] == 16777216
    assert model["workers"] == 2


@pytest.mark.parametrize("path", [*ASSETS, "/healthz", "/readyz", "/model", "/metrics"])
def test_head_is_get_without_a_body(server: Server, path: str) -> None:
    """Status and headers are the same."""
    head, get = httpx.head(server.url + path), server.get(path)

    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == str(len(get.content))


def test_options_says_what_is_allowed(server: Server) -> None:
    """204, no body."""
    for path, allow in (
        ("/cam", "POST, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/metrics", "GET, HEAD, OPTIONS"),
    ):
        response = httpx.options(server.url + path)
        assert response.status_code == 204
        assert response.content == b""
        assert response.headers["allow"] == allow
    assert httpx.options(server.url + "/nope").status_code == 404


GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
CAM = b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
CHUNKED = CAM + b"Transfer-Encoding: chunked\r\n\r\n"


def wait_for_log(server: Server, count: int) -> None:
    """Until so many requests without an answer are in the log, which a container's
    engine hands on when it can."""
    end = time.monotonic() + 30
    while (found := server.log().count(" 0 0 ")) < count:
        assert time.monotonic() < end, server.log()
        time.sleep(0.05)
    assert found == count


def until_hung_up(server: Server, request: bytes) -> bytes:
    """All that comes back; the server has to hang up by itself."""
    text = b""
    with (
        socket.create_connection(server.address, 10) as s,
        contextlib.suppress(ConnectionError),
    ):
        s.sendall(request)
        while part := s.recv(65536):
            text += part
    return text


def problem_of(text: bytes) -> tuple[list[str], dict]:
    """The lines of its head, in small letters, and what it says. It has to be one
    answer, and a problem."""
    head, _, body = text.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    problem = json.loads(body)

    assert lines[0].split()[:2] == ["http/1.1", str(problem["status"])]
    assert "content-type: application/problem+json" in lines
    assert f"content-length: {len(body)}" in lines
    assert "connection: close" in lines
    return lines, problem


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (400, GET + b"Host: y\r\n\r\n"),
        (400, CAM + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        (400, CAM + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n"),
        (413, CAM + b"Content-Length: 9223372036854775808\r\n\r\na"),
        (413, GET.replace(b"z", b"z?" + b"a&" * 3500) + b"\r\n"),
        (414, GET.replace(b"z", b"z" + b"a" * 40000) + b"\r\n"),
        (431, GET + b"X: " + b"a" * 40000 + b"\r\n\r\n"),
    ],
)
def test_what_is_wrong_with_a_head_is_a_problem_with_an_id(
    server: Server, status: int, request_: bytes
) -> None:
    """One answer, after which the server hangs up."""
    head, problem = problem_of(until_hung_up(server, request_))

    assert problem["status"] == status
    assert f"X-Request-Id: {problem['request_id']}".lower() in head


@pytest.mark.parametrize(
    ("statuses", "route", "request_"),
    [
        ((400,), "other", GET + b"nonsense\r\n\r\n"),
        ((400,), "other", GET + b"nonsense\r\nX-Request-Id: a\r\n\r\n"),
        ((400,), "other", CAM + b"Content-Length: 1x\r\n\r\na"),
        ((413,), "other", CAM + b"Content-Length: " + b"9" * 23 + b"\r\n\r\n"),
        ((431,), "other", GET + b"X: aaaaaaaaaa\r\n" * 4500 + b"\r\n"),
        ((400,), "/cam", CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n"),
        ((400,), "/cam", CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n"),
        ((400,), "/cam", CHUNKED + b"3\r\nabc\r\n0\r\nnonsense\r\n\r\n"),
        ((413,), "/cam", CHUNKED + b"f" * 18 + b"\r\nabc\r\n0\r\n\r\n"),
        ((500, 431, 413), "/cam", CHUNKED + b"0" * 70000),
        ((400,), "other", CHUNKED.replace(b"/cam", b"/nowhere") + b"zz\r\nabc\r\n"),
    ],
)
def test_a_request_that_is_not_http_is_refused_and_hung_up_on(
    server: Server, statuses: tuple[int, ...], route: str, request_: bytes
) -> None:
    """The library does that, with one answer of its own; the request has ended, is
    counted, and has a line in the log, with status 0."""
    counted = f'wherefore_requests_total{{route="{route}",status="0"}}'
    before, lines = server.metric(counted), server.log().count(" 0 0 ")
    answer = until_hung_up(server, request_)

    assert int(answer.split()[1]) in statuses
    # libmicrohttpd 0.9.75 sends the head of its answer to a bad length twice.
    assert set(re.findall(rb"HTTP/1\.[01] (\d+)", answer)) == {answer.split()[1]}
    assert server.metric(counted) == before + 1
    assert server.metric("wherefore_requests_in_flight") == 1  # itself
    wait_for_log(server, lines + 1)


def test_a_client_that_goes_on_behind_a_bad_chunk_is_cut_off(server: Server) -> None:
    """Its connection is reset, which may take the answer along."""
    answer = until_hung_up(server, CHUNKED + b"zz\r\n" + b"a" * 1000000)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert server.metric("wherefore_requests_in_flight") == 1  # itself


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (400, b"nonsense\r\n\r\n"),
        (400, b"GET /healthz\r\n\r\n"),
        (505, b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n"),
        (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, b"GET\t/healthz\tHTTP/1.1x\r\nHost: x\r\n\r\n"),
        (400, bytes.fromhex("16030100c8010000c40303") + b"a" * 200 + b"\r\n\r\n"),
        (414, b"GET /" + b"a" * 70000),
    ],
)
def test_what_is_not_a_request_is_refused_and_hung_up_on(
    server: Server, status: int, request_: bytes
) -> None:
    """At once, in the library's words or without a word, and nothing of it stays."""
    lines = server.log().count(" 0 0 ")
    answer = until_hung_up(server, request_)

    assert answer == b"" or int(answer.split()[1]) == status
    assert answer or status == 400
    assert len(re.findall(rb"HTTP/1\.[01] ", answer)) <= 1
    assert server.metric("wherefore_requests_in_flight") == 1  # itself
    wait_for_log(server, lines)


def test_a_client_that_says_nothing_or_goes_is_told_nothing() -> None:
    """Nor who has had an answer: it asked for no other."""
    with running("--workers", "1", "--timeout", "1") as server:
        assert until_hung_up(server, b"") == b""
        with socket.create_connection(server.address, 10) as s:
            s.sendall(b"GET /heal")
            s.shutdown(socket.SHUT_WR)
            assert s.recv(100) == b""
        answer = until_hung_up(server, GET + b"Connection: close\r\n\r\n")
        assert answer.endswith(b"\r\n\r\nok\n")
        answer = until_hung_up(server, GET + b"\r\nnonsense\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_many_options_in_the_query_leave_nothing_behind() -> None:
    """Some versions of libmicrohttpd never say that such a request has ended."""
    many = GET.replace(b"z", b"z?" + b"a&" * 3500) + b"\r\n"
    with running("--workers", "1", "--timeout", "1") as server:
        for _ in range(20):
            assert until_hung_up(server, many).startswith(b"HTTP/1.1 413 ")
        end = time.monotonic() + 30
        while server.metric("wherefore_requests_in_flight") > 1:  # itself
            assert time.monotonic() < end


def test_options_star(server: Server) -> None:
    """The server as a whole."""
    with socket.create_connection(server.address, 10) as s:
        s.sendall(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = s.makefile("rb").read()

    assert text.startswith(b"HTTP/1.1 204 ")
    assert b"Allow: GET, HEAD, POST, OPTIONS" in text


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x", 200),
        (b"GET /healthz HTTP/1.1\r\nHost:", 200),
        (b"GET http://x/healthz HTTP/1.1\r\nHost: x", 200),
        (b"GET /healthz HTTP/1.0", 200),
        (b"GET /healthz HTTP/1.1\r\nAccept: */*", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y", 400),
        (b"GET /healthz HTTP/1.0\r\nHost: x\r\nhost: x", 400),
    ],
)
def test_one_host(server: Server, lines: bytes, status: int) -> None:
    """RFC 9112, section 3.2: a request of HTTP/1.1 names one, and none names two."""
    with socket.create_connection(server.address, 10) as s:
        s.sendall(lines + b"\r\nConnection: close\r\n\r\n")
        text = s.makefile("rb").read()

    assert re.match(rb"HTTP/1\.[01] %d " % status, text)


@pytest.mark.parametrize("target", ["/a b", "//evil.example/a b", "//evil.example b"])
def test_a_target_with_spaces_leads_nowhere(server: Server, target: str) -> None:
    """Some versions of libmicrohttpd would send the client where it says itself."""
    with socket.create_connection(server.address, 10) as s:
        s.sendall(
            f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        text = s.makefile("rb").read()

    assert b"location:" not in text.lower()
    assert not text.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3"))


@pytest.mark.parametrize("path", ASSETS)
def test_files_have_strong_etags(server: Server, path: str) -> None:
    """304 to the one who has it, 200 to the one who has another."""
    response = server.get(path)
    etag = response.headers["etag"]

    assert re.fullmatch(r'"[0-9a-f]{16}"', etag)
    assert response.headers["cache-control"]
    for matching in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = server.get(path, headers={"If-None-Match": matching})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == etag
    other = server.get(path, headers={"If-None-Match": '"0000000000000000"'})
    assert other.status_code == 200
    assert other.content == response.content


def test_files_are_those_of_the_tree(server: Server) -> None:
    """Embedded whole, byte for byte."""
    for path in ASSETS:
        file = ROOT / "static" / (path[1:] or "index.html")
        assert server.get(path).content == file.read_bytes()


def test_the_page_needs_nothing_from_elsewhere(server: Server) -> None:
    """No inline script or style, relative addresses only, a strict policy."""
    response = server.get("/")
    page = response.text
    addresses = re.findall(r'(?:href|src)="([^"]+)"', page)

    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "script-src 'self'" in response.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "camera=(self)" in response.headers["permissions-policy"]
    assert response.headers["cross-origin-opener-policy"] == "same-origin"
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|\bstyle=", page)
    assert addresses
    for address in addresses:
        assert not re.match(r"/|\w+:", address), address
        assert server.get("/" + address).status_code == 200
    for name in re.findall(r'data-sample="([^"]+)"', page):
        assert server.get("/samples/" + name).status_code == 200


def test_request_ids_come_back(server: Server) -> None:
    """Theirs where it is harmless, ours where not; unique."""
    theirs = server.get("/healthz", headers={"X-Request-Id": "my-id.42"})
    bad = server.get("/healthz", headers={"X-Request-Id": 'a"b c'})
    ours = [server.get("/healthz").headers["x-request-id"] for _ in range(3)]

    assert theirs.headers["x-request-id"] == "my-id.42"
    assert bad.headers["x-request-id"] not in ("", 'a"b c')
    assert len(set(ours)) == 3


def test_a_connection_is_kept_alive(server: Server) -> None:
    """Also after mistakes whose body was read."""
    with server.client() as client:
        ports = set()
        for _ in range(2):
            for response in (
                client.get("/healthz"),
                client.post("/cam", files={"image": sample("rocket.jpg")}),
                client.post("/cam", files={"image": b"nothing"}),
                client.post("/cam?nope=1", files={"image": b"nothing"}),
                client.post(
                    "/cam", content=b"text", headers={"Content-Type": "text/plain"}
                ),
                client.get("/nope"),
                client.put("/cam", content=b"x"),
            ):
                assert response.headers.get("connection") != "close"
                stream = response.extensions["network_stream"]
                ports.add(stream.get_extra_info("client_addr"))

    assert len(ports) == 1


def read_replies(s: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Status and body of the next replies on a plain socket."""
    file = s.makefile("rb")
    replies = []
    for _ in range(count):
        status = int(file.readline().split()[1])
        length = 0
        while (line := file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        replies.append((status, file.read(length)))
    return replies


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    """Quick ones wait for the slow one before them."""
    picture = sample("rocket.jpg")
    post = (
        b"POST /cam?heatmap=none HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
        b"Content-Length: %d\r\n\r\n" % len(picture)
    ) + picture
    get = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(server.address, 30) as s:
        s.sendall(get + post + get + post + b"GET /nope HTTP/1.1\r\nHost: x\r\n\r\n")
        replies = read_replies(s, 5)

    assert [status for status, _ in replies] == [200, 200, 200, 200, 404]
    assert replies[0][1] == replies[2][1] == b"ok\n"
    assert b'"map"' in replies[1][1]


def expect_head(length: int, path: str = "/cam?heatmap=none") -> bytes:
    """The head of a request that asks before it sends."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
        f"Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    ).encode()


def exchange_raw(server: Server, head: str) -> bytes:
    """What comes back until the server hangs up."""
    with socket.create_connection(server.address, 30) as s:
        s.sendall(head.encode())
        return b"".join(iter(lambda: s.recv(65536), b""))


def test_a_refusal_before_the_body_is_a_whole_answer(server: Server) -> None:
    """405 names the methods there are, and HEAD gets no body, then as ever."""
    answer = exchange_raw(
        server,
        "PUT /cam HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        "Expect: 100-continue\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: POST, OPTIONS\r\n" in answer
    answer = exchange_raw(
        server, "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"\r\n\r\n") and answer.count(b"\r\n\r\n") == 1


def test_a_client_that_asks_first_is_told_to_go_on(server: Server) -> None:
    """Expect: 100-continue."""
    picture = sample("rocket.jpg")
    with socket.create_connection(server.address, 30) as s:
        s.sendall(expect_head(len(picture)))
        assert s.recv(1000).startswith(b"HTTP/1.1 100 ")
        s.sendall(picture)
        assert read_replies(s, 1)[0][0] == 200


@pytest.mark.parametrize(
    ("length", "path", "status"),
    [
        (100_000_000, "/cam", 413),
        (1000, "/cam?nope=1", 422),
        (1000, "/nope", 404),
        (1000, "/healthz", 405),
    ],
)
def test_a_client_that_asks_first_is_told_no(
    server: Server, length: int, path: str, status: int
) -> None:
    """Before it has sent anything."""
    with socket.create_connection(server.address, 30) as s:
        s.sendall(expect_head(length, path))
        assert read_replies(s, 1)[0][0] == status
        assert s.recv(1) == b""


def test_http_1_0_is_answered(server: Server) -> None:
    """And hung up on, as it expects."""
    with socket.create_connection(server.address, 10) as s:
        s.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        text = s.makefile("rb").read()

    assert b" 200 OK" in text
    assert text.endswith(b"ok\n")


def test_metrics_count_requests(server: Server) -> None:
    """By route and status; unknown paths share one row."""
    name = 'wherefore_requests_total{route="%s",status="%d"}'
    names = [name % ("/cam", 200), name % ("/cam", 422), name % ("other", 404)]
    before = [server.metric(n) for n in names]
    server.cam()
    server.cam(b"")
    server.get("/nope/a")
    server.get("/nope/b")

    assert [server.metric(n) for n in names] == [
        before[0] + 1,
        before[1] + 1,
        before[2] + 2,
    ]
