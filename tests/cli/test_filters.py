"""wherefore filters: the filters of a convolution, held to the initializers of the
file, as onnx and numpy read them."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny
from conftest import MODEL, Run, run_in, said_by
from onnx import numpy_helper
from PIL import Image

GAP, LABEL = 2, 14
MANY = ["--top", "256", "--inputs", "64", "--sheet", "x.png"]


@pytest.fixture
def filters(tmp_path: Path) -> Callable[..., Run]:
    """Runs `wherefore filters` in a folder of its own."""

    return lambda *args: run_in(tmp_path, "filters", *args)


@pytest.fixture
def found(filters: Callable[..., Run]) -> Callable[..., dict]:
    """What is printed of a convolution that there is."""

    return lambda *args: said_by(filters(*args))


@functools.cache
def read(file: Path) -> tuple[onnx.GraphProto, dict[str, np.ndarray]]:
    """A network and its constants."""
    graph = onnx.load(file).graph
    return graph, {c.name: numpy_helper.to_array(c) for c in graph.initializer}


def weights_of(convolution: str, folded: bool) -> np.ndarray:
    """Of a node of Lite0, with the BatchNorm behind it folded in or not."""
    graph, constants = read(MODEL / "model.onnx")
    node = next(n for n in graph.node if convolution in (n.name, n.output[0]))
    weights = constants[node.input[1]].astype(float)
    norm = [n for n in graph.node if n.op_type == "BatchNormalization" and n.input[0] in node.output]
    if folded and norm:
        scale, _, _, variance = (constants[name].astype(float) for name in norm[0].input[1:])
        epsilon = next((a.f for a in norm[0].attribute if a.name == "epsilon"), 1e-5)
        weights = weights * (scale / np.sqrt(variance + epsilon)).reshape(-1, 1, 1, 1)
    return weights


def counted(weights: np.ndarray, groups: int) -> tuple[int, int]:
    """Dead filters, and those that are nearly the same as an earlier one."""
    rows = weights.reshape(len(weights), -1)
    norms = np.linalg.norm(rows, axis=1)
    alive = norms >= 1e-6 * norms.max()
    same = 0
    for i in np.flatnonzero(alive):
        first = i - i % (len(rows) // groups)
        others = [j for j in range(first, i) if alive[j]]
        same += any(rows[j] @ rows[i] > 0.99 * norms[i] * norms[j] for j in others)
    return int((~alive).sum()), same


def tiles(path: Path, columns: int, rows: int, width: int, height: int) -> np.ndarray:
    """The pictures of a sheet: (rows * columns, height, width, 3)."""
    sheet = np.array(Image.open(path).convert("RGB")).astype(int)
    assert sheet.shape == (
        GAP + rows * (height + GAP + LABEL),
        GAP + columns * (width + GAP),
        3,
    )
    return np.array(
        [
            sheet[y : y + height, x : x + width]
            for y in range(GAP, sheet.shape[0], height + GAP + LABEL)
            for x in range(GAP, sheet.shape[1], width + GAP)
        ]
    )


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize(
    ("layer", "convolution"),
    [
        (None, "stem"),
        ("block2.expand_relu6", "block2.expand"),
        ("block2.depthwise_relu6", "block2.depthwise"),
        ("block7.project_bn", "block7.project"),
    ],
)
def test_norms_are_those_of_the_file(
    found: Callable[..., dict], layer: str | None, convolution: str, folded: bool
) -> None:
    """And so are shapes, dead filters and near duplicates."""
    weights = weights_of(convolution, folded)
    options = ["--layer", layer] if layer else []
    told = found("--model", MODEL, "--folded", str(int(folded)), *options)
    about = told["convolution"]

    assert told["layer"]["name"] == (layer or "stem_relu6")
    assert about["name"] == convolution
    assert told["folded"] is folded
    shape = [about["filters"], about["inputs"], about["height"], about["width"]]
    assert shape == list(weights.shape)
    norms = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
    assert np.allclose(told["norms"], norms, rtol=1e-5, atol=1e-6 * norms.max())
    assert (told["dead"], told["near_duplicates"]) == counted(weights, about["groups"])


def test_lite0_has_dead_filters_in_its_stem(found: Callable[..., dict]) -> None:
    """Four of 32: TensorFlow's weight decay has left nothing of them."""
    assert found("--model", MODEL)["dead"] == 4


