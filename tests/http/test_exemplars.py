"""GET /exemplars: the photos that excite a channel most, as `wherefore exemplars` has
found them."""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
import shutil
import signal
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import tiny
from common import eventually
from conftest import SAMPLES, Server, run, running
from PIL import Image

LAYER = "r"
PNG = {"Accept": "image/png"}


@dataclasses.dataclass
class Offered:
    """A server of two models, of which the first has exemplars of one layer."""

    server: Server
    folder: pathlib.Path
    index: dict


def found(model: str, folder: pathlib.Path, *args: str) -> dict:
    """The index that the command writes about the samples."""
    done = run("exemplars", str(SAMPLES), "--model", model, "--to", str(folder), *args)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "exemplars.json").read_text())


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offered]:
    """They are in a folder in the one that is named."""
    root = tmp_path_factory.mktemp("exemplars")
    cats = tiny.model(root / "cats", ["cat", "dog"])
    (root / "all").mkdir()
    folder = root / "all" / "of the last layer"
    args = ("--layer", LAYER, "--channel", "6", "--channel", "1", "--top", "3")
    index = found(cats, folder, *args)
    with running("--model", cats, "--exemplars", str(root / "all")) as server:
        yield Offered(server, folder, index)


def ask(server: Server, headers: dict | None = None, **params: str) -> httpx.Response:
    """What is said of the tiny model."""
    return server.get("/exemplars", params={"model": "cats", **params}, headers=headers)


def test_the_list_says_which_channels_there_are(offered: Offered) -> None:
    """By layers."""
    answer = ask(offered.server)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "model": "cats",
        "layers": [{"layer": LAYER, "channels": [1, 6]}],
    }


@pytest.mark.parametrize("accept", [None, {"Accept": "application/json"}, {"Accept": "*/*"}])
def test_a_channel_is_what_the_index_says(offered: Offered, accept: dict | None) -> None:
    """Number by number."""
    (expected,) = (c for c in offered.index["channels"] if c["channel"] == 6)
    answer = ask(offered.server, accept, layer="-1", channel="6")
    told = answer.json()

    assert answer.status_code == 200
    assert answer.headers["vary"] == "Accept"
    assert told["model"] == "cats"
    assert told["layer"] == offered.index["layer"]
    assert told["channel"] == 6
    assert told["exemplars"] == expected["exemplars"]
    assert len(told["exemplars"]) == 3


def test_a_channel_has_its_sheet(offered: Offered) -> None:
    """The bytes of the file."""
    answer = ask(offered.server, PNG, layer=LAYER, channel="1")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.content == (offered.folder / "channel-1.png").read_bytes()
    assert np.array(Image.open(io.BytesIO(answer.content))).shape == (198, 198, 3)


@pytest.mark.parametrize(
    ("status", "params", "said"),
    [
        (404, {"layer": LAYER, "channel": "2"}, "of this channel of the layer r"),
        (404, {"model": "efficientnet-lite0"}, "no exemplars of the model efficientnet-lite0"),
        (422, {"layer": LAYER}, 'option "channel": it is needed'),
        (422, {"channel": "1"}, 'option "layer": it is needed'),
        (422, {"layer": "nowhere", "channel": "1"}, 'option "layer": no layer'),
        (422, {"layer": LAYER, "channel": "8"}, "there is no channel 8"),
        (422, {"layer": LAYER, "channel": "-1"}, "0 to 999999"),
        (422, {"layer": LAYER, "channel": "1", "top": "3"}, "unknown option"),
        (422, {"model": "nobody"}, "nobody"),
    ],
)
def test_what_there_is_not_is_a_problem(
    offered: Offered, status: int, params: dict[str, str], said: str
) -> None:
    """With the reason."""
    answer = ask(offered.server, **params)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "params"),
    [({"Accept": "text/html"}, {"layer": LAYER, "channel": "1"}), (PNG, {})],
)
def test_other_formats_are_refused(offered: Offered, headers: dict, params: dict) -> None:
    """And so is a picture of the list."""
    assert ask(offered.server, headers, **params).status_code == 406


def test_without_exemplars_there_are_none(server: Server, still_serves: None) -> None:
    """A 404, as the page expects."""
    answer = server.get("/exemplars")

    assert answer.status_code == 404
    assert answer.json()["kind"] == "not-found"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"checksum": "00000000"}, "another file of the model cats (checksum 00000000"),
        ({"input": {"width": 40, "height": 32}}, "an input of 40 x 32 pixels, not 48 x 32"),
        ({"model": "dogs"}, "dogs"),
        ({"version": 2}, '"version" is not 1'),
        ({"layer": {"name": "x", "channels": 8, "height": 8, "width": 12}}, "no such layer x"),
        ({"channels": [{"channel": 8, "exemplars": []}]}, 'entry 0 of "channels": '),
        ({"channels": 7}, '"channels" is not a list'),
    ],
)
def test_an_index_that_does_not_fit_is_not_offered(
    offered: Offered, tmp_path: pathlib.Path, change: dict, said: str
) -> None:
    """The log says why, and the service runs. One that fits is offered all the same."""
    cats = str(offered.folder.parent.parent / "cats")
    (tmp_path / "exemplars.json").write_text(json.dumps(offered.index | change))
    (tmp_path / "good").mkdir()
    shutil.copy(offered.folder / "exemplars.json", tmp_path / "good")

    with running("--model", cats, "--exemplars", str(tmp_path)) as server:
        answer = ask(server)
        log = server.log()

    assert answer.status_code == 200
    assert "exemplars are not offered" in log
    assert f"{tmp_path}/exemplars.json: " in log and said in log


def test_an_index_of_a_model_that_changes_is_dropped(tmp_path: pathlib.Path) -> None:
    """At the next SIGHUP, which also finds a new one; and a missing sheet is told of."""
    cats = tiny.model(tmp_path / "cats", ["cat", "dog"])
    folder = tmp_path / "found"
    found(cats, folder)
    with running("--model", cats, "--exemplars", str(folder)) as server:
        assert ask(server).status_code == 200
        shutil.rmtree(cats)
        tiny.model(tmp_path / "cats", ["cat", "dog", "cow"])
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: ask(server).status_code == 404, 20)
        found(cats, folder)
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: ask(server).status_code == 200, 20)
        (folder / "channel-3.png").unlink()
        (folder / "channel-4.png").write_bytes(b"no picture")
        gone = ask(server, PNG, layer=LAYER, channel="3")
        wrong = ask(server, PNG, layer=LAYER, channel="4")

    assert gone.status_code == wrong.status_code == 500
    assert "is not a PNG" in wrong.json()["detail"]


def test_a_folder_that_is_not_there_keeps_the_server_from_starting(
    tmp_path: pathlib.Path,
) -> None:
    """With the reason."""
    done = run("serve", "--exemplars", str(tmp_path / "nowhere"), "--listen", "127.0.0.1:0")

    assert done.returncode == 1
    assert "--exemplars: the folder cannot be read" in done.stderr


def test_a_token_is_asked_for(tmp_path: pathlib.Path) -> None:
    """As for the other routes of the model."""
    tokens = tmp_path / "tokens"
    tokens.write_text("0123456789abcdef0123456789abcdef\n")
    tokens.chmod(0o600)
    with running("--token-file", str(tokens)) as server:
        assert server.get("/exemplars").status_code == 401
