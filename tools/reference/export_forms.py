"""Exports one tiny network in the forms that users' exports come in.

    python tools/reference/export_forms.py [tests/data/forms [FORM...]]

With FORMs only these are made, and the rest is left as it is.

Needs tools/reference/requirements.txt. All forms share weights and meaning, so
one set of reference values, made by PyTorch, serves all:

    FORM.onnx      the model, in `forms.txt` one line "FORM<TAB>OUTPUT" each;
                   OUTPUT is "logits", or "scores" where a softmax is last
    input.npy      (1, 3, 32, 48) NCHW
    features.npy   (24, 4, 6)     last map before pooling: channel, row, column
    logits.npy     (7)
    scores.npy     (7)            softmax of the logits
    maps.npy       (7, 4, 6)      class activation maps
    refused/       what no engine can run faithfully, and must say so

The arrays are NumPy files, version 1.0, little-endian float32 in C order.
"""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import efficientnet_lite  # noqa: E402
import torch_lite  # noqa: E402
from torch_lite import Style  # noqa: E402

HEIGHT, WIDTH = 32, 48
EVAL = torch.onnx.TrainingMode.EVAL
KEEP = torch.onnx.TrainingMode.PRESERVE
FIXED = Style(pad="fixed")
TOOLS_NET = efficientnet_lite.Network(
    HEIGHT,
    WIDTH,
    stem_channels=8,
    head_channels=24,
    num_classes=7,
    stages=tuple(efficientnet_lite.Stage(*s) for s in torch_lite.TINY_STAGES),
)


def legacy(opset, style=None, **options):
    """A form made by the exporter that traces (dynamo=False)."""
    return style or Style(), dict(dynamo=False, opset_version=opset, **options)


def dynamo(opset, style=None, **options):
    """A form made by the exporter that is the default since PyTorch 2.9."""
    options = {"external_data": False, "verbose": False, **options}
    return style or Style(), dict(dynamo=True, opset_version=opset, **options)


def word(pool):
    """Pooling in other words, in a small file."""
    return Style(pad="fixed", pool=pool)


BATCH = {"input_names": ["input"], "output_names": ["output"]}
AXES = {"dynamic_axes": {"input": {0: "batch"}, "output": {0: "batch"}}, **BATCH}
SHAPES = {"dynamic_shapes": ({0: torch.export.Dim("batch", min=1)},), **BATCH}

FORMS = {
    # opsets, and constant folding, whose absence leaves the pads' arithmetic
    "legacy11": legacy(11),
    "legacy13": legacy(13),
    "legacy17": legacy(17),
    "legacy13_unfolded": legacy(13, do_constant_folding=False),
    "legacy17_unfolded": legacy(17, do_constant_folding=False),
    "legacy9_fixed": legacy(9, FIXED),
    "legacy13_fixed": legacy(13, FIXED),
    # BatchNormalization stays a node
    "legacy11_bn": legacy(11, training=KEEP),
    "legacy13_bn": legacy(13, training=KEEP),
    # initializers that are graph inputs as well (the habit of early exports)
    "legacy13_weights_are_inputs": legacy(13, keep_initializers_as_inputs=True),
    # pooling, flattening and the linear layer, written otherwise
    "legacy11_mean": legacy(11, Style(pool="mean")),
    "legacy13_mean": legacy(13, Style(pool="mean")),
    "legacy13_mean_keepdim_view": legacy(
        13, Style(pool="mean_keepdim", flatten="view")
    ),
    "legacy13_mean3_mean2": legacy(13, word("mean3_mean2")),
    "legacy17_flat_mean": legacy(17, word("flat_mean")),
    "legacy17_flat_mean_batch": legacy(17, word("flat_mean"), **AXES),
    "legacy11_view_sum": legacy(11, word("view_sum")),
    "legacy13_squeeze_all": legacy(13, word("squeeze_all")),
    "legacy17_tokens": legacy(17, word("tokens")),
    "legacy17_nhwc_flat": legacy(17, word("nhwc_flat")),
    "legacy13_rows_then_columns": legacy(13, word("rows_then_columns")),
    "legacy13_border": legacy(13, word("border")),
    "legacy13_border_of_zeros": legacy(13, word("border_of_zeros")),
    "legacy17_ones": legacy(17, word("ones")),
    "legacy17_no_batch": legacy(17, word("no_batch")),
    "dynamo20_mean3_mean2": dynamo(20, word("mean3_mean2")),
    "dynamo20_flat_mean": dynamo(20, word("flat_mean")),
    "dynamo20_view_sum": dynamo(20, word("view_sum")),
    "dynamo20_squeeze_all": dynamo(20, word("squeeze_all")),
    "legacy13_view": legacy(13, Style(flatten="view")),
    "legacy13_reshape": legacy(13, Style(flatten="reshape")),
    "legacy13_matmul": legacy(13, Style(linear="matmul")),
    "legacy13_matmul_unfolded": legacy(
        13, Style(linear="matmul"), do_constant_folding=False
    ),
    "legacy18_mean_matmul": legacy(18, Style(pool="mean", linear="matmul")),
    "legacy13_softmax": legacy(13, Style(softmax=True)),
    "legacy11_softmax": legacy(11, Style(softmax=True)),
    # the batch is a dimension without a number
    "legacy13_batch": legacy(13, **AXES),
    "legacy17_batch_view": legacy(17, Style(flatten="view"), **AXES),
    # the other exporter
    "dynamo18": dynamo(18),
    "dynamo20": dynamo(20),
    "dynamo18_unoptimized": dynamo(18, optimize=False),
    "dynamo18_mean": dynamo(18, Style(pool="mean")),
    "dynamo18_matmul": dynamo(18, Style(linear="matmul")),
    "dynamo18_softmax": dynamo(18, Style(softmax=True)),
    "dynamo18_batch": dynamo(18, **SHAPES),
}


