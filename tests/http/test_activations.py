"""POST /activations: what the channels of a layer see in a picture."""

from __future__ import annotations

import base64
import io
import pathlib
import struct

import httpx
import pytest
import tiny
from conftest import Server, png, running, sample
from PIL import Image


def post(server: Server, picture: bytes | None = None, **options: object) -> httpx.Response:
    """POST /activations with a picture as the body; by default a cat."""
    picture = sample("chelsea.png") if picture is None else picture
    options = {"headers": {"Content-Type": "image/png"}} | options
    return httpx.post(server.url + "/activations", content=picture, timeout=60, **options)


def test_the_most_active_channels_come_first(server: Server) -> None:
    """Sixteen of the default layer, by their means."""
    before = server.metric('wherefore_requests_total{route="/activations",status="200"}')
    answer = post(server)
    told = answer.json()
    channels = told["channels"]

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert told["model"] == "efficientnet-lite0"
    assert told["layer"] == {"name": "features", "channels": 1280, "height": 7, "width": 7}
    assert told["image"] == {"width": 451, "height": 300, "format": "png"}
    assert len(channels) == len({channel["index"] for channel in channels}) == 16
    means = [channel["mean"] for channel in channels]
    assert means == sorted(means, reverse=True) and means[-1] > 0
    for channel in channels:
        assert channel.keys() == {"index", "mean", "min", "max", "above_zero"}
        assert 0 <= channel["min"] <= channel["mean"] <= channel["max"] <= 6
        assert 0 < channel["above_zero"] <= 1
    after = server.metric('wherefore_requests_total{route="/activations",status="200"}')
    assert after == before + 1


def test_listed_channels_come_in_their_order_with_their_values(server: Server) -> None:
    """As rows or as floats, which are the same numbers; their mean and maximum too."""
    params = {"layer": "block1.project_bn", "channels": "7,0,23"}
    rows = post(server, params={**params, "values": "1"}).json()["channels"]
    floats = post(server, params={**params, "values": "f32"}).json()["channels"]

    assert [channel["index"] for channel in rows] == [7, 0, 23]
    for row, packed in zip(rows, floats, strict=True):
        values = [value for line in row["values"] for value in line]
        unpacked = struct.unpack("<3136f", base64.b64decode(packed["values"]))
        assert values == pytest.approx(unpacked, rel=1e-6)
        assert row["mean"] == pytest.approx(sum(values) / 3136, abs=1e-5)
        assert row["max"] == max(values) and row["min"] == min(values)
        assert row["above_zero"] == pytest.approx(sum(v > 0 for v in values) / 3136)


def test_a_contact_sheet_is_a_picture(server: Server) -> None:
    """Of the asked size: two columns of maps of the photo's sides, and numbers."""
    answer = post(
        server,
        params={"channels": "4,9,2", "size": "64", "over": "alone", "scale": "common"},
        headers={"Content-Type": "image/png", "Accept": "image/png"},
    )
    picture = Image.open(io.BytesIO(answer.content))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-wherefore-channels"] == "4,9,2"
    assert picture.size == (2 + 2 * (64 + 2), 2 + 2 * (43 + 2 + 14))


