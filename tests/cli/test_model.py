"""wherefore model: what it says of networks, and the folders it makes."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import MODEL, ROOT, Run, run_in
from onnx import TensorProto, helper, numpy_helper

FORMS = ROOT / "tests/data/forms"
NETWORKS = ROOT / "tests/data/networks"
COMMANDS = ["info", "check", "layers", "add", "run", "gradient"]


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Run]:
    """Runs `wherefore model` in a folder of its own."""

    return lambda *args: run_in(tmp_path, "model", *args)


def save(path: Path, nodes: list, inputs: dict, outputs: dict, weights=()) -> Path:
    """Writes a model of float tensors."""

    def infos(shapes: dict) -> list:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ]

    graph = helper.make_graph(nodes, "g", infos(inputs), infos(outputs), list(weights))
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.fixture
def unsupported(tmp_path: Path) -> Path:
    """A network with three nodes that cannot be run, and one behind them."""
    return save(
        tmp_path / "odd.onnx",
        [
            helper.make_node("Relu", ["x"], ["a"], name="first"),
            helper.make_node("Frobnicate", ["a"], ["b"], name="unknown operator"),
            helper.make_node("Relu", ["b"], ["c"], name="behind"),
            helper.make_node("Relu", ["a"], ["d"], name="odd", leak=0.5),
            helper.make_node("Reshape", ["a", "a"], ["e"], name="computed shape"),
        ],
        {"x": [1, 3, 8, 8]},
        {"c": [1, 3], "d": [1, 3], "e": [1, 3]},
    )


# --- info and check -----------------------------------------------------------


def test_info_says_what_the_default_model_is(model):
    result = model("info", MODEL, "--runs", "2")
    text = result.stdout.decode()

    assert result.returncode == 0 and result.stderr == b""
    assert "input      input: float, 1 x 3 x 224 x 224\n" in text
    assert "head       gap-linear, 1000 classes, scores by softmax\n" in text
    assert "maps       7 x 7 cells of 1280 features" in text
    # 16 depthwise convolutions; elsewhere than on x86-64 they are XNNPACK's. Where all
    # are our own kernels, four run in bands with the convolution before them.
    assert re.search(
        r"steps      (17|1) XNNPACK runtimes? .*, (16|12|0) depthwise kernels, ", text
    )
    assert re.search(r"(\b34 dense kernels|depthwise kernels), 0 plain kernels", text)
    assert ", 0 plain kernels\n" in text


def test_info_as_json_has_the_same(model):
    found = json.loads(model("info", "--json", "--runs=1", MODEL / "model.onnx").stdout)

    assert found["supported"] is True and found["problems"] == []
    assert found["head"] == "gap-linear" and found["refusal"] is None
    assert found["classes"] == 1000
    assert found["map"] == {"width": 7, "height": 7, "features": 1280}
    assert found["operators"]["Conv"] == 49
    assert sum(found["operators"].values()) == found["nodes"]
    # Table 1 of the EfficientNet-Lite page: 4.7 million weights, 407 million
    # multiply-adds, which counts more than products; ours are those of the
    # convolutions and the linear layer.
    assert found["weights"] == pytest.approx(4.7e6, rel=0.01)
    assert found["macs"] == pytest.approx(4.07e8, rel=0.06)
    assert found["weight_bytes"] == 4 * found["weights"]
    assert found["kernel_share"] == 0
    runners = [step["runs_in"] for step in found["steps"]]
    if "dense" in runners:
        assert runners.count("dense") == 34 and runners.count("depthwise") == 16 - 4
        # All convolutions but the 16 of each channel by itself.
        assert found["int8_nodes"] == 49 - 16
        assert runners[-2:] == ["xnnpack", "dense"] and len(runners) == 34 + 12 + 1
    else:
        assert runners in (["xnnpack"], ["xnnpack", "depthwise"] * 16 + ["xnnpack"])
    assert sum(step["nodes"] for step in found["steps"]) == 61
    assert found["run_ms"] > 0 and found["load_ms"] > 0


def test_multiply_adds_are_those_of_the_definition(model, tmp_path):
    def weights(name: str, *shape: int):
        return numpy_helper.from_array(np.ones(shape, np.float32), name)

    path = save(
        tmp_path / "small.onnx",
        [
            helper.make_node("Conv", ["x", "w"], ["a"], strides=[2, 2], pads=[1] * 4),
            helper.make_node("Conv", ["a", "d"], ["b"], group=6),
            helper.make_node("GlobalAveragePool", ["b"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Gemm", ["f", "l"], ["y"], transB=1),
        ],
        {"x": [1, 3, 8, 8]},
        {"y": [1, 5]},
        [weights("w", 6, 3, 3, 3), weights("d", 6, 1, 2, 2), weights("l", 5, 6)],
    )
    found = json.loads(model("info", "--json", "--runs", "1", path).stdout)

    assert found["macs"] == 6 * 4 * 4 * 27 + 6 * 3 * 3 * 4 + 5 * 6


def test_check_says_that_all_nodes_are_supported(model):
    result = model("check", MODEL / "model.onnx")

    assert result.stdout == b"all 143 nodes are supported\n"
    assert result.returncode == 0


def test_check_names_every_node_that_is_not(model, unsupported):
    result = model("check", unsupported)

    assert result.returncode == 1
    lines = result.stdout.decode().splitlines()
    assert lines[0].startswith(
        'node "unknown operator" (Frobnicate): operator Frobnicate is not supported'
    )
    assert lines[1] == 'node "odd" (Relu): attribute "leak" is not supported'
    assert lines[2].startswith('node "computed shape" (Reshape): ')
    assert lines[3].startswith("3 of 5 nodes are not supported; 1 more ")
    assert len(lines) == 4


def test_check_as_json_names_them_too(model, unsupported):
    result = model("check", unsupported, "--json")
    found = json.loads(result.stdout)

    assert result.returncode == 1
    assert found["supported"] is False and found["nodes"] == 5
    assert [p["node"] for p in found["problems"]] == [
        "unknown operator",
        "odd",
        "computed shape",
    ]
    assert found["problems"][1]["operator"] == "Relu"
    assert found["unchecked"] == 1


def test_info_of_a_network_that_cannot_be_used_says_why(model, unsupported):
    result = model("info", unsupported)

    assert result.returncode == 1
    assert b"nodes      5: 1 Frobnicate, 3 Relu, 1 Reshape\n" in result.stdout
    assert b"3 of 5 nodes are not supported" in result.stdout


def test_a_size_that_is_open_is_asked_for_and_taken(model, tmp_path):
    network = onnx.load(FORMS / "legacy13_unfolded.onnx")
    dims = network.graph.input[0].type.tensor_type.shape.dim
    dims[2].dim_param, dims[3].dim_param = "height", "width"
    onnx.save(network, tmp_path / "open.onnx")

    def maps(*options: str) -> bytes:
        result = model("info", tmp_path / "open.onnx", "--runs=1", *options)
        assert result.returncode == 0
        return next(x for x in result.stdout.splitlines() if x.startswith(b"maps"))

    refused = model("check", tmp_path / "open.onnx")
    assert refused.returncode == 1
    assert b"its height and width are dynamic" in refused.stdout
    assert b"nodes depend on these" in refused.stdout
    assert maps("--width=48", "--height=32").startswith(b"maps       6 x 4 ")
    assert maps("--input-size=96x64").startswith(b"maps       12 x 8 ")


def test_another_size_can_take_the_place_of_the_files_own(model):
    result = model("info", "--input-size=448", "--runs=1", MODEL)

    assert result.returncode == 0
    assert b"maps       14 x 14 cells" in result.stdout
    assert model("check", "--input-size=0", MODEL).returncode == 2


def test_a_network_that_is_no_classifier_is_refused(model, tmp_path):
    shape = [1, 3, 8, 8]
    node = helper.make_node("Relu", ["x"], ["y"])
    result = model(
        "check", save(tmp_path / "m.onnx", [node], {"x": shape}, {"y": shape})
    )

    assert result.returncode == 1
    assert b"supported\n" not in result.stdout


@pytest.mark.parametrize("command", ["info", "check"])
def test_what_is_no_network_is_an_error(model, tmp_path, command):
    (tmp_path / "text.onnx").write_text("no network\n")

    for file in ["text.onnx", "missing.onnx", "."]:
        result = model(command, file)
        assert result.returncode == 1
        assert result.stdout == b""
        assert result.stderr.startswith(f"wherefore model {command}: {file}: ".encode())


def test_names_in_a_file_do_not_reach_the_terminal_as_they_are(model, tmp_path):
    node = helper.make_node("Evil", ["x"], ["y"], name="\x1b[2J")
    path = save(tmp_path / "m.onnx", [node], {"x": [1, 3, 8, 8]}, {"y": [1, 3]})

    assert b"\x1b" not in model("check", path).stdout
    assert json.loads(model("check", "--json", path).stdout)["problems"]


# --- layers -------------------------------------------------------------------


def test_layers_are_listed_and_the_default_is_marked(model):
    result = model("layers", NETWORKS / "lane-change-legacy13.onnx")
    head, *rows = result.stdout.decode().splitlines()

    assert result.returncode == 0 and result.stderr == b""
    assert head.split() == [
        "layer",
        "map",
        "field",
        "stride",
        "operation",
        "name",
        "module",
    ]
    assert [row.startswith(" * ") for row in rows] == [False] * 5 + [True]
    assert re.split(r"  +", rows[-1].strip(" *")) == [
        "-1",
        "10 x 5 x 32",
        "55",
        "16",
        "Conv",
        "/features/features.17/Relu_output_0",
        "features.17",
    ]


def test_layers_as_json_have_sizes_and_aliases(model):
    path = NETWORKS / "convnext-dynamo18.onnx"
    found = json.loads(model("layers", "--json", path).stdout)
    last = found["layers"][-1]

    assert found["file"] == str(path)
    assert found["input"] == {"width": 64, "height": 96}
    assert [x["default"] for x in found["layers"]] == [False] * 33 + [True]
    assert (last["name"], last["operation"]) == ("add_3", "Add")
    assert (last["width"], last["height"], last["channels"]) == (4, 6, 24)
    # 4, then 7 x 7 at strides 4, 8, 8 and 16, and 2 x 2 twice
    field = 4 + 6 * (4 + 8 + 8 + 16) + 4 + 8
    assert last["field"] == {"width": field, "height": field}
    assert last["stride"] == {"width": 16, "height": 16}
    # the same numbers in the order (1, H, W, C)
    transposed = [x for x in found["layers"] if x["name"] == "conv2d_1"]
    assert len(transposed) == 1 and len(transposed[0]["aliases"]) == 1


def test_where_the_whole_image_is_seen_layers_say_so(model):
    result = model("layers", NETWORKS / "regnet-y-dynamo18.onnx")
    last = result.stdout.decode().splitlines()[-1]

    assert re.split(r"  +", last.strip(" *"))[2:4] == ["all", "16"]


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    """A network whose modules are in the nodes' metadata, as PyTorch's exporter
    with dynamo=True writes them."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["conv2d"], pads=[1] * 4),
        helper.make_node("Relu", ["conv2d"], ["relu"]),
        helper.make_node("MaxPool", ["relu"], ["pool"], kernel_shape=[2, 2]),
        helper.make_node("GlobalAveragePool", ["pool"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["y"]),
    ]
    scopes = [
        "['', 'stem', 'stem.0', 'conv2d']",
        "['', 'stem', 'stem.1', 'relu']",
        "['', 'pool']",
        "['",
        "",
    ]
    for node, text in zip(nodes, scopes, strict=True):
        for key in ("namespace", "pkg.torch.onnx.name_scopes"):
            node.metadata_props.add(key=key, value=text)
    weights = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    path = tmp_path / "noted.onnx"
    return save(path, nodes, {"x": [1, 3, 8, 8]}, {"y": [1, 4]}, [weights])


