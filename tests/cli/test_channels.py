"""wherefore cam --channels: the channels that speak for and against a class."""

import base64
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import MODEL, ROOT, SAMPLES, run_in
from onnx import numpy_helper

NETWORKS = ROOT / "tests/data/networks"
PHOTO = SAMPLES / "coffee.png"
MOST = 64


@pytest.fixture
def ask(tmp_path: Path):
    """The answer of a network of the tests, made a model."""

    def run(network: str, *args: str) -> dict:
        folder = tmp_path / network
        added = run_in(ROOT, "model", "add", NETWORKS / f"{network}.onnx", "--to", folder)
        assert added.returncode == 0, added.stderr
        found = run_in(ROOT, "cam", "--model", folder, *args, PHOTO)
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout)

    return run


def total(channels: dict) -> float:
    """Of all contributions and the bias."""
    listed = sum(one["contribution"] for one in channels["list"])
    return channels["bias"] + channels["rest"] + listed


def floats(one: dict) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(one["map"]["values"]), "<f4")
    return values.reshape(one["map"]["height"], one["map"]["width"])


# Pooled by the mean, by the maximum, normalized, and channels that are classes.
@pytest.mark.parametrize(
    ("network", "pooled"),
    [
        ("resnet18-dynamo18", np.mean),
        ("densenet121-legacy13", np.mean),
        ("googlenet-gmp-dynamo18", np.max),
        ("convnext-dynamo18", None),
        ("nin-legacy13", np.mean),
    ],
)
def test_contributions_add_up_to_the_logit(ask, network, pooled):
    answer = ask(network, f"--channels={MOST}", "--values=f32", "--class=top", "--top=4")
    for entry in answer["classes"]:
        channels = entry["channels"]
        listed = channels["list"]
        contributions = [one["contribution"] for one in listed]
        assert contributions == sorted(contributions, reverse=True)
        assert sum(one > 0 for one in contributions) <= MOST
        assert sum(one < 0 for one in contributions) <= MOST
        assert 0 < len(listed) <= channels["total"]
        assert len({one["channel"] for one in listed}) == len(listed)
        bound = 1e-4 * max(1, *(abs(one) for one in contributions))
        assert total(channels) == pytest.approx(entry["logit"], abs=bound)
        assert channels["check"]["expected"] == pytest.approx(entry["logit"], abs=1e-6)
        assert channels["check"]["found"] == pytest.approx(total(channels), abs=bound)
        for one in listed:
            assert one["weight"] * one["activation"] == pytest.approx(one["contribution"])
            values = floats(one)
            assert values.max() == pytest.approx(one["map"]["max"])
            assert values.min() == pytest.approx(one["map"]["min"])
            if pooled:
                assert pooled(values) == pytest.approx(one["activation"], abs=1e-4)


def test_weights_are_those_of_the_file(ask):
    """Of the linear layer, which is the file's last node with weights."""
    graph = onnx.load(NETWORKS / "resnet18-legacy13.onnx").graph
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    linear = [node for node in graph.node if node.op_type == "Gemm"][-1]
    weights, bias = (constants[name] for name in linear.input[1:3])
    answer = ask("resnet18-legacy13", "--channels=5")

    channels, index = answer["channels"], answer["class"]
    assert channels["total"] == weights.shape[1]
    assert channels["bias"] == pytest.approx(bias[index], abs=1e-6)
    for one in channels["list"]:
        assert one["weight"] == pytest.approx(weights[index][one["channel"]], rel=1e-5)


def test_the_box_of_a_channel_is_the_paper_s():
    """A fifth of its maximum, on the photo of 600 x 400 pixels."""
    found = run_in(ROOT, "cam", "--model", MODEL, "--channels=8", "--values=1", "--threshold=0.2", PHOTO)
    for one in json.loads(found.stdout)["channels"]["list"]:
        values = np.array(one["map"]["values"])
        box = one["box"]
        y, x = np.unravel_index(values.argmax(), values.shape)
        # Somewhere in each box is a cell of more than a fifth of the maximum.
        inside = values[
            int(box["y"] / 400 * 7) : int(np.ceil((box["y"] + box["height"]) / 400 * 7)),
            int(box["x"] / 600 * 7) : int(np.ceil((box["x"] + box["width"]) / 600 * 7)),
        ]
        assert inside.max() > values[y, x] / 5
        assert 0 <= box["x"] < box["x"] + box["width"] <= 600
        assert 0 <= box["y"] < box["y"] + box["height"] <= 400


def test_a_margin_is_the_difference_of_two_classes():
    """Its contributions, bias and sum are."""
    of = {}
    for name, args in {
        "cup": ["--class=504"],
        "espresso": ["--class=967"],
        "margin": ["--class=504", "--against=967"],
    }.items():
        found = run_in(ROOT, "cam", "--model", MODEL, "--channels=64", *args, PHOTO)
        assert found.returncode == 0, found.stderr
        of[name] = json.loads(found.stdout)["channels"]

    bias = of["cup"]["bias"] - of["espresso"]["bias"]
    assert of["margin"]["bias"] == pytest.approx(bias, abs=1e-6)
    difference = total(of["cup"]) - total(of["espresso"])
    assert total(of["margin"]) == pytest.approx(difference, abs=1e-4)
    weights = [{one["channel"]: one["weight"] for one in of[k]["list"]} for k in of]
    common = set(weights[0]) & set(weights[1]) & set(weights[2])
    assert common
    for k in common:
        assert weights[2][k] == pytest.approx(weights[0][k] - weights[1][k], abs=1e-6)


def test_without_a_head_there_are_none(ask, tmp_path):
    """And the program says why; without the option, the network is explained."""
    folder = tmp_path / "vgg16"
    file = next(NETWORKS.glob("vgg16-*.onnx"))
    assert run_in(ROOT, "model", "add", file, "--to", folder).returncode == 0
    refused = run_in(ROOT, "cam", "--model", folder, "--channels=1", PHOTO)
    assert refused.returncode != 0
    assert b"channels cannot be listed" in refused.stderr
    answer = json.loads(run_in(ROOT, "cam", "--model", folder, PHOTO).stdout)
    assert "channels" not in answer
