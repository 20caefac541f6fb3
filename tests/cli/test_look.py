"""wherefore look: the activations of a layer, held to ONNX Runtime, to numpy and, on
the contact sheet, to Pillow."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tiny
from conftest import MODEL, Run, run_in, said_by
from onnx import numpy_helper
from PIL import Image

# Sums over some layers in floats, as a share of the largest value.
FLOATS = 1e-4
GAP, LABEL = 2, 14


@pytest.fixture
def look(photos: Path) -> Callable[..., Run]:
    """Runs `wherefore look` in the folder of photos."""

    return lambda *args: run_in(photos, "look", *args)


@pytest.fixture
def found(look: Callable[..., Run]) -> Callable[..., dict]:
    """What is printed for one photo that must be answered."""

    return lambda *args: said_by(look(*args))


def noise(path: Path, width: int, height: int) -> np.ndarray:
    """A picture of random pixels, which is saved."""
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def maps(answer: dict) -> np.ndarray:
    """The values of --values=f32: (channels, height, width)."""
    layer = answer["layer"]
    return np.array(
        [np.frombuffer(base64.b64decode(c["values"]), "<f4") for c in answer["channels"]]
    ).reshape(-1, layer["height"], layer["width"])


def activations(folder: str, pixels: np.ndarray) -> np.ndarray:
    """The tiny network's layer behind its ReLU, in numpy: (channels, height, width)."""
    graph = onnx.load(Path(folder) / "model.onnx").graph
    weights = {c.name: numpy_helper.to_array(c) for c in graph.initializer}["conv"]
    sample = (pixels.astype(np.float64) - 127) / 64
    height, width = tiny.HEIGHT // 4, tiny.WIDTH // 4
    windows = sample.reshape(height, 4, width, 4, 3)
    return np.maximum(np.einsum("yixjc,kcij->kyx", windows, weights), 0)