def test_modules_in_metadata_are_read(model, noted):
    found = json.loads(model("layers", "--json", noted).stdout)

    assert [(x["name"], x["module"]) for x in found["layers"]] == [
        ("relu", "stem.1"),
        ("pool", None),
    ]


def test_layers_of_what_cannot_be_run_are_none(model, unsupported):
    result = model("layers", unsupported)

    assert result.returncode == 1 and result.stdout == b""
    assert b'node "unknown operator": operator Frobnicate is not' in result.stderr
    assert result.stderr.count(b"\n") == 1


# --- run ----------------------------------------------------------------------


def test_run_gives_pytorchs_logits_and_features(model, tmp_path):
    result = model(
        "run",
        FORMS / "legacy13_unfolded.onnx",
        "--input",
        FORMS / "input.npy",
        "--output-dir",
        "out",
    )
    lines = result.stdout.decode().splitlines()
    logits, features = np.load(FORMS / "logits.npy"), np.load(FORMS / "features.npy")
    written = tmp_path / "out" / f"{lines[0].split(':')[0]}.npy"

    assert result.returncode == 0 and result.stderr == b""
    np.testing.assert_allclose(np.load(written)[0], logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        np.load(tmp_path / "out/features.npy")[0], features, rtol=1e-4, atol=1e-4
    )
    assert lines[-1].startswith("head: gap-linear, ")


