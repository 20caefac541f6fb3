"""Every mistake a client can make has one clear answer, and the next request is
served."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack, suppress

import httpx
import pytest
from conftest import SANITIZED, Server, png, png_chunk, running, sample

pytestmark = pytest.mark.usefixtures("still_serves")


def assert_is_problem(
    response: httpx.Response, status: int, kind: str, *words: str
) -> dict:
    """RFC 9457, and the detail names what it is about."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["status"] == status
    assert problem["kind"] == kind
    for word in words:
        assert word in problem["detail"], problem["detail"]
    return problem


@pytest.mark.parametrize("cut", [100, 5000, 60000, -3])
def test_a_truncated_jpeg(server: Server, cut: int) -> None:
    """Cut in the header, early, in the middle, and in its last byte of data."""
    assert_is_problem(server.cam(sample("rocket.jpg")[:cut]), 422, "bad-input")


@pytest.mark.parametrize(
    "instead", [b"", bytes(1000), b"SEFH and more", b"\xff\xd8\xff"]
)
def test_a_jpeg_without_its_end_is_no_mistake(server: Server, instead: bytes) -> None:
    """Whatever comes in its place: the answer is that of the whole file."""
    whole = sample("rocket.jpg")
    options = {"params": {"heatmap": "none"}}

    answer = server.cam(whole[:-2] + instead, **options)

    assert answer.status_code == 200, answer.text
    assert answer.json()["classes"] == server.cam(whole, **options).json()["classes"]


def test_a_truncated_png(server: Server) -> None:
    """The header promises more rows than there are."""
    assert_is_problem(server.cam(png(64, 64, rows=10)), 422, "bad-input")


def test_a_png_whose_data_have_changed(server: Server) -> None:
    """Its chunks have check sums. That of the packed data inside is not looked at:
    it covers the same bytes."""
    picture = png(64, 64)
    data = re.search(rb"IDAT(.*).{4}.{4}IEND", picture, re.DOTALL).group(1)
    other_sum = data[:-1] + bytes([data[-1] ^ 1])
    mended = picture.replace(png_chunk(b"IDAT", data), png_chunk(b"IDAT", other_sum))

    assert mended != picture
    assert server.cam(mended).status_code == 200
    assert_is_problem(
        server.cam(picture.replace(data, other_sum)), 422, "bad-input", "PNG"
    )


def test_a_text_file_renamed_jpg(server: Server) -> None:
    """RFC 9110 on 415: also by inspecting the content."""
    response = httpx.post(
        server.url + "/cam",
        files={"image": ("photo.jpg", b"This is not a photo.\n", "image/jpeg")},
    )

    assert_is_problem(response, 415, "unsupported")


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it is a HEIC image"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", "it is an AVIF image"),
        (b"%PDF-1.7", "it is a PDF"),
    ],
)
def test_another_format_renamed_jpg(server: Server, start: bytes, name: str) -> None:
    """Its name is in the answer."""
    response = httpx.post(
        server.url + "/cam",
        files={"image": ("photo.jpg", start + bytes(99), "image/jpeg")},
    )

    assert_is_problem(response, 415, "unsupported", name)


def test_an_empty_upload(server: Server) -> None:
    """As a form, and raw."""
    assert_is_problem(server.cam(b""), 422, "bad-input", "empty")
    raw = httpx.post(server.url + "/cam", headers={"Content-Type": "image/png"})
    assert_is_problem(raw, 422, "bad-input", "empty")


def test_a_missing_field(server: Server) -> None:
    """The form has options only; or a file under another name."""
    form = httpx.post(server.url + "/cam", files={"top": (None, "3")})
    other = httpx.post(server.url + "/cam", files={"photo": sample("rocket.jpg")})

    assert_is_problem(form, 422, "bad-input", '"image"')
    assert_is_problem(other, 422, "bad-input", '"photo"', '"image"')


