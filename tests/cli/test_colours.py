"""The signed colours of gradients, as pictures (--heatmap-kind colours), held to
the gradient that ONNX Runtime computes (wherefore model gradient)."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from conftest import ROOT, run_in, said_by
from PIL import Image

NETWORK = ROOT / "tests/data/networks/resnet18-legacy13.onnx"
WIDTH, HEIGHT = 64, 96
MEAN, DEVIATION = 127, 128  # exact in floats
SHARE = 0.995  # of the pixels that are not drawn in full (engine/explain/explain.c)
RULES = {"saliency": "plain", "guided": "guided", "deconvnet": "deconvnet"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a photo of the size of the network's input, photo.png, and the
    network that takes its colours in either order, RGB/ and BGR/."""
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), "u1")
    size = (WIDTH, HEIGHT)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(tmp_path / "photo.png")
    for order in ("RGB", "BGR"):
        described = {
            "name": order.lower(),
            "onnx": {"file": "model.onnx"},
            "input": {
                **{"width": WIDTH, "height": HEIGHT, "channels": order},
                **{"resize": "stretch", "interpolation": "bilinear"},
                **{"mean": [MEAN] * 3, "std": [DEVIATION] * 3},
            },
        }
        (tmp_path / order).mkdir()
        (tmp_path / order / "model.json").write_text(json.dumps(described))
        shutil.copy(NETWORK, tmp_path / order / "model.onnx")
    return tmp_path


def gradient_of(folder: Path, order: str, rule: str, index: int) -> np.ndarray:
    """(height, width, 3) in the order R, G, B, by ONNX Runtime."""
    target = ["--target", f"logit:{index}", "--rule", rule]
    made = run_in(folder, "model", "gradient", NETWORK, "gradient.onnx", *target)
    assert made.returncode == 0, made.stderr
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "gradient.onnx", options)
    levels = np.asarray(Image.open(folder / "photo.png"), np.float32)
    step = -1 if order == "BGR" else 1
    given = ((levels[..., ::step] - MEAN) / DEVIATION).transpose(2, 0, 1)[None]
    gradient = session.run(None, {session.get_inputs()[0].name: given})[-1]
    return gradient[0].transpose(1, 2, 0)[..., ::step]


def draw(folder: Path, order: str, method: str, *options: str) -> tuple[int, np.ndarray]:
    """The class that is explained, and the levels of its picture."""
    asked = ["--model", order, "--method", method, "photo.png", *options]
    pictured = ["--heatmap", "map.png", "--heatmap-kind", "colours"]
    answer = said_by(run_in(folder, "cam", *asked, *pictured))
    with Image.open(folder / "map.png") as picture:
        assert picture.mode == "RGB"
        return answer["class"], np.asarray(picture).astype(int)


@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize("method", RULES)
def test_colours_are_those_of_the_gradient(folder, method, order):
    index, levels = draw(folder, order, method)
    gradient = gradient_of(folder, order, RULES[method], index)
    sizes = np.sort(np.abs(gradient).max(2).ravel())
    scale = sizes[int(np.ceil(SHARE * sizes.size)) - 1]
    wanted = 128 + 127 * np.clip(gradient / scale, -1, 1)

    assert levels.shape == (HEIGHT, WIDTH, 3)
    assert levels.min() < 64 and levels.max() > 192
    assert np.abs(levels - wanted).max() <= 0.51  # a level is rounded


def test_a_picture_has_a_size(folder):
    levels = draw(folder, "RGB", "guided", "--heatmap-size", "48")[1]
    assert levels.shape == (48, 32, 3)


def test_methods_without_colours_say_which_have_them(folder):
    asked = ["cam", "--model", "RGB", "photo.png", "--heatmap", "map.png"]
    for method in ([], ["--method", "gradcam"], ["--method", "gradient-input"]):
        refused = run_in(folder, *asked, "--heatmap-kind", "colours", *method)
        assert refused.returncode != 0
        assert b"guided" in refused.stderr and b"smoothgrad" in refused.stderr
        assert not (folder / "map.png").exists()