@pytest.fixture
def difference(tmp_path: Path) -> Path:
    """a - b, and two arrays: a is 0 to 5, b is 10."""
    np.save(tmp_path / "a.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
    np.save(tmp_path / "b.npy", np.full((1, 3), 10.0))  # float64
    shapes = {"a": [2, 3], "b": [1, 3]}
    node = helper.make_node("Sub", ["a", "b"], ["/a-b:0"])
    return save(tmp_path / "sub.onnx", [node], shapes, {"/a-b:0": [2, 3]})


@pytest.mark.parametrize(
    "inputs",
    [
        ["--input", "a.npy", "--input", "b.npy"],
        ["--input", "b=b.npy", "--input", "a=a.npy"],
        ["--input", "b=b.npy", "--input", "a.npy"],
        ["--input", "a.npy", "--constant", "b=b.npy"],
        ["--constant", "b.npy", "--input", "a=a.npy"],
    ],
)
def test_run_takes_inputs_by_name_and_in_order(model, tmp_path, difference, inputs):
    result = model("run", difference, *inputs, "--output-dir", ".")
    found = np.load(tmp_path / "_a-b_0.npy")

    assert result.returncode == 0
    assert result.stdout.startswith(b"/a-b:0: 2 x 3, ./_a-b_0.npy\nhead: none")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.arange(6).reshape(2, 3) - 10.0)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["a.npy"], 'the input "b": no array is given for it'),
        (
            ["a.npy", "b.npy", "a.npy"],
            "3 inputs are given, but only 2 of them are inputs",
        ),
        (["a.npy", "c=b.npy"], 'the input "b": no array is given for it'),
        (["a.npy", "missing.npy"], "missing.npy: cannot be opened"),
        (["a.npy", "sub.onnx"], "sub.onnx: not a .npy file"),
        (["a.npy", "b=long.npy"], "node"),
    ],
)
def test_run_refuses_inputs_that_do_not_fit(
    model, tmp_path, difference, inputs, message
):
    np.save(tmp_path / "long.npy", np.ones((1, 7), np.float32))
    args = [arg for name in inputs for arg in ("--input", name)]
    result = model("run", difference, *args, "--output-dir", "out")

    assert result.returncode == 1
    assert message in result.stderr.decode()
    assert not (tmp_path / "out").exists()


