"""GET /film: the frames that the page offers as a film."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Iterator

import pytest
from conftest import Server, run, running
from PIL import Image

NAMES = ["frame 2.png", "frame 10.jpg"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, list]]:
    """A server with a film of two frames, and their bytes."""
    folder = tmp_path_factory.mktemp("film")
    frames = []
    for name, kind in zip(NAMES, ("PNG", "JPEG"), strict=True):
        Image.new("RGB", (16, 8), "red").save(folder / name, kind)
        frames.append((folder / name).read_bytes())
    (folder / "notes.txt").write_text("no frame")
    with running("--film", str(folder)) as server:
        yield server, frames


def test_frames_are_listed_in_their_order(film: tuple[Server, list]) -> None:
    """Numbers in names count as such; and the list of models says how many."""
    server, frames = film
    listed = server.get("/film")
    assert listed.status_code == 200
    assert listed.headers["cache-control"] == "no-cache"
    assert listed.json() == {
        "frames": [
            {"name": name, "bytes": len(frame)}
            for name, frame in zip(NAMES, frames, strict=True)
        ]
    }
    assert server.get("/models").json()["film"] == 2


def test_a_frame_is_the_file(film: tuple[Server, list]) -> None:
    """Byte for byte, with its type."""
    server, frames = film
    for i, kind in enumerate(("png", "jpeg")):
        got = server.get(f"/film?frame={i}")
        assert got.status_code == 200
        assert got.headers["content-type"] == f"image/{kind}"
        assert got.content == frames[i]
        assert Image.open(io.BytesIO(got.content)).size == (16, 8)


@pytest.mark.parametrize("number", ["2", "-1", "x", "", "99999999999999999999"])
def test_no_other_frame_is_there(film: tuple[Server, list], number: str) -> None:
    """The answer says which there are."""
    said = film[0].get("/film", params={"frame": number})
    assert said.status_code == 422
    assert said.json()["detail"].endswith("is not a number from 0 to 1")


def test_without_a_film_there_is_none(server: Server) -> None:
    """A 404, and a 0 in the list of models."""
    assert server.get("/film").status_code == 404
    assert server.get("/film?frame=0").status_code == 404
    assert server.get("/models").json()["film"] == 0


def test_what_is_no_film_ends_the_start(tmp_path: pathlib.Path) -> None:
    """With the option in the message."""
    (tmp_path / "a.jpg").write_text("no picture")
    for folder, words in ((tmp_path, "a.jpg is no JPEG"), (tmp_path / "b", "cannot be")):
        done = run("serve", "--listen", "127.0.0.1:0", "--film", str(folder))
        assert done.returncode == 1
        assert "--film: " in done.stderr
        assert words in done.stderr
