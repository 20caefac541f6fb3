"""GET /model/layers: what a layer may be named, and how much it sees."""

from __future__ import annotations

import json
import pathlib
import shutil

from conftest import ROOT, Server, running

NETWORKS = ROOT / "tests" / "data" / "networks"


def folder(path: pathlib.Path, network: str, width: int, height: int) -> str:
    """A model's folder with one of the networks of seven classes in it."""
    path.mkdir()
    spec = {"name": path.name, "onnx": {"file": "model.onnx"}}
    spec["input"] = {
        "width": width,
        "height": height,
        "channels": "RGB",
        "resize": "stretch",
        "interpolation": "bicubic",
        "mean": [127, 127, 127],
        "std": [128, 128, 128],
    }
    (path / "model.json").write_text(json.dumps(spec))
    shutil.copy(NETWORKS / f"{network}.onnx", path / "model.onnx")
    return str(path)


def test_the_default_layer_is_the_last_map_of_the_default_model(server: Server) -> None:
    """Its field follows from the windows of the paper's Table 1."""
    field, jump = 1, 1
    windows = [(3, 2), (3, 1)]  # kernel and stride: the stem, then the blocks
    windows += [(3, 2), (3, 1), (5, 2), (5, 1), (3, 2), (3, 1), (3, 1)]
    windows += [(5, 1)] * 3 + [(5, 2)] + [(5, 1)] * 3 + [(3, 1)]
    for kernel, stride in windows:
        field += (kernel - 1) * jump
        jump *= stride

    answer = server.get("/model/layers")
    told = answer.json()
    model = server.get("/model").json()
    (default,) = [layer for layer in told["layers"] if layer["default"]]

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    assert told["model"] == model["name"] and told["input"] == model["input"]
    assert default == told["layers"][-1]
    assert default == {
        "name": "features",
        "operation": "Conv",
        "module": None,
        "default": True,
        "width": model["map"]["width"],
        "height": model["map"]["height"],
        "channels": model["map"]["features"],
        "field": {"width": field, "height": field},
        "stride": {"width": jump, "height": jump},
        "aliases": [],
    }
    names = [layer["name"] for layer in told["layers"]]
    assert len(set(names)) == len(names) == 58
    assert told["layers"][0]["field"] == {"width": 3, "height": 3}


def test_other_models_have_layers_of_their_own(tmp_path: pathlib.Path) -> None:
    """Also those without a map; what sees the whole image has no size to tell."""
    vgg = folder(tmp_path / "vgg", "vgg16-legacy13", 64, 64)
    mobile = folder(tmp_path / "mobile", "mobilenet-v3-legacy13", 64, 96)
    with running("--model", vgg, "--model", mobile) as server:
        answers = {
            name: server.get("/model/layers", params={"model": name})
            for name in ("vgg", "mobile", "nobody")
        }
        refused = server.get("/model", params={"model": "nobody"})
    last = answers["vgg"].json()["layers"][-1]
    assert last["name"] == "/features/features.30/MaxPool_output_0"
    assert last["module"] == "features.30" and last["default"]
    assert last["field"] == {"width": 212, "height": 212}

    layers = answers["mobile"].json()["layers"]
    assert layers[0]["field"] == {"width": 3, "height": 3}
    assert layers[-1]["default"]
    assert layers[-1]["field"] == {"width": None, "height": None}
    assert layers[-1]["stride"] == {"width": 32, "height": 32}

    assert answers["nobody"].status_code == refused.status_code == 422
    assert answers["nobody"].json()["detail"] == refused.json()["detail"]