def test_options_may_be_fields_of_the_form(server: Server) -> None:
    """Before or behind the picture."""
    answer = httpx.post(
        server.url + "/activations",
        files={"image": sample("rocket.jpg")},
        data={"top": "3", "layer": "-2"},
        timeout=60,
    )

    assert answer.status_code == 200
    assert len(answer.json()["channels"]) == 3
    assert answer.json()["layer"]["name"] != "features"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"layer": "nowhere"}, 'option "layer": no layer'),
        ({"layer": "-59"}, 'option "layer"'),
        ({"channels": "1280"}, "there is no channel 1280"),
        ({"channels": "1,99999999999999999999"}, "there is no channel"),
        ({"layer": "block1.project_bn", "channels": "24"}, "the channels 0 to 23"),
        ({"channels": ""}, "indices of channels"),
        ({"channels": "1,"}, "indices of channels"),
        ({"channels": ",1"}, "indices of channels"),
        ({"channels": "1 2"}, "indices of channels"),
        ({"channels": "-1"}, "indices of channels"),
        ({"channels": "1.5"}, "indices of channels"),
        ({"channels": "5,5"}, "channel 5 is listed twice"),
        ({"channels": ",".join(map(str, range(257)))}, "at most 256"),
        ({"channels": "1", "top": "4"}, "the channels are listed already"),
        ({"top": "0"}, "1 to 256"),
        ({"top": "257"}, "1 to 256"),
        ({"top": "many"}, "1 to 256"),
        ({"values": "2"}, "0, 1 or f32"),
        ({"layer": "block1.expand_relu6", "values": "1", "top": "96"}, 'option "values"'),
        ({"scale": "both"}, "own or common"),
        ({"over": "paper"}, "photo or alone"),
        ({"colormap": "pink"}, "viridis"),
        ({"alpha": "2"}, "0 to 1"),
        ({"size": "7"}, "8 to 512"),
        ({"size": "513"}, "8 to 512"),
        ({"method": "cam"}, "unknown option"),
        ({"model": "nobody"}, "nobody"),
        ([("top", "1"), ("top", "2")], "given twice"),
        ({"image": "cat.png"}, "belongs in the body"),
    ],
)
@pytest.mark.parametrize("is_form", [False, True])
def test_a_wrong_option_is_a_problem(
    server: Server, params: object, said: str, is_form: bool
) -> None:
    """Whether it is known before the picture is read, or afterwards."""
    options = {"content": b"x", "headers": {"Content-Type": "image/png"}}
    if is_form:
        options = {"files": {"image": sample("rocket.jpg")}}
    answer = httpx.post(server.url + "/activations", params=params, timeout=60, **options)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("status", "options"),
    [
        (405, {"method": "GET"}),
        (406, {"headers": {"Accept": "text/html", "Content-Type": "image/png"}}),
        (406, {"headers": {"Accept": "application/x-npy", "Content-Type": "image/png"}}),
        (415, {"headers": {"Content-Type": "application/json"}}),
        (415, {"content": b"this is no picture, but a text"}),
        (415, {"headers": {"Content-Type": "image/png", "Content-Encoding": "gzip"}}),
        (422, {"content": b""}),
        (422, {"content": png(40, 40, rows=3)}),
        (413, {"content": png(20000, 1)}),
    ],
)
def test_what_is_wrong_with_the_request_is_said(
    server: Server, status: int, options: dict, still_serves: None
) -> None:
    """As for /cam, which checks the same things."""
    options = {"content": png(40, 40), "headers": {"Content-Type": "image/png"}} | options
    method = options.pop("method", "POST")
    answer = httpx.request(method, server.url + "/activations", timeout=60, **options)
    cam = httpx.request(method, server.url + "/cam", timeout=60, **options)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    if "npy" not in str(options):
        assert cam.status_code == status
    if status != 406 and status != 405:
        assert cam.json()["detail"] == answer.json()["detail"]


def test_too_many_pixels_are_refused_only_for_a_sheet(server: Server) -> None:
    """The numbers alone need none."""
    params = {"top": "256", "size": "512"}
    numbers = post(server, params=params)
    sheet = post(
        server, params=params, headers={"Content-Type": "image/png", "Accept": "image/png"}
    )

    assert numbers.status_code == 200
    assert sheet.status_code == 422
    assert 'option "size": 256 maps of 512 x 512 pixels' in sheet.json()["detail"]


def test_each_model_has_its_own_layers(tmp_path: pathlib.Path) -> None:
    """A form may name the model behind the options that are about it."""
    cats = tiny.model(tmp_path / "cats", ["cat", "dog"])
    with running("--model", cats) as server:
        answers = [
            httpx.post(
                server.url + "/activations",
                files={"image": (None, sample("rocket.jpg"))},
                data={"channels": "7", "model": name},
                timeout=60,
            )
            for name in ("cats", "efficientnet-lite0")
        ]

    assert [answer.json()["layer"]["channels"] for answer in answers] == [8, 1280]
    assert all(answer.json()["channels"][0]["index"] == 7 for answer in answers)


def test_a_token_is_asked_for(tmp_path: pathlib.Path) -> None:
    """As for /cam."""
    tokens = tmp_path / "tokens"
    tokens.write_text("0123456789abcdef0123456789abcdef\n")
    tokens.chmod(0o600)
    with running("--token-file", str(tokens)) as server:
        without = post(server)
        bearer = {"Authorization": "Bearer 0123456789abcdef0123456789abcdef"}
        with_one = post(server, headers={**bearer, "Content-Type": "image/png"})

    assert without.status_code == 401
    assert with_one.status_code == 200
