"""Requests as clients have really sent them: tests/data/requests has the bytes of
each, recorded, with one small picture in all of them."""

from __future__ import annotations

import pathlib
import socket

import httpx
import pytest
from conftest import ROOT, Server

REQUESTS = sorted((ROOT / "tests" / "data" / "requests").glob("*.http"))
PICTURE = (ROOT / "tests" / "data" / "requests" / "picture.jpg").read_bytes()


def answer_to(server: Server, request: bytes, pieces: int = 1) -> httpx.Response:
    """The final answer to these bytes, sent in so many pieces."""
    step = -(-len(request) // pieces)
    with socket.create_connection(server.address, 30) as s:
        for pos in range(0, len(request), step):
            s.sendall(request[pos : pos + step])
        file = s.makefile("rb")
        status = 100
        while 100 <= status < 200:
            status = int(file.readline().split()[1])
            headers = {}
            while (line := file.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
        body = file.read(int(headers["content-length"]))
    return httpx.Response(status, headers=headers, content=body)


def seen(response: httpx.Response) -> dict:
    """What an answer says of the picture."""
    assert response.status_code == 200, response.text
    answer = response.json()
    return {k: answer[k] for k in ("image", "class", "map", "box")} | {
        "best": answer["classes"][0]
    }


def test_there_are_requests_of_all_clients() -> None:
    """The folder is not empty, and each has the picture, but where it is in chunks."""
    assert len(REQUESTS) >= 40
    for path in REQUESTS:
        assert PICTURE[-700:] in path.read_bytes(), path.name


@pytest.fixture(scope="module")
def expected(server: Server) -> dict:
    """What is said of the picture when its type is there: what ONNX Runtime says of
    it, with Pillow's decoding and resizing."""
    response = httpx.post(
        server.url + "/cam?heatmap=none",
        content=PICTURE,
        headers={"Content-Type": "image/jpeg"},
        timeout=60,
    )
    assert response.json()["class"] == 285
    logit = response.json()["classes"][0]["logit"]
    assert logit == pytest.approx(10.430075, abs=1e-3)
    return seen(response)


@pytest.mark.parametrize("pieces", [1, 40])
@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_a_client_has_the_answer_of_the_picture_itself(
    server: Server, expected: dict, path: pathlib.Path, pieces: int
) -> None:
    """Whichever way it sends it."""
    assert seen(answer_to(server, path.read_bytes(), pieces)) == expected