@pytest.mark.parametrize("scale", ["own", "common"])
def test_filters_of_three_inputs_are_pictures_in_colour(
    found: Callable[..., dict], tmp_path: Path, scale: str
) -> None:
    """A weight is a square of its level around mid-grey."""
    weights = weights_of("stem", folded=False)
    found(
        *("--model", MODEL, "--folded", "0", "--scale", scale, "--size", "14"),
        *("--top", "9", "--sheet", "stem.png"),
    )
    shown = weights[:9]
    full = np.abs(shown).max((1, 2, 3), keepdims=True)
    if scale == "common":
        full = np.full_like(full, full.max())
    levels = 128 + 127 * shown / full
    wanted = levels.transpose(0, 2, 3, 1).repeat(4, 1).repeat(4, 2)

    assert np.abs(tiles(tmp_path / "stem.png", 3, 3, 12, 12) - wanted).max() <= 1


def test_deeper_filters_are_rows_of_signed_maps(
    found: Callable[..., dict], tmp_path: Path
) -> None:
    """The first inputs of the first filters; red is positive, blue is negative."""
    weights = weights_of("block7.project", folded=True)
    found(
        *("--model", MODEL, "--layer", "block7.project_bn", "--size", "6"),
        *("--top", "5", "--inputs", "7", "--sheet", "deep.png"),
    )
    shown = tiles(tmp_path / "deep.png", 7, 5, 6, 6).reshape(5, 7, 6, 6, 3)
    values = weights[:5, :7, 0, 0]
    redness = shown[:, :, 0, 0, 0] - shown[:, :, 0, 0, 2]

    assert (shown == shown[:, :, :1, :1]).all()
    large = np.abs(values) > np.abs(weights[:5]).max((1, 2, 3))[:, None] / 20
    assert large.any()
    assert (np.sign(redness) == np.sign(values))[large].all()


def test_grey_filters_of_one_input_stand_in_a_grid(
    found: Callable[..., dict], tmp_path: Path
) -> None:
    """Depthwise ones; level by level."""
    weights = weights_of("block2.depthwise", folded=True)[:16, 0]
    found(
        *("--model", MODEL, "--layer", "block2.depthwise_relu6", "--colormap", "gray"),
        *("--top", "16", "--size", "4", "--sheet", "grey.png"),
    )
    levels = 128 + 127 * weights / np.abs(weights).max((1, 2), keepdims=True)

    shown = tiles(tmp_path / "grey.png", 4, 4, 3, 3)
    assert np.abs(shown - levels[:, :, :, None]).max() <= 1


def test_repeated_and_empty_filters_are_counted(
    found: Callable[..., dict], tmp_path: Path
) -> None:
    """Of eight, two are empty, two repeat the first in another size, and one is its
    opposite."""
    model = tiny.model(tmp_path / "tiny", ["cat", "dog"])
    file = Path(model) / "model.onnx"
    network = onnx.load(file)
    (weights,) = (c for c in network.graph.initializer if c.name == "conv")
    values = numpy_helper.to_array(weights).copy()
    values[3] = 2 * values[0]
    values[4] = 0
    values[5] = -values[0]
    values[6] = 1e-9 * values[1]
    values[7] = values[0] + 0.01 * values[2]
    weights.CopyFrom(numpy_helper.from_array(values, "conv"))
    onnx.save(network, file)

    told = found("--model", model)

    assert told["convolution"]["filters"] == 8
    assert told["convolution"]["stride"] == {"height": 4, "width": 4}
    assert (told["dead"], told["near_duplicates"]) == (2, 2) == counted(values, 1)


@pytest.mark.parametrize(
    ("status", "args", "said"),
    [
        (1, ["--layer", "block2.add"], "block2.add (Add) is not made by one convolution"),
        (1, ["--layer", "features", "--size", "256", *MANY], "too many"),
        (1, ["--sheet", "nowhere/x.png"], "nowhere"),
        (2, ["--layer", "nowhere"], "no layer's name"),
        (2, ["--folded", "2"], "0 or 1"),
        (2, ["--sheet", "-"], "standard output"),
        (2, ["cat.png"], "is not an option"),
        (2, ["--what"], "--what"),
    ],
)
def test_what_cannot_be_shown_is_said(
    filters: Callable[..., Run], status: int, args: list[str], said: str
) -> None:
    """With nothing on standard output."""
    result = filters("--model", MODEL, *args)

    assert result.returncode == status
    assert result.stdout == b""
    assert said in result.stderr.decode()
