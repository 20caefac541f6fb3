"""Every method over HTTP, and the forms in which maps are sent."""

from __future__ import annotations

import base64
import io

import httpx
import numpy as np
import pytest
from conftest import LARGE, Server, sample
from PIL import Image

# Gradients of two workers take more than the container's 128 MB.
pytestmark = LARGE

# Short ways to the same code.
SHORT = {"samples": 2, "steps": 3, "masks": 6, "window": 112, "max_channels": 5}


def post(server: Server, accept: str = "application/json", data=None, **params) -> httpx.Response:
    return httpx.post(
        server.url + "/cam",
        params={"heatmap": "none", **params},
        data=data,
        files={"image": sample("chelsea.png")},
        headers={"Accept": accept},
        timeout=120,
    )


def methods(server: Server) -> dict[str, dict]:
    listed = httpx.get(server.url + "/methods").json()["methods"]
    return {method["name"]: method for method in listed}


def floats(answer: dict) -> np.ndarray:
    described = answer["map"]
    values = np.frombuffer(base64.b64decode(described["values"]), "<f4")
    return values.reshape(described["height"], described["width"])


def test_every_method_can_be_asked_again_with_what_it_answered(server: Server) -> None:
    known = methods(server)
    assert len(known) >= 21
    for name, method in known.items():
        has = {row["name"] for row in method["parameters"]}
        short = {key: value for key, value in SHORT.items() if key in has}
        response = post(server, method=name, values="f32", top=1, **short)
        assert response.status_code == 200, (name, response.text)
        answer = response.json()
        said = answer["explanation"]
        assert answer["method"] == name
        assert said["title"] == method["title"]
        assert set(said["parameters"]) == has
        assert (said["layer"] is not None) == method["layer"], name
        assert said["target"] == "logit" and said["passes"] >= 1
        values = floats(answer)
        assert np.isfinite(values).all()
        assert values.min() == np.float32(answer["map"]["min"])
        assert values.max() == np.float32(answer["map"]["max"]) > 0
        again = post(server, method=name, values="f32", top=1, **said["parameters"]).json()
        assert np.array_equal(floats(again), values), name


def test_every_method_may_be_asked_with_its_defaults(server: Server) -> None:
    limit = httpx.get(server.url + "/model").json()["limits"]["max_passes"]
    for name, method in methods(server).items():
        assert method["passes"] is None or method["passes"] <= limit, name
        most = {row["name"]: row["default"] for row in method["parameters"]}.get("max_channels", 0)
        assert most + 1 <= limit, name  # one to see the layer, however many it has


@pytest.mark.parametrize("target", ["log-score", "margin", "finer"])
def test_targets_are_those_of_the_logits(server: Server, target: str) -> None:
    """The cells of hirescam and the bias add up to the target."""
    options = {"against": "tabby"} if target == "margin" else {}
    answer = post(server, method="hirescam", target=target, top=1000, **options).json()
    logits = np.zeros(1000)
    for entry in answer["classes"]:
        logits[entry["index"]] = entry["logit"]
    own = logits[answer["class"]]
    if target == "margin":
        assert answer["explanation"]["against"] == 281
        expected = own - logits[281]
    elif target == "finer":
        nearest = sorted(np.delete(logits, answer["class"]), key=lambda y: abs(y - own))[:3]
        expected = own - np.mean(nearest)
    else:
        scores = np.exp(logits - logits.max())
        slopes = -scores / scores.sum()
        slopes[answer["class"]] += 1
        expected = slopes @ logits
    check = next(c for c in answer["explanation"]["checks"] if c["name"] == "sum_plus_bias")
    assert check["expected"] == pytest.approx(expected, abs=1e-4)
    assert check["found"] == pytest.approx(expected, abs=1e-3)


def test_the_array_the_floats_and_the_rows_are_the_same_numbers(server: Server) -> None:
    options = {"method": "occlusion", "window": 112, "class": "285", "top": 1}
    rows = np.array(post(server, values=1, **options).json()["map"]["values"], "f4")
    packed = floats(post(server, values="f32", **options).json())
    response = post(server, "application/x-npy", **options)
    assert response.headers["content-type"] == "application/x-npy"
    assert response.headers["x-wherefore-classes"] == "285"
    array = np.load(io.BytesIO(response.content))
    assert array.dtype == np.float32 and array.shape == (224, 224)
    assert np.array_equal(array, packed)
    assert np.allclose(array, rows, rtol=1e-6)
    several = post(server, "application/x-npy", **options | {"class": ["285", "281"]})
    assert np.load(io.BytesIO(several.content)).shape == (2, 224, 224)
    assert several.headers["x-wherefore-classes"] == "285,281"


def test_gradients_have_a_picture_in_their_colours(server: Server) -> None:
    """The largest of a pixel's colours, by their size, is the map's value."""
    options = {"method": "saliency", "heatmap": "colours", "class": "285"}
    sent = base64.b64decode(post(server, values="f32", **options).json()["heatmap"])
    with Image.open(io.BytesIO(sent)) as picture:
        assert picture.size == Image.open(io.BytesIO(sample("chelsea.png"))).size
        levels = np.asarray(picture).astype(int)
    assert levels.shape[2] == 3 and 1 <= levels.min() < 64 and 192 < levels.max() <= 255
    assert (levels == 128).any()
    alone = post(server, "image/png", **options)
    assert alone.headers["content-type"] == "image/png" and alone.content == sent
    refused = post(server, heatmap="colours", method="gradcam")
    assert refused.status_code == 422
    assert "for the methods saliency, guided" in refused.json()["detail"]


def test_a_form_may_complete_the_query(server: Server) -> None:
    assert post(server, masks=6, data={"method": "rise"}).status_code == 200
    assert post(server, target="margin", data={"against": "281"}).status_code == 200
    refused = post(server, masks=6, data={"top": "1"})
    assert refused.status_code == 422 and "rise" in refused.json()["detail"]


def test_layers_are_named(server: Server) -> None:
    layers = httpx.get(server.url + "/model/layers").json()["layers"]
    last = post(server, method="gradcam", layer="-1").json()["explanation"]
    assert last["layer"]["name"] == layers[-1]["name"]
    inner = layers[len(layers) // 2]
    answer = post(server, method="hirescam", layer=inner["name"]).json()
    assert answer["map"]["width"] == inner["width"] > 7
    assert answer["explanation"]["passes"] == 3
    # Without a method, a layer is explained by one that can.
    chosen = post(server, layer=inner["name"]).json()
    assert chosen["method"] == "gradcam" and "last feature map" in chosen["explanation"]["reason"]
    unknown = post(server, layer="nowhere")
    assert unknown.status_code == 422 and "nowhere" in unknown.json()["detail"]
