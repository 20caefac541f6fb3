"""POST /ascend: the picture that a class or a channel wants to see, whole or as it comes
to be. What is in it is held to numpy by tests/cli/test_ascend.py."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import pathlib
import socket
import struct
import time
from collections.abc import Iterator

import httpx
import pytest
import tiny
from conftest import MODEL, Server, png, running, sample
from PIL import Image

LINES = {"Accept": "application/x-ndjson"}
ENDLESS = {"class": "a", "steps": "4096", "size": "256"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a tiny network besides Lite0, with one worker and two threads."""
    folder = tiny.model(tmp_path_factory.mktemp("models") / "tiny", ["a", "b", "c"])
    options = ["--workers", "1", "--lone-threads", "2", "--max-passes", "5000"]
    with running("--model", folder, *options) as server:
        yield server


def ascend(server: Server, data: dict[str, str], **options: object) -> httpx.Response:
    """POST /ascend of the tiny network, with the options as fields of a form."""
    files = {name: (None, value) for name, value in {"model": "tiny", **data}.items()}
    files |= options.pop("files", {})
    return httpx.post(server.url + "/ascend", files=files, timeout=60, **options)


def opened(url: str) -> Image.Image:
    """The picture of a data URL."""
    head, data = url.split(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_picture_comes_with_all_that_makes_it_again(small: Server) -> None:
    """As JSON, as the picture alone, and with the options in the query: the same one."""
    asked = {"class": "b", "steps": "6", "seed": "5", "size": "64"}
    before = small.metric('wherefore_requests_total{route="/ascend",status="200"}')
    answer = ascend(small, asked)
    told = answer.json()
    alone = ascend(small, asked, headers={"Accept": "image/png"})
    query = httpx.post(small.url + "/ascend", params={"model": "tiny", **asked}, timeout=60)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert told["target"] == {"class": 1, "id": None, "label": "b"}
    assert told["parameters"]["steps"] == 6 and told["parameters"]["seed"] == 5
    assert told["passes"] == 8
    assert told["value"] > told["start"]
    assert opened(told["picture"]).size == (64, 43)
    assert alone.headers["content-type"] == "image/png"
    assert float(alone.headers["x-wherefore-value"]) == pytest.approx(told["value"])
    assert alone.content == base64.b64decode(told["picture"].split(",")[1])
    assert query.json()["picture"] == told["picture"]
    after = small.metric('wherefore_requests_total{route="/ascend",status="200"}')
    assert after == before + 3


def test_pictures_come_on_the_way(small: Server) -> None:
    """Every few steps and after the last one; then the answer."""
    asked = {"class": "a", "steps": "10", "every": "4"}
    answer = ascend(small, asked, headers=LINES)
    *lines, last = map(json.loads, answer.text.splitlines())

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [line["step"] for line in lines if "picture" in line] == [4, 8, 10]
    assert all(line["steps"] == 10 and line["value"] is not None for line in lines)
    assert lines[-1]["picture"] == last["picture"]
    assert all(opened(line["picture"]).size == (48, 32) for line in lines if "picture" in line)
    assert last == {**ascend(small, asked).json(), "timing_ms": last["timing_ms"]}


def test_a_channel_and_a_cell_of_a_photo(small: Server) -> None:
    """The image in the form, or as the body."""
    photo = sample("chelsea.png")
    asked = {"layer": "-1", "channel": "3", "cell": "4,5", "steps": "5"}
    told = ascend(small, asked, files={"image": photo}).json()
    body = httpx.post(
        small.url + "/ascend",
        params={"model": "tiny", **asked},
        content=photo,
        headers={"Content-Type": "image/png"},
        timeout=60,
    )

    assert told["image"] == {"width": 451, "height": 300, "format": "png"}
    assert told["target"]["layer"]["name"] == "r"
    assert told["target"]["cell"] == {"x": 4, "y": 5}
    assert told["value"] > told["start"]
    assert body.json()["picture"] == told["picture"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, '"class", or "layer" and "channel"'),
        ({"class": "a", "layer": "-1"}, "a class is excited already"),
        ({"class": "nobody"}, "not a class"),
        ({"layer": "-1"}, "which of its channels"),
        ({"layer": "-1", "channel": "8"}, "channels 0 to 7"),
        ({"layer": "-1", "channel": "1", "cell": "0,8"}, "the last of which is 11,7"),
        ({"class": "a", "steps": "5000"}, "1 to 4096"),
        ({"class": "a", "every": "0"}, "1 to 4096"),
        ({"class": "a", "size": "15"}, "16 to 1024"),
        ({"class": "a", "method": "oil"}, "fourier, maco or pixels"),
        ({"class": "a", "paint": "1"}, "unknown option"),
        ({"class": "a", "near": "0.2"}, "no photo to stay near to"),
    ],
)
def test_a_wrong_option_is_a_problem(small: Server, asked: dict, said: str) -> None:
    """In a form or in the query."""
    answers = [
        ascend(small, asked),
        httpx.post(small.url + "/ascend", params={"model": "tiny", **asked}, timeout=60),
    ]

    for answer in answers:
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"]


def test_what_is_wrong_with_the_request_is_said(small: Server) -> None:
    """The method, the types, the image."""
    url = small.url + "/ascend?class=0&model=tiny&steps=1"
    kind = {"Content-Type": "image/png"}

    assert httpx.get(url).status_code == 405
    assert httpx.post(url, headers={"Accept": "text/html"}).status_code == 406
    assert httpx.post(url, content=b"{}", headers={"Content-Type": "text/json"}).status_code == 415
    assert httpx.post(url, content=b"no picture", headers=kind).status_code == 415
    assert httpx.post(url, content=png(40, 40, rows=3), headers=kind).status_code == 422
    assert httpx.post(url, content=png(20000, 1), headers=kind).status_code == 413


def test_passes_are_limited(tmp_path: pathlib.Path) -> None:
    """Steps and three more; and the time, by a limit of its own."""
    folder = tiny.model(tmp_path / "tiny", ["a", "b", "c"])
    # Of Lite0, whose steps take minutes, so that there is time to begin.
    with running("--max-passes", "4100", "--ascend-deadline-ms", "2000") as server:
        late = ascend(server, ENDLESS | {"model": pathlib.Path(MODEL).name, "class": "0"})
    with running("--model", folder, "--max-passes", "10") as server:
        answers = [ascend(server, {"class": "a", "steps": str(n)}) for n in (7, 8)]

    assert late.status_code == 503
    assert late.json()["kind"] == "busy"
    assert "of 4099 passes of the network" in late.json()["detail"]
    assert [answer.status_code for answer in answers] == [200, 413]
    assert answers[1].json()["limit"] == 10
    assert "would take 11 passes" in answers[1].json()["detail"]


def test_an_ascent_ends_with_its_client_and_others_need_not_wait(small: Server) -> None:
    """A short request is answered by the one worker meanwhile."""
    fields = "&".join(f"{name}={value}" for name, value in {"model": "tiny", **ENDLESS}.items())
    head = f"POST /ascend?{fields} HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n"
    with socket.create_connection(small.address, timeout=60) as s:
        s.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())
        with s.makefile("rb") as file:
            while b'"step":' not in file.readline():
                pass
        assert small.metric("wherefore_long_jobs") == 1
        short = small.cam(params={"model": "tiny", "heatmap": "none"})
        with contextlib.suppress(OSError):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert short.status_code == 200
    end = time.monotonic() + 30
    while small.metric("wherefore_long_jobs") != 0:
        assert time.monotonic() < end, "it goes on without its client"
        time.sleep(0.01)
