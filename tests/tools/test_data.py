"""The reference data in tests/data fits together and fits the samples."""

from pathlib import Path

import numpy as np
import onnx
import pytest

ROOT = Path(__file__).resolve().parents[2]
FORMS = ROOT / "tests" / "data" / "forms"
PHOTOS = ROOT / "tests" / "data" / "photos"
ROWS = [
    line.split("\t") for line in (PHOTOS / "photos.txt").read_text("utf-8").splitlines()
]


def test_forms_txt_lists_every_form_and_how_it_ends():
    lines = (FORMS / "forms.txt").read_text("utf-8").splitlines()
    listed = dict(line.split("\t") for line in lines)

    assert set(listed) == {path.stem for path in FORMS.glob("*.onnx")}
    for name, output in listed.items():
        last = onnx.load(FORMS / f"{name}.onnx").graph.node[-1].op_type
        assert (last == "Softmax") == (output == "scores"), name


def test_the_scores_are_the_softmax_of_the_logits():
    logits = np.load(FORMS / "logits.npy").astype(float)
    powers = np.exp(logits)

    np.testing.assert_allclose(
        np.load(FORMS / "scores.npy"), powers / powers.sum(), rtol=1e-5
    )


def test_the_mean_of_a_forms_map_plus_the_bias_is_the_logit():
    graph = onnx.load(FORMS / "tools.onnx").graph
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    maps, features = np.load(FORMS / "maps.npy"), np.load(FORMS / "features.npy")

    np.testing.assert_allclose(
        maps,
        np.einsum("kc,cyx->kyx", weights["classifier.weight"], features),
        atol=1e-4,  # float32 sums of 24 products up to about 10
    )
    np.testing.assert_allclose(
        maps.mean((1, 2)) + weights["classifier.bias"],
        np.load(FORMS / "logits.npy"),
        atol=1e-4,
    )


@pytest.mark.parametrize(
    "path",
    sorted(FORMS.rglob("*.npy")) + sorted(PHOTOS.glob("*.npy")),
    ids=lambda p: p.stem,
)
def test_arrays_are_what_a_small_c_reader_takes(path):
    with path.open("rb") as file:
        assert np.lib.format.read_magic(file) == (1, 0)
        _, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)

    assert not fortran_order
    assert dtype.str == "<f4"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_photos_row_agrees_with_its_arrays(row):
    file, *numbers = row
    width, height, *numbers = map(int, numbers)
    top, (x, y, box_width, box_height) = numbers[:5], numbers[5:]
    logits = np.load(PHOTOS / f"{Path(file).stem}.logits.npy")
    cam = np.load(PHOTOS / f"{Path(file).stem}.map.npy")

    assert (ROOT / "static" / "samples" / file).is_file()
    assert logits.shape == (1000,) and cam.shape == (7, 7)
    assert np.argsort(-logits, kind="stable")[:5].tolist() == top
    assert abs(cam.mean() - logits[top[0]]) < 0.5  # the bias is that small
    assert 0 <= x < x + box_width <= width
    assert 0 <= y < y + box_height <= height