# --- add ----------------------------------------------------------------------


def add(model, *args: str | Path) -> Run:
    """Adds the default model's network, as it wants its input."""
    return model("add", MODEL / "model.onnx", "--mean=127", "--std=128", *args)


def test_add_makes_a_model_that_answers_as_the_original_does(model, cam, tmp_path):
    result = add(model, "--labels", MODEL / "labels.txt", "--name=mine")
    folder = tmp_path / "models/mine"
    written = json.loads((folder / "model.json").read_text())

    assert result.returncode == 0 and result.stderr == b""
    assert sorted(os.listdir(folder)) == ["labels.txt", "model.json", "model.onnx"]
    assert os.listdir(tmp_path / "models") == ["mine"]
    assert (
        written["onnx"]["sha256"]
        == hashlib.sha256((MODEL / "model.onnx").read_bytes()).hexdigest()
    )
    mine = json.loads(cam("--model", folder, "cat.png").stdout)
    theirs = json.loads(cam("cat.png").stdout)
    assert mine["classes"] == theirs["classes"] and mine["box"] == theirs["box"]
    assert mine["model"] == "mine"


def test_add_takes_a_grey_network(model, cam, tmp_path):
    """One number is the mean of its one channel, and one the deviation."""
    weights = np.full((2, 1, 3, 3), 0.5, np.float32)
    weights[1] = -0.5
    save(
        tmp_path / "grey.onnx",
        [
            helper.make_node("Conv", ["x", "w"], ["f"]),
            helper.make_node("GlobalAveragePool", ["f"], ["y"]),
        ],
        {"x": [1, 1, 8, 8]},
        {"y": [1, 2, 1, 1]},
        [numpy_helper.from_array(weights, "w")],
    )

    result = model(
        "add", "grey.onnx", "--channels=L", "--mean=127.5", "--std=51", "--to=grey"
    )

    assert result.returncode == 0, result.stderr
    written = json.loads((tmp_path / "grey/model.json").read_text())["input"]
    assert (written["channels"], written["mean"], written["std"]) == (
        "L",
        [127.5],
        [51],
    )
    found = json.loads(cam("--model", tmp_path / "grey", "cat.png").stdout)
    # The two classes see the same with opposite signs.
    assert found["classes"][0]["logit"] == -found["classes"][1]["logit"] != 0