@pytest.mark.parametrize("layer", ["block0.project_bn", "block5.depthwise_relu6", "features"])
def test_values_are_those_of_onnx_runtime(
    found: Callable[..., dict], tmp_path: Path, layer: str
) -> None:
    """An early layer of both signs, one in the middle, and the default one."""
    pixels = noise(tmp_path / "noise.png", 224, 224)
    network = onnx.load(MODEL / "model.onnx")
    network.graph.output.append(onnx.helper.make_empty_tensor_value_info(layer))
    session = onnxruntime.InferenceSession(
        network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    sample = ((pixels.astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]
    (expected,) = session.run([layer], {session.get_inputs()[0].name: sample})[0]

    answer = found(
        "--model", MODEL, "--layer", layer, "--values=f32", "--top", "8", tmp_path / "noise.png"
    )
    indices = [channel["index"] for channel in answer["channels"]]
    means = expected.mean((1, 2))
    most = FLOATS * float(np.abs(expected).max())

    assert answer["layer"]["name"] == layer
    assert np.abs(maps(answer) - expected[indices]).max() < most
    told = np.array([channel["mean"] for channel in answer["channels"]])
    assert np.abs(told - np.sort(means)[::-1][:8]).max() < FLOATS * np.abs(means).max()
    for channel in answer["channels"]:
        values = expected[channel["index"]]
        assert channel["max"] == pytest.approx(float(values.max()), abs=most)
        assert channel["min"] == pytest.approx(float(values.min()), abs=most)
        assert channel["above_zero"] == pytest.approx(float((values > 0).mean()), abs=0.01)


@pytest.mark.parametrize("scale", ["own", "common"])
@pytest.mark.parametrize("over", ["photo", "alone"])
def test_the_sheet_is_what_pillow_makes_of_the_maps(
    found: Callable[..., dict], tmp_path: Path, over: str, scale: str
) -> None:
    """Three channels in two columns: pixel by pixel, to one level."""
    model = tiny.model(tmp_path / "tiny", ["cat", "dog"])
    pixels = noise(tmp_path / "noise.png", tiny.WIDTH, tiny.HEIGHT)
    expected = activations(model, pixels)
    shown = [5, 0, 3]

    answer = found(
        *("--model", model, "--channels", "5,0,3", "--values", "--scale", scale),
        *("--over", over, "--colormap", "gray", "--alpha", "0.25"),
        *("--sheet", tmp_path / "sheet.png", tmp_path / "noise.png"),
    )
    sheet = np.array(Image.open(tmp_path / "sheet.png").convert("RGB")).astype(float)
    values = np.array([channel["values"] for channel in answer["channels"]])

    assert [channel["index"] for channel in answer["channels"]] == shown
    assert np.abs(values - expected[shown]).max() < FLOATS * expected.max()
    assert sheet.shape == (
        GAP + 2 * (tiny.HEIGHT + GAP + LABEL),
        GAP + 2 * (tiny.WIDTH + GAP),
        3,
    )
    for place, channel in enumerate(shown):
        y = GAP + place // 2 * (tiny.HEIGHT + GAP + LABEL)
        x = GAP + place % 2 * (tiny.WIDTH + GAP)
        tile = sheet[y : y + tiny.HEIGHT, x : x + tiny.WIDTH]
        full = expected[shown].max() if scale == "common" else expected[channel].max()
        small = Image.fromarray((255 * expected[channel] / full).astype(np.float32))
        large = np.array(small.resize((tiny.WIDTH, tiny.HEIGHT), Image.Resampling.BILINEAR))
        wanted = np.repeat(large[:, :, None], 3, 2)
        if over == "photo":
            wanted = 0.75 * pixels + 0.25 * wanted
        assert np.abs(tile - wanted).max() <= 1
    assert (sheet[:GAP] == 255).all() and (sheet[:, :GAP] == 255).all()
    assert (sheet[-LABEL - tiny.HEIGHT :, -tiny.WIDTH :] == 255).all()  # no fourth


def test_both_signs_have_colours_of_their_own(
    found: Callable[..., dict], tmp_path: Path
) -> None:
    """White is 0, red is above, blue is below."""
    noise(tmp_path / "noise.png", 224, 224)
    answer = found(
        *("--model", MODEL, "--layer", "block0.project_bn", "--top", "1", "--values"),
        *("--over", "alone", "--size", "112", "--sheet", tmp_path / "sheet.png"),
        tmp_path / "noise.png",
    )
    (channel,) = answer["channels"]
    values = np.array(channel["values"])
    sheet = np.array(Image.open(tmp_path / "sheet.png").convert("RGB")).astype(int)
    tile = sheet[GAP : GAP + 112, GAP : GAP + 112]

    assert values.shape == (112, 112)
    full = np.abs(values).max()
    redness = tile[:, :, 0] - tile[:, :, 2]
    assert (redness[values > full / 10] > 0).all()
    assert (redness[values < -full / 10] < 0).all()


def test_each_photo_has_its_line_and_its_sheet(look: Callable[..., Run], photos: Path) -> None:
    """A photo that fails costs no other one its line."""
    (photos / "broken.png").write_bytes(b"no picture")
    names = ["cat.png", "broken.png", "rocket.jpg"]

    result = look("--model", MODEL, "--top", "2", "--sheet", ".", *names)
    lines = [json.loads(line) for line in result.stdout.splitlines()]

    assert result.returncode == 1
    assert b"wherefore look: broken.png: " in result.stderr
    assert [line["file"] for line in lines] == ["cat.png", "rocket.jpg"]
    assert all(len(line["channels"]) == 2 for line in lines)
    assert (photos / "cat-sheet.png").exists() and (photos / "rocket-sheet.png").exists()
    assert not (photos / "broken-sheet.png").exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["cat.png", "--layer", "nowhere"], '"layer": no layer\'s name'),
        (["cat.png", "--channels", "1280"], "there is no channel 1280"),
        (["cat.png", "--channels", "3;4"], "indices of channels with commas"),
        (["cat.png", "--channels", "1", "--top", "2"], "are listed already"),
        (["cat.png", "--sheet", "-"], "standard output"),
        (["cat.png", "--sheet", "x.png", "--size", "512", "--top", "256"], "too many"),
        (["cat.png", "--what"], "--what"),
        ([], "no image"),
        (["-", "-"], "more than once"),
    ],
)
def test_a_wrong_command_line_is_refused(
    look: Callable[..., Run], args: list[str], said: str
) -> None:
    """With exit status 2, and nothing on standard output."""
    result = look("--model", MODEL, *args)

    assert result.returncode == 2
    assert result.stdout == b""
    assert said in result.stderr.decode()
