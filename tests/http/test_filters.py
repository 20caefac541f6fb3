"""GET /filters: the filters of a convolution."""

from __future__ import annotations

import io
import pathlib

import httpx
import pytest
import tiny
from conftest import Server, running
from PIL import Image

JSON = {"Accept": "application/json"}


def test_a_picture_of_the_first_convolution(server: Server, still_serves: None) -> None:
    """Is the default: 32 filters, six in a row, ten pixels for a weight."""
    before = server.metric('wherefore_requests_total{route="/filters",status="200"}')
    answer = server.get("/filters")
    picture = Image.open(io.BytesIO(answer.content))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["x-wherefore-filters"] == "32"
    assert "queue;dur=" in answer.headers["server-timing"]
    assert picture.size == (2 + 6 * (30 + 2), 2 + 6 * (30 + 2 + 14))
    after = server.metric('wherefore_requests_total{route="/filters",status="200"}')
    assert after == before + 1


def test_numbers_of_a_convolution(server: Server) -> None:
    """One norm for each filter."""
    answer = server.get("/filters", params={"layer": "features"}, headers=JSON)
    told = answer.json()

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert told["model"] == "efficientnet-lite0"
    assert told["layer"] == {"name": "features", "channels": 1280, "height": 7, "width": 7}
    assert told["convolution"] == {
        "name": told["convolution"]["name"],
        "filters": 1280,
        "inputs": 320,
        "height": 1,
        "width": 1,
        "groups": 1,
        "stride": {"height": 1, "width": 1},
        "dilation": {"height": 1, "width": 1},
    }
    assert told["folded"] is True
    assert len(told["norms"]) == 1280 and min(told["norms"]) > 0
    assert told["dead"] == 0 and told["near_duplicates"] == 0


def test_a_head_has_no_body(server: Server) -> None:
    """But the same headers."""
    answer = httpx.head(server.url + "/filters", headers=JSON, timeout=60)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == b""


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"layer": "nowhere"}, 'option "layer": no layer'),
        ({"layer": "block2.add"}, "is not made by one convolution"),
        ({"folded": "yes"}, "0 or 1"),
        ({"top": "0"}, "1 to 256"),
        ({"top": "257"}, "1 to 256"),
        ({"inputs": "65"}, "1 to 64"),
        ({"size": "3"}, "4 to 256"),
        ({"scale": "both"}, "own or common"),
        ({"colormap": "pink"}, "viridis"),
        ({"layer": "features", "size": "256", "top": "256", "inputs": "64"}, "too many"),
        ({"model": "nobody"}, "nobody"),
        ({"class": "285"}, "unknown option"),
        ([("top", "1"), ("top", "2")], "given twice"),
    ],
)
def test_a_wrong_option_is_a_problem(server: Server, params: object, said: str) -> None:
    """422, and what is wrong."""
    answer = server.get("/filters", params=params)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


def test_other_formats_and_methods_are_refused(server: Server) -> None:
    """As problems."""
    other = server.get("/filters", headers={"Accept": "text/html"})
    post = httpx.post(server.url + "/filters", content=b"", timeout=60)

    assert other.status_code == 406
    assert post.status_code == 405
    assert post.headers["allow"] == "GET, HEAD, OPTIONS"


def test_a_changed_file_is_not_mixed_with_the_model(tmp_path: pathlib.Path) -> None:
    """The weights would be those of another network."""
    model = tiny.model(tmp_path / "cats", ["cat", "dog"])
    with running("--model", model) as server:
        before = server.get("/filters", params={"model": "cats"}, headers=JSON)
        file = tmp_path / "cats" / "model.onnx"
        file.write_bytes(file.read_bytes() + b"\0")
        after = server.get("/filters", params={"model": "cats"}, headers=JSON)

    assert before.status_code == 200
    assert before.json()["convolution"]["filters"] == 8
    assert after.status_code == 500
    assert after.headers["content-type"] == "application/problem+json"


def test_a_token_is_asked_for(tmp_path: pathlib.Path) -> None:
    """As for the other routes of the model."""
    token = "0123456789abcdef0123456789abcdef"
    tokens = tmp_path / "tokens"
    tokens.write_text(token + "\n")
    tokens.chmod(0o600)
    with running("--token-file", str(tokens)) as server:
        without = server.get("/filters")
        with_one = server.get("/filters", headers={"Authorization": f"Bearer {token}"})

    assert without.status_code == 401
    assert with_one.status_code == 200