def test_add_never_touches_what_is_there(model, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/file").write_text("mine")
    result = add(model, "--to", "there")

    assert result.returncode == 1
    assert b"there already exists" in result.stderr
    assert os.listdir(tmp_path / "there") == ["file"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--channels=L"], "three channels; give --channels RGB or BGR"),
        (["--labels=two.txt"], "labels.txt has 2 classes, but the network has 1000"),
        (["--labels=missing.txt"], "missing.txt: cannot be opened"),
        (["--width=100"], "224"),
        (["--to=missing/m"], "cannot create"),
    ],
)
def test_what_cannot_be_added_leaves_nothing_behind(model, tmp_path, args, message):
    (tmp_path / "two.txt").write_text("cat\ndog\n")
    result = add(model, "--to=m", *args)

    assert result.returncode == 1
    assert message in result.stderr.decode()
    assert os.listdir(tmp_path) == ["two.txt"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["--resize=squash"],
            '--resize: "squash" is not one of stretch|crop|letterbox',
        ),
        (["--interpolation=none"], "is not one of bicubic|bilinear|nearest"),
        (["--channels=RBG"], "is not one of RGB|BGR|L"),
        (["--std=0"], '--std: "0" is not positive'),
        (["--scores=logistic"], "is not one of softmax|sigmoid"),
        (["--input-size=0"], "--input-size: "),
        (["--lables=x"], "unknown option --lables; did you mean --labels?"),
        (["--widht=3"], "unknown option --widht; did you mean --width?"),
        (["--too=x"], "unknown option --too; did you mean --to?"),
        (["--nope=x"], "unknown option --nope; --help lists the options"),
        (["--crop-fraction=0.001"], '"0.001" is not a number from 0.01 to 1'),
    ],
)
def test_an_option_of_add_names_what_it_takes(model, tmp_path, args, message):
    result = add(model, "--to=m", *args)

    assert result.returncode == 2
    assert message in result.stderr.decode()
    assert os.listdir(tmp_path) == []


# --- advice -------------------------------------------------------------------