def test_two_pictures(server: Server) -> None:
    """Which one would be meant?"""
    files = [("image", sample("rocket.jpg")), ("image", sample("chelsea.png"))]
    response = httpx.post(server.url + "/cam", files=files)

    assert_is_problem(response, 422, "bad-input", "image", "twice")


def test_a_picture_of_60000_by_60000(server: Server) -> None:
    """Its header is refused before memory is taken."""
    before = server.memory_kb()
    response = server.cam(png(60000, 60000, rows=1))

    assert assert_is_problem(response, 413, "over-limit", "60000")["limit"] == 16384
    if not SANITIZED:
        assert server.memory_kb() - before < 100_000


def test_too_many_pixels_within_both_sides(server: Server) -> None:
    """12000 x 12000 is 144 million; 50 million are allowed."""
    response = server.cam(png(12000, 12000, rows=1))

    problem = assert_is_problem(response, 413, "over-limit", "12000")
    assert problem["limit"] == 50_000_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"topp": "3"}, ['"topp"', "top", "class", "heatmap_size"]),
        ({"top": "0"}, ['"top"', '"0"', "1 or more"]),
        ({"top": "000"}, ['"top"', '"000"', "1 or more"]),
        ({"top": "-1"}, ['"top"']),
        ({"top": "5x"}, ['"top"']),
        ({"top": ""}, ['"top"']),
        ({"top": "1e1"}, ['"top"']),
        ({"class": "no such thing"}, ['"class"', "no such thing"]),
        ({"class": "1000"}, ['"class"', '"1000"']),
        ({"class": [str(i) for i in range(17)]}, ['"class"', "16"]),
        ({"class": "top", "top": "17"}, ['"class"', "17", "16"]),
        ({"class": ["top", "0"], "top": "16"}, ['"class"', "17", "16"]),
        ({"heatmap": "yes"}, ['"heatmap"', "overlay, boxes, colours, map, mask or none"]),
        ({"colormap": "rainbow"}, ['"colormap"', "viridis"]),
        ({"alpha": "1.5"}, ['"alpha"', "0 to 1"]),
        ({"alpha": "nan"}, ['"alpha"', "0 to 1"]),
        ({"alpha": "-0.1"}, ['"alpha"', "0 to 1"]),
        ({"threshold": "2"}, ['"threshold"', "0 to 1"]),
        ({"threshold": "."}, ['"threshold"', "0 to 1"]),
        ({"threshold": "1e1"}, ['"threshold"', "0 to 1"]),
        ({"threshold": "1e"}, ['"threshold"', "0 to 1"]),
        ({"threshold": "0x1p-3"}, ['"threshold"', "0 to 1"]),
        ({"threshold": "0,5"}, ['"threshold"', "0 to 1"]),
        ({"values": "yes"}, ['"values"', "0, 1 or f32"]),
        ({"heatmap_size": "0"}, ['"heatmap_size"', "1 to 4096"]),
        ({"heatmap_size": "100000"}, ['"heatmap_size"', "1 to 4096"]),
        ({"top": ["1", "2"]}, ['"top"', "twice"]),
    ],
)
@pytest.mark.parametrize("where", ["query", "form"])
def test_bad_options(
    server: Server, where: str, options: dict, words: list[str]
) -> None:
    """The detail names the option and what it takes."""
    if where == "query":
        response = server.cam(params=options)
    else:
        response = server.cam(data=options)

    assert_is_problem(response, 422, "bad-input", *words)


def test_an_option_in_the_query_and_in_the_form(server: Server) -> None:
    """Given twice, even if the same."""
    response = server.cam(params={"top": "3"}, data={"top": "3"})

    assert_is_problem(response, 422, "bad-input", '"top"', "twice")


