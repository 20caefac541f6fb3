"""Networks against ONNX Runtime: tests/cases/runtime, which
tools/reference/runtime_cases.py makes. And weights in files of their own."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import ROOT, WHEREFORE, Run

CASES = ROOT / "tests/cases/runtime"
NETWORKS = sorted(path.stem for path in (CASES / "networks").glob("*.onnx"))
RESIZES = sorted(path.stem for path in (CASES / "resizes").glob("*.onnx"))
EXTERNAL = ROOT / "tests/cases/onnx-files"

HEADS = {
    "qdq-conv-gap": "conv-gap",
    "qdq-max": "gmp-linear",
    "integers-max": "gmp-linear",
}


def wherefore(*args: str | Path) -> Run:
    """Runs the program."""
    return subprocess.run(
        [WHEREFORE, *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


def add(file: Path, to: Path, *args: str) -> Run:
    """Makes a folder of a network that takes its samples as they are."""
    return wherefore("model", "add", file, "--to", to, *args)


def cam(folder: Path, *args: str) -> dict:
    """What the model of a folder says of the picture."""
    result = wherefore("cam", "--model", folder, *args, CASES / "picture.png")
    assert result.stderr == b""
    return json.loads(result.stdout)


@pytest.fixture(params=NETWORKS)
def case(request, tmp_path: Path) -> tuple[str, Path]:
    """Name and folder of a model of each network."""
    to = tmp_path / "added"
    file = CASES / f"networks/{request.param}.onnx"
    size = ("--width", "16", "--height", "12")
    # uint8 needs no --mean and --std
    samples = () if "uint8-n" in request.param else ("--mean", "0", "--std", "1")
    result = add(file, to, *size, *samples)
    assert (result.returncode, result.stderr) == (0, b"")
    return request.param, to


def test_logits_are_onnx_runtimes_and_there_is_a_map(case):
    name, folder = case
    expected = np.load(CASES / f"networks/{name}.npz")["logits"]
    answer = cam(folder, "--top", "4")
    logits = {found["index"]: found["logit"] for found in answer["classes"]}
    for index, logit in enumerate(expected):
        assert logits[index] == pytest.approx(logit, abs=2e-5)
    assert answer["map"]["width"] * answer["map"]["height"] == 8 * 6
    head = json.loads(wherefore("model", "info", "--json", folder).stdout)["head"]
    assert head == HEADS.get(name, "gap-linear")


def test_a_map_adds_up_to_the_logit_but_for_what_is_rounded_behind_it(case):
    name, folder = case
    if HEADS.get(name) == "gmp-linear":
        pytest.skip("the largest of the features do not add up")
    answer = cam(folder, "--class", "top", "--top", "4")
    logits = [found["logit"] for found in answer["classes"]]
    sums = [found["map"]["mean_plus_bias"] for found in answer["classes"]]
    # Two roundings to 8 bits behind the map: of the means and of the logit.
    rounds = name.startswith(("qdq", "integers")) and name != "qdq-blocks"
    wide = max(logits) - min(logits)
    allowed = wide / 50 if rounds else 1e-6 * wide
    assert sums == pytest.approx(logits, abs=allowed)


def features_of(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """What the program pools, and what ONNX Runtime does."""
    expected = np.load(CASES / f"networks/{name}.npz")["features"]
    file = CASES / f"networks/{name}.onnx"
    rows, columns, channels = np.indices((12, 16, 3))  # as the picture is
    samples = ((rows * 37 + columns * 11 + channels * 71) % 256).astype(np.float32)
    np.save(folder / "x.npy", samples.transpose(2, 0, 1)[None].copy())
    result = wherefore(
        "model", "run", file, "--input", folder / "x.npy", "--output-dir", folder
    )
    assert (result.returncode, result.stderr) == (0, b"")
    return np.load(folder / "features.npy"), expected


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in NETWORKS
        if "features" in np.load(CASES / f"networks/{name}.npz")
        and not name.startswith("uint8")
    ],
)
def test_the_map_is_of_the_features_that_are_pooled(name, tmp_path):
    found, expected = features_of(name, tmp_path)
    # One step of 16 bits where a sum is a tie but for its order.
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", RESIZES)
def test_a_resized_row_is_onnx_runtimes(name, tmp_path):
    expected = dict(np.load(CASES / f"resizes/{name}.npz"))
    np.save(tmp_path / "x.npy", expected.pop("x"))
    result = wherefore(
        "model",
        "run",
        CASES / f"resizes/{name}.onnx",
        "--input",
        tmp_path / "x.npy",
        "--output-dir",
        tmp_path,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    for output, values in expected.items():
        found = np.load(tmp_path / f"{output}.npy")
        assert found.shape == values.shape
        assert np.abs(found - values).max() <= 2e-6


# --- uint8 --------------------------------------------------------------------


def test_a_network_of_bytes_takes_no_other_mean(tmp_path):
    file = CASES / "networks/uint8-nhwc.onnx"
    result = add(file, tmp_path / "m", "--mean", "127.5")
    assert result.returncode == 1
    assert b"mean must be 0 and std 1, not 127.5 and 1" in result.stderr
    assert not (tmp_path / "m").exists()


def test_a_network_of_bytes_needs_no_model_json(tmp_path):
    shutil.copy(CASES / "networks/uint8-nhwc.onnx", tmp_path / "model.onnx")
    expected = np.load(CASES / "networks/uint8-nhwc.npz")["logits"]
    found = cam(tmp_path, "--top", "1")["classes"][0]
    assert found["index"] == expected.argmax()
    assert found["logit"] == pytest.approx(expected.max(), abs=2e-5)


def change(name: str, to: Path, how) -> Path:
    """A network that is a little different."""
    made = onnx.load(CASES / f"networks/{name}.onnx")
    how(made.graph)
    onnx.save(made, to)
    return to


def test_channels_that_are_open_are_where_the_network_moves_them_from(tmp_path):
    def open_all(graph: onnx.GraphProto) -> None:
        for dim in graph.input[0].type.tensor_type.shape.dim:
            dim.dim_param = "open"

    file = change("uint8-nhwc", tmp_path / "a.onnx", open_all)
    result = add(file, tmp_path / "m", "--width", "16", "--height", "12")
    assert (result.returncode, result.stderr) == (0, b"")
    expected = np.load(CASES / "networks/uint8-nhwc.npz")["logits"]
    found = cam(tmp_path / "m", "--top", "1")["classes"][0]
    assert found["logit"] == pytest.approx(expected.max(), abs=2e-5)


def test_bytes_that_are_computed_with_are_refused_by_name(tmp_path):
    def resize_first(graph: onnx.GraphProto) -> None:
        scales = onnx.numpy_helper.from_array(np.float32([1, 2, 2, 1]), "scales")
        graph.initializer.append(scales)
        node = onnx.helper.make_node("Resize", ["x", "", "scales"], ["large"])
        graph.node[0].input[0] = "large"
        graph.node.insert(0, node)

    file = change("uint8-nhwc", tmp_path / "a.onnx", resize_first)
    result = add(file, tmp_path / "m")
    assert result.returncode == 1
    assert b"computes with integers from the image; a Cast" in result.stderr


def test_other_integers_are_no_pictures(tmp_path):
    def take_int8(graph: onnx.GraphProto) -> None:
        graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT8

    file = change("uint8-nhwc", tmp_path / "a.onnx", take_int8)
    result = add(file, tmp_path / "m")
    assert result.returncode == 1
    assert b"it has type int8" in result.stderr


# --- weights in other files ---------------------------------------------------


def put_elsewhere(name: str, folder: Path, **options) -> Path:
    """A network with its weights in files of their own."""
    made = onnx.load(CASES / f"networks/{name}.onnx")
    file = folder / "net.onnx"
    options = {"location": "net.onnx.data", "size_threshold": 0} | options
    onnx.save(made, file, save_as_external_data=True, **options)
    return file


@pytest.mark.parametrize(
    "options",
    [{}, {"all_tensors_to_one_file": False}, {"location": "model.onnx"}],
    ids=["one", "many", "of-our-name"],
)
def test_add_takes_weights_from_other_files(options, tmp_path):
    if options.get("all_tensors_to_one_file") is False:
        options = options | {"location": None}
    file = put_elsewhere("opset-25", tmp_path, **options)
    assert add(file, tmp_path / "m", "--mean", "0", "--std", "1").returncode == 0
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "model.json",
        "model.onnx",
    ]
    whole = onnx.load(tmp_path / "m/model.onnx", load_external_data=False)
    wanted = onnx.load(file)
    for tensor in wanted.graph.initializer:
        tensor.ClearField("data_location")
    assert whole == wanted
    expected = np.load(CASES / "networks/opset-25.npz")["logits"]
    found = cam(tmp_path / "m", "--top", "1")["classes"][0]
    assert found["logit"] == pytest.approx(expected.max(), abs=2e-5)


@pytest.mark.parametrize(
    "name", ["absolute", "above", "above-from-below", "link", "linked-folder"]
)
def test_add_takes_no_weights_from_outside_the_folder(name, tmp_path):
    result = add(EXTERNAL / name / "model.onnx", tmp_path / "m")
    assert result.returncode == 1
    assert b"cannot be opened in the model's folder" in result.stderr
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("name", ["cut-short", "missing", "offset-large"])
def test_add_takes_no_weights_that_are_not_there(name, tmp_path):
    result = add(EXTERNAL / name / "model.onnx", tmp_path / "m")
    assert result.returncode == 1
    assert b'the constant "w"' in result.stderr
    assert list(tmp_path.iterdir()) == []