def export(style: Style, options: dict, path: Path) -> None:
    model = torch_lite.tiny(style)
    x = torch.zeros(1, 3, HEIGHT, WIDTH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (x,), str(path), **options)
    strip(path)


def strip(path: Path) -> None:
    """Takes out where in whose Python files each node was written."""
    model = onnx.load(path)
    model.doc_string = ""
    del model.metadata_props[:]
    graph = model.graph
    del graph.metadata_props[:]
    for part in (graph.node, graph.input, graph.output, graph.value_info):
        for item in part:
            item.doc_string = ""
            del item.metadata_props[:]
    for tensor in graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def run(path: Path, x: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options)
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def hold(path: Path, values: dict[str, np.ndarray]) -> str:
    """Holds a file to PyTorch's numbers; returns which of them it computes."""
    name = path.stem
    softmax = name in FORMS and FORMS[name][0].softmax
    output = "scores" if softmax else "logits"
    found = run(path, values["input"]).reshape(-1)
    difference = np.abs(found - values[output]).max()
    ops = sorted({node.op_type for node in onnx.load(path).graph.node})
    print(f"{name:28} {path.stat().st_size:6} {difference:.1e} {' '.join(ops)}")
    assert difference < 1e-4, f"{name} differs from PyTorch"
    return output


def main(folder: Path, chosen: list[str]) -> None:
    torch.set_num_threads(1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    (folder / "refused").mkdir(parents=True, exist_ok=True)
    model = torch_lite.tiny()
    x = torch.from_numpy(
        np.random.default_rng(3).standard_normal((1, 3, HEIGHT, WIDTH)).astype("f4")
    )
    with torch.no_grad():
        features = model.features(x)[0]
        logits = model(x)[0]
        values = {
            "input": x,
            "features": features,
            "logits": logits,
            "scores": logits.softmax(0),
            "maps": torch_lite.maps(model, features),
        }
        means = values["maps"].mean((1, 2)) + model._fc.bias
        assert (means - logits).abs().max() < 1e-4, "mean + bias is the logit"
    values = {name: value.numpy().astype("<f4") for name, value in values.items()}
    if chosen:
        for name in chosen:
            export(*FORMS[name], folder / f"{name}.onnx")
            hold(folder / f"{name}.onnx", values)
        return
    for name, value in values.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(value))

    state = {k: v.numpy() for k, v in model.state_dict().items()}
    onnx_bytes = efficientnet_lite.build(state, TOOLS_NET, "tiny")
    (folder / "tools.onnx").write_bytes(onnx_bytes)
    for name, (style, options) in FORMS.items():
        export(style, options, folder / f"{name}.onnx")
    # five outputs before opset 14, an attribute from then on
    for opset in (13, 17):
        training = legacy(
            opset,
            training=torch.onnx.TrainingMode.TRAINING,
            do_constant_folding=False,
        )
        export(*training, folder / "refused" / f"batch_norm_training{opset}.onnx")

    lines = []
    for name in ["tools", *FORMS]:
        lines.append(f"{name}\t{hold(folder / f'{name}.onnx', values)}\n")
    (folder / "forms.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    default = ROOT / "tests" / "data" / "forms"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default, sys.argv[2:])
