"""wherefore model gradient: networks with their gradients, in ONNX Runtime.

What ONNX Runtime computes of a written file is held to PyTorch's autograd
(tests/data/networks/gradients.txt, by tools/reference/networks/gradients.py),
to differences, and to wherefore's own run of the same file.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import MODEL, ROOT, WHEREFORE, Run, run_in
from onnx import TensorProto, helper, numpy_helper
from test_model import save

NETWORKS = ROOT / "tests/data/networks"
RESNET = NETWORKS / "resnet18-legacy13.onnx"
DYNAMO = NETWORKS / "resnet18-dynamo18.onnx"
PROJECTIONS = 8

# Sums over some hundred layers in floats.
FLOATS = 1e-5


def noise(first: int, count: int) -> np.ndarray:
    index = np.arange(first, first + count, dtype=np.uint64)
    return index * np.uint64(2654435761) % np.uint64(1 << 32) / 2.0**31 - 1


def read_expected() -> dict[str, dict[str, tuple[int, np.ndarray]]]:
    """For each file, and each value by name: elements, projections."""
    expected: dict = {}
    for line in (NETWORKS / "gradients.txt").read_text().splitlines():
        file, name, count, numbers = line.split("\t")
        projections = np.array([float(n) for n in numbers.split()])
        expected.setdefault(file, {})[name] = int(count), projections
    return expected


EXPECTED = read_expected()


@pytest.fixture
def gradient(tmp_path: Path) -> Callable[..., Run]:
    """Runs `wherefore model gradient` in a folder of its own."""

    return lambda *args: run_in(tmp_path, "model", "gradient", *args)


@pytest.fixture
def written(gradient: Callable[..., Run], tmp_path: Path) -> Callable[..., Path]:
    """Writes a file, which must succeed; returns its path."""

    def write(file: str | Path, *options: str) -> Path:
        result = gradient(file, tmp_path / "out.onnx", *options)
        assert result.stderr == b"" and result.returncode == 0
        onnx.checker.check_model(tmp_path / "out.onnx", full_check=True)
        return tmp_path / "out.onnx"

    return write


class Session:
    """A file in ONNX Runtime."""

    def __init__(self, path: Path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self.inputs = {
            i.name: [d if isinstance(d, int) else 1 for d in i.shape]
            for i in self.session.get_inputs()
        }
        self.outputs = [o.name for o in self.session.get_outputs()]

    def run(self, *arrays: np.ndarray) -> list[np.ndarray]:
        feeds = {
            name: array.reshape(shape).astype(np.float32)
            for (name, shape), array in zip(self.inputs.items(), arrays, strict=True)
        }
        return self.session.run(None, feeds)

    def size(self, i: int) -> int:
        return int(np.prod(list(self.inputs.values())[i]))


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x.astype(np.float64) - x.max())
    return e / e.sum()


def assert_near(got: np.ndarray, wanted: np.ndarray, tolerance: float = FLOATS):
    got, wanted = got.ravel(), wanted.ravel()
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= tolerance * max(1e-3, np.abs(wanted).max())


def assert_projections(got: np.ndarray, expected: tuple[int, np.ndarray]):
    count, wanted = expected
    got = got.ravel().astype(np.float64)
    assert got.size == count
    for k in range(PROJECTIONS):
        parts = got * noise(k + 1, PROJECTIONS * count)[::PROJECTIONS]
        assert abs(parts.sum() - wanted[k]) <= FLOATS * np.abs(parts).sum()


# --- numbers ------------------------------------------------------------------


def seed_of(file: Session, original: Session, logits: np.ndarray) -> np.ndarray:
    """The target of gradients.txt is a sum over the file's output, which may be
    a softmax."""
    seed = noise(1, file.size(1))
    if file.outputs[0] in original.outputs:
        return seed
    p = softmax(logits).ravel()
    return p * (seed - (p * seed).sum())


@pytest.mark.parametrize("name", EXPECTED)
def test_onnx_runtime_has_the_logits_of_the_network_and_autograds_gradient(
    written, name
):
    original = Session(NETWORKS / f"{name}.onnx")
    file = Session(written(NETWORKS / f"{name}.onnx"))
    x = noise(0, file.size(0))
    value, expected = next(iter(EXPECTED[name].items()))

    logits = file.run(x, np.zeros(file.size(1)))[0]
    _, gradient = file.run(x, seed_of(file, original, logits))

    assert list(file.inputs) == [*original.inputs, f"{file.outputs[0]}_seed"]
    assert file.outputs[1] == f"{value}_gradient"
    (output,) = original.run(x)
    same = file.outputs[0] == original.outputs[0]
    assert_near(logits if same else softmax(logits), output)
    assert_projections(gradient, expected)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_layer_has_its_features_and_autograds_gradient(written, name):
    original = Session(NETWORKS / f"{name}.onnx")
    layer, expected = list(EXPECTED[name].items())[-1]
    file = Session(written(NETWORKS / f"{name}.onnx", "--layer", layer))
    x = noise(0, file.size(0))

    logits = file.run(x, np.zeros(file.size(1)))[0]
    _, features, gradient = file.run(x, seed_of(file, original, logits))

    assert file.outputs[1:] == [layer, f"{layer}_gradient"]
    assert features.shape == gradient.shape
    assert_projections(gradient, expected)


@pytest.mark.parametrize(
    "name", ["googlenet-gap-legacy13", "efficientnet-b0-legacy13", "tokens-legacy17"]
)
def test_wherefore_runs_the_file_too(written, name, tmp_path):
    path = written(NETWORKS / f"{name}.onnx")
    file = Session(path)
    arrays = [noise(i, file.size(i)) for i in range(2)]
    args = []
    for (key, shape), array in zip(file.inputs.items(), arrays, strict=True):
        np.save(tmp_path / f"{key}.npy", array.reshape(shape).astype(np.float32))
        args += ["--input", f"{key}={tmp_path / key}.npy"]

    subprocess.run(
        [WHEREFORE, "model", "run", path, *args, "--output-dir", tmp_path / "ours"],
        check=True,
        capture_output=True,
    )

    for key, theirs in zip(file.outputs, file.run(*arrays), strict=True):
        assert_near(np.load(tmp_path / f"ours/{key}.npy"), theirs, 1e-4)


def test_a_real_network_has_the_slope_that_differences_have(written):
    """EfficientNet-Lite0 with its weights. Its slopes change at each ReLU6, so
    the mean over some directions is compared."""
    file = Session(written(MODEL))
    x = noise(0, file.size(0))
    seed = np.zeros(1000)
    seed[281] = 1
    logits, gradient = file.run(x, seed)
    (again,) = Session(MODEL / "model.onnx").run(x)

    assert file.inputs == {"input": [1, 3, 224, 224], "logits_seed": [1, 1000]}
    assert_near(logits, again)
    unit = gradient.ravel() / np.linalg.norm(gradient)
    step = 0.01
    more, less = (file.run(x + s * unit, seed)[0][0, 281] for s in (step, -step))
    assert (more - less) / (2 * step) == pytest.approx(
        np.linalg.norm(gradient), rel=0.02
    )


# --- targets ------------------------------------------------------------------


def test_targets_are_what_their_seeds_are(written):
    network = RESNET
    any_target = Session(written(network))
    x = noise(0, any_target.size(0))
    logits = any_target.run(x, np.zeros(any_target.size(1)))[0].ravel()
    one, other = np.eye(logits.size)[[2, 0]]

    for target, seed in {
        "logit:2": one,
        "margin:2,0": one - other,
        "log-score:2": one - softmax(logits),
    }.items():
        wanted = any_target.run(x, seed)
        file = Session(written(network, "--target", target))
        got = file.run(x)

        assert list(file.inputs) == ["input"]
        assert_near(got[0], wanted[0])
        assert_near(got[1], wanted[1])


def small(path: Path, last: list, weights: tuple = (), classes: int = 1) -> Path:
    """A convolution, ReLU, mean and linear layer, then other nodes."""
    rng = np.random.default_rng(4)
    arrays = {"w": (4, 3, 1, 1), "m": (4, classes)}
    return save(
        path,
        [
            helper.make_node("Conv", ["x", "w"], ["a"]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("GlobalAveragePool", ["b"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("MatMul", ["f", "m"], ["z"]),
            *last,
        ],
        {"x": [1, 3, 4, 5]},
        {"y": [1, classes]},
        [
            *(
                numpy_helper.from_array(rng.normal(size=s).astype(np.float32), n)
                for n, s in arrays.items()
            ),
            *weights,
        ],
    )


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("scores", ["Sigmoid", "Softmax"])
def test_the_log_of_a_score_has_the_slope_that_differences_have(
    written, tmp_path, scores, sign
):
    nodes = [helper.make_node(scores, ["z"], ["y"])]
    if sign < 0:
        nodes = [
            helper.make_node("Neg", ["z"], ["n"]),
            helper.make_node(scores, ["n"], ["y"]),
        ]
    network = small(tmp_path / "in.onnx", nodes, classes=3)
    file = Session(written(network, "--target", "log-score:1"))
    original = Session(network)
    x = noise(0, 60)

    gradient = file.run(x)[1].ravel()

    (at,) = original.run(x)
    direction = gradient / np.linalg.norm(gradient)
    more, less = (original.run(x + s * direction)[0] for s in (0.02, -0.02))
    slope = (np.log(more[0, 1]) - np.log(less[0, 1])) / 0.04
    assert 0 < at[0, 1] < 1
    assert slope == pytest.approx(np.linalg.norm(gradient), rel=0.02)


@pytest.mark.parametrize("target", ["logit", "log-score"])
def test_both_classes_of_a_binary_decision_are_targets(written, tmp_path, target):
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    nodes = [
        helper.make_node("Sigmoid", ["z"], ["s"]),
        helper.make_node("Sub", ["one", "s"], ["r"]),
        helper.make_node("Concat", ["r", "s"], ["y"], axis=1),
    ]
    network = small(tmp_path / "in.onnx", nodes, (one,))
    model = onnx.load(network)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2
    onnx.save(model, network)
    x = noise(0, 60)
    (scores,) = Session(network).run(x)
    plain = Session(written(network, "--target", "logit:1")).run(x)[1]
    factors = {"logit": [-1, 1], "log-score": [-scores[0, 1], scores[0, 0]]}[target]

    for k, factor in enumerate(factors):
        file = Session(written(network, "--target", f"{target}:{k}"))
        assert_near(file.run(x)[1], factor * plain)
    margin = Session(written(network, "--target", "margin:0,1")).run(x)[1]
    assert_near(margin, -2 * plain)


# --- pools ------------------------------------------------------------------


def brute_force(x: np.ndarray, g: np.ndarray, kernel: int, pad: int, stride: int):
    """The first of the largest in each window gets what the window has."""
    gradient = np.zeros_like(x)
    for c, i, k in np.ndindex(g.shape):
        rows, columns = (
            range(max(0, at * stride - pad), min(n, at * stride - pad + kernel))
            for at, n in zip((i, k), x.shape[1:], strict=True)
        )
        taps = [(c, row, column) for row in rows for column in columns]
        gradient[max(taps, key=lambda tap: x[tap])] += g[c, i, k]
    return gradient


@pytest.mark.parametrize("pool", ["MaxPool", "MaxPool, no padding", "GlobalMaxPool"])
def test_of_equal_elements_the_first_is_the_largest(written, tmp_path, pool):
    window = {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}
    kernel, pad = 3, 0
    if pool == "MaxPool":
        window |= {"pads": [1] * 4}
        pad = 1
    elif pool == "GlobalMaxPool":
        window, kernel = {}, 8
    size = (8 + 2 * pad - kernel + 1) // 2 + 1
    weights = noise(5, 2 * 3 * size * size).reshape(-1, 2)
    network = save(
        tmp_path / "in.onnx",
        [
            helper.make_node(pool.split(",")[0], ["x"], ["a"], **window),
            helper.make_node("Flatten", ["a"], ["f"]),
            helper.make_node("MatMul", ["f", "m"], ["y"]),
        ],
        {"x": [1, 3, 8, 8]},
        {"y": [1, 2]},
        [numpy_helper.from_array(weights.astype(np.float32), "m")],
    )
    file = Session(written(network, "--target", "logit:1"))
    x = np.floor(3 * noise(2, 192)).reshape(3, 8, 8) % 2  # 0 and 1

    wanted = brute_force(x, weights[:, 1].reshape(3, size, size), kernel, pad, 2)

    assert_near(file.run(x)[1], wanted)


# --- rules --------------------------------------------------------------------


def test_rules_are_those_of_the_papers(written, tmp_path):
    """Springenberg et al. 2014, figure 1."""
    network = small(tmp_path / "in.onnx", [helper.make_node("Neg", ["z"], ["y"])])
    weights = {
        t.name: numpy_helper.to_array(t).astype(np.float64)
        for t in onnx.load(network).graph.initializer
    }
    x = noise(3, 60).reshape(3, 20)
    a = weights["w"].reshape(4, 3) @ x
    g = np.broadcast_to(-weights["m"] / 20, a.shape)
    assert (g > 0).any() and (g < 0).any()
    wanted = {
        "plain": g * (a > 0),
        "guided": g * (a > 0) * (g > 0),
        "deconvnet": g * (g > 0),
    }

    for rule, before in wanted.items():
        path = written(network, "--rule", rule, "--target", "logit:0")
        assert_near(Session(path).run(x)[-1], weights["w"].reshape(4, 3).T @ before)


def test_other_activations_are_refused_by_name(gradient, tmp_path):
    result = gradient(
        NETWORKS / "mobilenet-v3-legacy13.onnx", "out.onnx", "--rule", "guided"
    )

    assert result.returncode == 1
    assert b'node "' in result.stderr and b"ReLU and Clip(0, c)" in result.stderr
    assert not list(tmp_path.iterdir())


# --- the file -----------------------------------------------------------------


def test_the_file_says_what_it_is(written, gradient, tmp_path):
    path = written(RESNET)
    model = onnx.load(path)

    assert model.producer_name == "wherefore"
    assert model.doc_string == (
        "A network with its gradient: input_gradient is dt/d(input) by the plain "
        "rule, of any target t of logits, where the input logits_seed is "
        "dt/d(logits): 1 at a class and 0 elsewhere for its logit."
    ).replace("logits", model.graph.output[0].name)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    result = gradient(RESNET, path)
    assert result.returncode == 0  # an existing file is replaced
    assert [p.name for p in tmp_path.iterdir()] == ["out.onnx"]
    assert result.stdout.decode().splitlines()[-1] == (
        "output     input_gradient: float, 1 x 3 x 96 x 64"
    )


def test_names_that_are_taken_are_not_taken_again(written, tmp_path):
    nodes = [
        helper.make_node("Relu", ["z"], ["y_seed"]),
        helper.make_node("Identity", ["y_seed"], ["x_gradient"]),
        helper.make_node("Exp", ["x_gradient"], ["value_1"]),
        helper.make_node("Neg", ["value_1"], ["y"]),
    ]
    network = small(tmp_path / "in.onnx", nodes, classes=3)
    file = Session(written(network, "--scores", "softmax"))

    assert len(set(file.inputs) | set(file.outputs)) == 4
    assert "y" in file.outputs


def test_an_image_of_bytes_becomes_one_of_floats(written, tmp_path):
    network = small(tmp_path / "in.onnx", [helper.make_node("Neg", ["z"], ["y"])])
    model = onnx.load(network)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    model.graph.node.insert(0, helper.make_node("Cast", ["x"], ["c"], to=1))
    model.graph.node[1].input[0] = "c"
    onnx.save(model, network)
    x = np.arange(60)

    file = Session(written(network, "--target", "logit:0"))

    wanted = Session(network).session.run(
        None, {"x": x.reshape(1, 3, 4, 5).astype("u1")}
    )
    assert_near(file.run(x)[0], wanted[0])


# --- complaints ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "status", "complaint"),
    [
        ([], 2, "no file is given"),
        (["a.onnx"], 2, "no file to write is given"),
        (["a.onnx", "b.onnx", "c.onnx"], 2, "more than two files"),
        (["a.onnx", "b.onnx", "--rule", "odd"], 2, "plain|guided|deconvnet"),
        (["a.onnx", "b.onnx", "--target", "logit"], 2, "none of logit:CLASS"),
        (["a.onnx", "b.onnx", "--target", "margin:1"], 2, "none of logit:CLASS"),
        (["a.onnx", "b.onnx", "--target", "logit:1,2"], 2, "none of logit:CLASS"),
        (["a.onnx", "b.onnx", "--target", "margin:1,1"], 2, "over itself is 0"),
        (["a.onnx", "b.onnx"], 1, "a.onnx"),
        ([MODEL, "b.onnx", "--target", "logit:1000"], 1, "there is no class 1000"),
        ([MODEL, "b.onnx", "--layer", "odd"], 1, 'there is no value "odd"'),
        ([MODEL, "b.onnx", "--layer", "logits"], 1, "are the logits themselves"),
        ([DYNAMO, "b.onnx", "--layer", "conv1.weight"], 1, "is a constant"),
        ([MODEL, "no/b.onnx"], 1, "cannot write no/b.onnx"),
    ],
)
def test_what_is_wrong_is_said(gradient, tmp_path, args, status, complaint):
    result = gradient(*args)

    assert result.returncode == status
    assert complaint in result.stderr.decode()
    assert result.stdout == b"" and not list(tmp_path.iterdir())


def test_the_network_is_not_overwritten(gradient, tmp_path):
    network = small(tmp_path / "in.onnx", [helper.make_node("Neg", ["z"], ["y"])])
    before = network.read_bytes()

    result = gradient("in.onnx", "../" + tmp_path.name + "/in.onnx")

    assert result.returncode == 1 and b"would be overwritten" in result.stderr
    assert network.read_bytes() == before


def test_a_pipe_is_written_into(gradient, tmp_path):
    network = small(tmp_path / "in.onnx", [helper.make_node("Neg", ["z"], ["y"])])
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as cat:
        result = gradient(network, "pipe")
        written = cat.communicate(timeout=60)[0]

    assert result.returncode == 0
    assert onnx.load_from_string(written).producer_name == "wherefore"
    assert (tmp_path / "pipe").is_fifo()