def test_options_that_are_not_text(server: Server) -> None:
    """NUL bytes, bytes that are no UTF-8, and far too many of them."""
    nul = httpx.post(server.url + "/cam?top=5%00", files={"image": b"x"})
    latin = httpx.post(server.url + "/cam?class=%e9t%e9", files={"image": b"x"})
    long = server.cam(data={"class": "x" * 100_000})

    assert_is_problem(nul, 422, "bad-input", "NUL")
    assert_is_problem(latin, 422, "bad-input", '"class"')
    assert assert_is_problem(long, 413, "over-limit", "16384")["limit"] == 16384


def test_query_strings_are_decoded(server: Server) -> None:
    """Plus and percent are spaces; names may be escaped too."""
    for query in ("class=Egyptian+cat", "class=Egyptian%20cat", "%63lass=285"):
        response = httpx.post(
            f"{server.url}/cam?heatmap=none&{query}",
            files={"image": sample("chelsea.png")},
        )
        assert response.json()["class"] == 285


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/plain", "video/mp4", "multipart/mixed", "image", "/"],
)
def test_a_bad_content_type(server: Server, content_type: str) -> None:
    """415 says which ones there are."""
    response = httpx.post(
        server.url + "/cam",
        content=sample("rocket.jpg"),
        headers={"Content-Type": content_type},
    )

    assert_is_problem(response, 415, "unsupported", "multipart/form-data", "image/")


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml, image/webp", "*/*;q=0"]
)
def test_an_accept_that_cannot_be_met(server: Server, accept: str) -> None:
    """406 says what there is."""
    response = server.cam(headers={"Accept": accept})

    assert_is_problem(response, 406, "not-acceptable", "application/json", "image/png")


def test_a_png_without_a_heatmap(server: Server) -> None:
    """heatmap=none leaves nothing to answer."""
    response = server.cam(params={"heatmap": "none"}, headers={"Accept": "image/png"})

    assert_is_problem(response, 422, "bad-input", '"heatmap"')


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("", "has no boundary"),
        ("; boundary=", "has no boundary"),
        ('; boundary=""', "has no boundary"),
        ("; boundary", "has no boundary"),
        ("; xboundary=bb", "has no boundary"),
        ("; boundary=" + "b" * 71, "longer than the 70"),
        ("; boundary=" + "b" * 16384, "longer than the 70"),
        ('; boundary="bb', "closing quote is missing"),
        ("; boundary=bb; Boundary=cc", "given twice"),
        ("; boundary=b", "does not occur in the body"),
    ],
)
def test_a_boundary_that_is_not_understood_is_said_to_be(
    parameters: str, words: str
) -> None:
    """And not that the form has no picture."""
    body = b'--bb\r\nContent-Disposition: form-data; name="image"\r\n\r\nx\r\n--bb--'
    kind = {"Content-Type": "multipart/form-data" + parameters}
    with running("--workers", "1", "--max-header-bytes", "32768") as server:
        answer = httpx.post(server.url + "/cam", content=body, headers=kind)

    assert answer.status_code == 400
    assert answer.json()["kind"] == "malformed"
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--xx\r\n"),
        (
            "multipart/form-data; boundary=xx",
            b"--xx\r\nContent-Disposition: form-data; na",
        ),
        (
            "multipart/form-data; boundary=xx",
            b'--xx\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc\r\n--',
        ),
        (
            "multipart/form-data; boundary=xx",
            b"--xx\r\nContent-Disposition: form-data\r\n\r\na\r\n--xx--",
        ),
    ],
)
def test_a_malformed_form(server: Server, content_type: str, body: bytes) -> None:
    """No boundary, cut in a header, cut in the end, a part without a name."""
    response = httpx.post(
        server.url + "/cam", content=body, headers={"Content-Type": content_type}
    )

    assert_is_problem(response, 400, "malformed")


def test_a_wrong_method(server: Server) -> None:
    """405 with Allow, as HTTP wants it."""
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "BREW"):
        response = httpx.request(method, server.url + "/cam")
        assert response.status_code == 405
        assert response.headers["allow"] == "POST, OPTIONS"
        if method != "HEAD":
            assert_is_problem(response, 405, "method-not-allowed", method)
    response = httpx.post(server.url + "/healthz", content=b"x")
    assert_is_problem(response, 405, "method-not-allowed", "POST")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "path", ["/nope", "//cam", "/cam/", "/cam%2f", "/CAM", "/../cam", "/%63am/.."]
)
def test_an_unknown_path(server: Server, path: str) -> None:
    """No slash is added, dropped or merged."""
    with socket.create_connection(server.address, 10) as s:
        s.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        text = s.makefile("rb").read()

    assert text.startswith(b"HTTP/1.1 404 ")
    assert b"application/problem+json" in text


def test_a_path_with_a_nul(server: Server) -> None:
    """It is not the path before the NUL."""
    with socket.create_connection(server.address, 10) as s:
        s.sendall(b"GET /healthz%00x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = s.makefile("rb").read()

    assert text.startswith(b"HTTP/1.1 400 ")


MEGABYTE = b"\x00" * 1_000_000


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_100_mb(server: Server, chunked: bool) -> None:
    """The answer comes, even to a client that does not listen while it sends,
    and the memory is not taken."""
    before = server.memory_kb()
    headers = {"Content-Type": "image/png"}
    if not chunked:
        headers["Content-Length"] = "100000000"
    response = httpx.post(
        server.url + "/cam",
        content=(MEGABYTE for _ in range(100)),
        headers=headers,
        timeout=60,
    )
    problem = assert_is_problem(response, 413, "over-limit", "16777216")

    assert problem["limit"] == 16777216
    assert response.headers["connection"] == "close"
    if not SANITIZED:
        assert server.memory_kb() - before < 40_000


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_too_long_is_answered_before_it_is_there(
    server: Server, chunked: bool
) -> None:
    """A client that stops sending has its answer."""
    with socket.create_connection(server.address, 10) as s:
        head = b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        if chunked:
            s.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(17):
                s.sendall(b"%x\r\n" % len(MEGABYTE) + MEGABYTE + b"\r\n")
        else:
            s.sendall(head + b"Content-Length: 16777217\r\n\r\n")
        text = s.recv(65536)

    assert text.startswith(b"HTTP/1.1 413 ")


def test_a_form_too_long(server: Server) -> None:
    """The same for multipart."""
    response = httpx.post(
        server.url + "/cam", files={"image": MEGABYTE * 17}, timeout=60
    )

    assert_is_problem(response, 413, "over-limit")


def test_a_body_of_exactly_the_limit_is_read() -> None:
    """And one byte more is not."""
    with running("--workers", "1", "--max-body-bytes", "2048") as small:
        headers = {"Content-Type": "image/png"}
        fits = httpx.post(small.url + "/cam", content=b"x" * 2048, headers=headers)
        over = httpx.post(small.url + "/cam", content=b"x" * 2049, headers=headers)

    assert_is_problem(fits, 415, "unsupported")
    assert assert_is_problem(over, 413, "over-limit", "2048")["limit"] == 2048


GARBAGE = [
    b"\r\n\r\n\r\n",
    b"GARBAGE\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST /cam HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: image/png\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    b"POST /cam HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    b"Content-Length: 9000\r\n\r\nhalf",
]


def test_garbage_on_the_wire() -> None:
    """Whatever comes, the connection ends or is answered, and no state stays.

    Libmicrohttpd may notice that a client has left only when the silence has
    lasted too long; hence the short --timeout.
    """
    with running("--workers", "1", "--timeout", "1") as short, ExitStack() as sockets:
        for data in GARBAGE:
            s = sockets.enter_context(socket.create_connection(short.address, 10))
            with suppress(OSError):  # it may be hung up on while it sends
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
        assert short.cam().status_code == 200
        assert short.metric("wherefore_requests_in_flight") == 1  # itself
