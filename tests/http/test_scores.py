"""Scores of every kind over HTTP: tests/data/outputs has ONNX Runtime's."""

from __future__ import annotations

import json
import pathlib
import shutil

import httpx
import pytest
from conftest import Server, running

OUTPUTS = pathlib.Path(__file__).resolve().parents[1] / "data/outputs"
EXPECTED = json.loads((OUTPUTS / "outputs.json").read_text("utf-8"))
PICTURE = (OUTPUTS / "picture.png").read_bytes()
# A network, its labels, and the metric's and page's number of classes.
MODELS = {
    "sigmoid": ["cat", "dog", "bird"],
    "one-minus-two-names": ["no", "yes"],
    "softmax-percent": [],
    "sigmoid-of-one": [],
    "features-first": [],
}


def folder_of(root: pathlib.Path, name: str) -> pathlib.Path:
    """A model's folder that takes the picture's levels, divided by 255."""
    folder = root / name
    folder.mkdir()
    shutil.copy(OUTPUTS / f"{name}.onnx", folder / "model.onnx")
    said = {
        "name": name,
        "input": {
            "width": 8,
            "height": 6,
            "channels": "RGB",
            "resize": "stretch",
            "interpolation": "bicubic",
            "mean": [0, 0, 0],
            "std": [255, 255, 255],
        },
        "onnx": {"file": "model.onnx"},
    }
    (folder / "model.json").write_text(json.dumps(said), "utf-8")
    if MODELS[name]:
        (folder / "labels.txt").write_text("\n".join(MODELS[name]) + "\n", "utf-8")
    folder.chmod(0o755)
    return folder


@pytest.fixture(name="served", scope="module")
def served_fixture(tmp_path_factory: pytest.TempPathFactory):
    """A server of all of them."""
    root = tmp_path_factory.mktemp("models")
    options = [o for name in MODELS for o in ("--model", str(folder_of(root, name)))]
    with running(*options) as server:
        yield server


def ask(server: Server, name: str, accept: str = "*/*", **params: str):
    """POST /cam of the picture."""
    return httpx.post(
        f"{server.url}/cam",
        params={"model": name, **params},
        content=PICTURE,
        headers={"Content-Type": "image/png", "Accept": accept},
    )


@pytest.mark.parametrize("name", MODELS)
def test_answers_have_the_networks_own_scores(served: Server, name: str) -> None:
    """All classes, by class=top; each with a map that adds up to its logit."""
    expected = EXPECTED[name]
    count = len(expected["scores"])
    answer = ask(served, name, **{"top": str(count), "class": "top"}).json()
    found = sorted(answer["classes"], key=lambda entry: entry["index"])

    assert answer["scores"] == expected["kind"]
    assert answer["exclusive"] == expected["exclusive"]
    assert [e["score"] for e in found] == pytest.approx(expected["scores"], abs=1e-6)
    assert [e["logit"] for e in found] == pytest.approx(expected["logits"], rel=1e-5)
    assert answer["classes"][0]["logit"] == max(e["logit"] for e in found)
    assert answer["map"]["mean_plus_bias"] == pytest.approx(
        found[answer["class"]]["logit"], abs=1e-5
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_png_says_the_same_score(served: Server, name: str) -> None:
    """X-Wherefore-Score, of the best class and of one that is asked for."""
    scores = EXPECTED[name]["scores"]
    best = ask(served, name, "image/png")
    last = ask(served, name, "image/png", **{"class": str(len(scores) - 1)})

    index = int(best.headers["X-Wherefore-Class"])
    assert float(best.headers["X-Wherefore-Score"]) == pytest.approx(
        max(scores), abs=1e-6
    )
    assert scores[index] == max(scores)
    assert float(last.headers["X-Wherefore-Score"]) == pytest.approx(
        scores[-1], abs=1e-6
    )


@pytest.mark.parametrize("name", MODELS)
def test_the_model_says_how_scores_are_made(served: Server, name: str) -> None:
    """In /model and in /models alike."""
    expected = EXPECTED[name]
    one = httpx.get(f"{served.url}/model", params={"model": name}).json()
    listed = {m["name"]: m for m in httpx.get(f"{served.url}/models").json()["models"]}

    assert one["scores"] == listed[name]["scores"] == expected["kind"]
    assert one["exclusive"] == listed[name]["exclusive"] == expected["exclusive"]
    assert one["output"] == listed[name]["output"] == expected.get("output", "out")
    assert one["num_classes"] == len(expected["scores"])


def test_the_two_classes_of_one_logit_are_each_others_complement(
    served: Server,
) -> None:
    """Names, scores, logits and maps."""
    params = {"top": "2", "class": "top", "values": "1"}
    answer = ask(served, "one-minus-two-names", **params).json()
    yes, no = sorted(answer["classes"], key=lambda entry: -entry["index"])

    assert (no["label"], yes["label"]) == ("no", "yes")
    assert no["score"] + yes["score"] == pytest.approx(1, abs=1e-6)
    assert no["logit"] == -yes["logit"]
    for below, above in zip(no["map"]["values"], yes["map"]["values"], strict=True):
        assert below == [-value for value in above]


def test_metrics_count_what_was_asked_of_them(served: Server) -> None:
    """The number of classes is that of the labels."""
    ask(served, "one-minus-two-names")
    text = httpx.get(f"{served.url}/metrics").text

    assert 'model="one-minus-two-names"' in text
    assert any(
        'model="one-minus-two-names"' in line and 'classes="2"' in line
        for line in text.splitlines()
    )