def classifier(path: Path, shape: list, channels: int = 3) -> Path:
    """A convolution, a mean and three classes."""
    rng = np.random.default_rng(1)
    weights = [
        numpy_helper.from_array(
            rng.normal(size=(4, channels, 3, 3)).astype(np.float32), "k"
        ),
        numpy_helper.from_array(rng.normal(size=(4, 3)).astype(np.float32), "w"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["a"]),
        helper.make_node("GlobalAveragePool", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("MatMul", ["c", "w"], ["y"]),
    ]
    return save(path, nodes, {"x": shape}, {"y": [1, 3]}, weights)


@pytest.mark.parametrize("command", ["add", "info", "check"])
def test_advice_about_an_open_size_is_an_option_that_works(model, tmp_path, command):
    path = classifier(tmp_path / "open.onnx", ["b", 3, "h", "w"])
    refused = model(command, path)
    said = (refused.stderr + refused.stdout).decode()

    assert refused.returncode == 1
    assert (
        "its height and width are dynamic; set them with --width and --height" in said
    )
    assert model(command, path, "--width", "32", "--height", "24").returncode == 0
    more = ["--to", "again"] if command == "add" else []
    assert model(command, path, "--input-size", "32x24", *more).returncode == 0


def test_advice_about_a_grey_network_works(model, tmp_path):
    path = classifier(tmp_path / "grey.onnx", [1, 1, 24, 32], channels=1)
    refused = model("add", path)

    assert refused.returncode == 1
    assert b"one channel; give --channels L" in refused.stderr
    made = model("add", path, "--channels", "L", "--mean", "127", "--std", "128")
    assert made.returncode == 0
    said = json.loads((tmp_path / "models/grey/model.json").read_text())
    assert said["input"]["channels"] == "L" and said["input"]["mean"] == [127]


def test_an_input_size_is_written_to_model_json(model, tmp_path):
    path = classifier(tmp_path / "open.onnx", [1, 3, "h", "w"])

    assert model("add", path, "--input-size", "40x30").returncode == 0
    said = json.loads((tmp_path / "models/open/model.json").read_text())
    assert (said["input"]["width"], said["input"]["height"]) == (40, 30)


def test_output_and_scores_are_written_to_model_json(model, tmp_path):
    path = classifier(tmp_path / "net.onnx", [1, 3, 24, 32])

    result = model("add", path, "--output", "y", "--scores", "sigmoid")
    said = json.loads((tmp_path / "models/net/model.json").read_text())
    assert result.returncode == 0
    assert (said["output"], said["scores"]) == ("y", "sigmoid")
    info = json.loads(model("info", "models/net", "--json", "--runs", "1").stdout)
    assert (info["output"], info["scores"]) == ("y", "sigmoid")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_empty_line_at_the_end_of_the_labels_is_no_class(model, tmp_path, end):
    path = classifier(tmp_path / "net.onnx", [1, 3, 24, 32])
    names = tmp_path / "names.txt"
    names.write_bytes(f"cat{end}dog{end}bird{end}{end}".encode())

    assert model("add", path, "--labels", names).returncode == 0
    names.write_bytes(f"cat{end}dog{end}bird{end}{end}{end}".encode())
    refused = model("add", path, "--labels", names, "--to", "again")
    assert refused.returncode == 1
    assert b"names.txt: line 4 is empty" in refused.stderr


def test_add_refuses_what_check_refuses(model, unsupported, tmp_path):
    result = model("add", unsupported, "--to", "m")

    assert result.returncode == 1
    assert b'node "unknown operator": operator Frobnicate' in result.stderr
    assert b"`wherefore model check` lists all" in result.stderr
    assert os.listdir(tmp_path) == [unsupported.name]


# --- being called -------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(model, command):
    result = model(command, "--help")

    assert result.returncode == 0 and result.stderr == b""
    assert result.stdout.startswith(f"usage: wherefore model {command} ".encode())
    assert max(len(line) for line in result.stdout.decode().splitlines()) <= 80


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["frobnicate"],
        ["info"],
        ["info", "a", "b"],
        ["info", "--runs=0", "a"],
        ["check", "--runs=1", "a"],
        ["check", "--width"],
        ["check", "--json=1", "a"],
        ["run", "a"],
        ["run", "a", "--output-dir=x", "--threads=-1"],
        ["add", "a", "--mean=1,2"],
        ["add", "a", "--mean=1,2,3,4"],
        ["add", "a", "--std=nan"],
        ["add", "a", "--crop-fraction=2"],
        ["add", "-x", "a"],
    ],
)
def test_a_wrong_call_has_status_2(model, tmp_path, args):
    result = model(*args)

    assert result.returncode == 2
    assert result.stdout == b"" and result.stderr != b""
    assert os.listdir(tmp_path) == []


def test_help_lists_the_commands(model):
    result = model("--help")

    assert result.returncode == 0
    for command in COMMANDS:
        assert f"\n  {command} ".encode() in result.stdout
