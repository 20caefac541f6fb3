"""Makes the small ONNX files that the engine's tests read.

    tests/cases/invalid-onnx/NAME/{model.onnx,error}
        A file that must be refused. `error` holds the kind of the error on its
        first line and a part of its text on the second.

    tests/cases/operators/NAME/{model.onnx,output.npy}
        A file of one operator or a few, and the output that the `onnx`
        package's own reference evaluator computes for the input below.

All take one picture, float (1, 3, 8, 8), whose element i is
(37 i mod 101) / 50 - 1.

Usage: onnx_cases.py FOLDER (such as tests/cases)
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper
from onnx import numpy_helper as to_proto
from onnx.reference import ReferenceEvaluator

RNG = np.random.default_rng(7)
PICTURE = (1, 3, 8, 8)


def picture() -> np.ndarray:
    """The input of every case."""
    numbers = np.arange(np.prod(PICTURE)) * 37 % 101
    return (numbers.astype(np.float32) / np.float32(50) - np.float32(1)).reshape(
        PICTURE
    )


def noise(*shape: int) -> np.ndarray:
    """Weights that are the same in every run."""
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def ints(*numbers: int) -> np.ndarray:
    """A list of int64."""
    return np.array(numbers, dtype=np.int64)


def node(op: str, inputs: str, output: str = "y", **attributes: Any) -> NodeProto:
    """A node whose inputs are named in one string, "-" for one left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, [output], name=f"the-{op.lower()}", **attributes)


def model(
    nodes: list[NodeProto],
    constants: dict[str, np.ndarray | TensorProto] | None = None,
    *,
    opset: int = 17,
    outputs: tuple[str, ...] = ("y",),
    shape: tuple[int | str, ...] | None = PICTURE,
    dtype: int = TensorProto.FLOAT,
) -> ModelProto:
    """A model of these nodes; nothing checks that it is valid."""
    tensors = []
    for name, value in (constants or {}).items():
        tensor = value if isinstance(value, TensorProto) else to_proto.from_array(value)
        tensor.name = name
        tensors.append(tensor)
    inputs = [] if shape is None else [helper.make_tensor_value_info("x", dtype, shape)]
    graph = helper.make_graph(
        nodes,
        "case",
        inputs,
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in outputs
        ],
        tensors,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 8
    return made


def raw(
    dims: tuple[int, ...], data: bytes, dtype: int = TensorProto.FLOAT
) -> TensorProto:
    """A tensor with raw_data that need not fit."""
    tensor = TensorProto(data_type=dtype, raw_data=data)
    tensor.dims.extend(dims)
    return tensor


def invalid() -> dict[str, tuple[ModelProto | bytes, str, str]]:
    """Name to (file, error kind, part of the error's text)."""
    weights = {"w": noise(4, 3, 3, 3)}
    relu = [node("Relu", "x")]
    cases: dict[str, tuple[ModelProto | bytes, str, str]] = {}

    def add(name: str, kind: str, text: str, made: ModelProto | bytes) -> None:
        cases[name] = (made, kind, text)

    # the file
    add("empty", "bad-input", "", b"")
    add("text", "bad-input", "not an ONNX model", b"I am no network.\n")
    add("zeros", "bad-input", "not an ONNX model", bytes(64))
    add("no-graph", "bad-input", "not an ONNX model", ModelProto(ir_version=8))
    add("opset-6", "unsupported", "opset 6", model(relu, opset=6))
    add("opset-99", "unsupported", "opset 99", model(relu, opset=99))
    made = model(relu)
    del made.opset_import[:]
    add("no-opset", "unsupported", "opset", made)

    # inputs and outputs
    add(
        "no-input",
        "bad-input",
        "no input",
        model(relu, {"x": noise(1, 3, 8, 8)}, shape=None),
    )
    made = model([node("Add", "x z")])
    made.graph.input.append(
        helper.make_tensor_value_info("z", TensorProto.FLOAT, PICTURE)
    )
    add("two-inputs", "unsupported", "more than one input", made)
    add("input-of-rank-3", "unsupported", '"x"', model(relu, shape=(3, 8, 8)))
    add(
        "input-of-batch-2", "unsupported", "batch of 2 images", model(relu, shape=(2, 3, 8, 8))
    )
    add("input-of-4-channels", "unsupported", '"x"', model(relu, shape=(1, 4, 8, 8)))
    add("input-of-another-size", "bad-input", '"x"', model(relu, shape=(1, 3, 9, 8)))
    add(
        "input-of-integers",
        "unsupported",
        "float",
        model(relu, dtype=TensorProto.INT64),
    )
    add("input-without-shape", "unsupported", '"x"', model(relu, shape=()))
    add("output-that-nothing-makes", "bad-input", '"z"', model(relu, outputs=("z",)))
    add("no-output", "bad-input", "0 outputs", model(relu, outputs=()))

    # nodes
    add("unknown-operator", "unsupported", "Det", model([node("Det", "x")]))
    made = model([node("Relu", "x")])
    made.graph.node[0].domain = "com.example"
    add("unknown-domain", "unsupported", "com.example", made)
    add(
        "unknown-attribute",
        "unsupported",
        '"colour"',
        model([node("Relu", "x", colour=1)]),
    )
    add(
        "no-operator",
        "bad-input",
        "no operator",
        model([NodeProto(input=["x"], output=["y"])]),
    )
    add("too-few-inputs", "bad-input", "the-add", model([node("Add", "x")]))
    add("too-many-inputs", "bad-input", "the-relu", model([node("Relu", "x x")]))
    made = model(relu)
    del made.graph.node[0].output[:]
    add("node-without-output", "bad-input", "the-relu", made)
    add("missing-initializer", "bad-input", '"w"', model([node("Conv", "x w")]))
    add(
        "cycle",
        "bad-input",
        '"b"',
        model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b")]),
    )
    add("node-that-feeds-itself", "bad-input", '"y"', model([node("Add", "x y")]))
    add(
        "wrong-order",
        "bad-input",
        '"a"',
        model([node("Relu", "a"), node("Relu", "x", "a")]),
    )
    add(
        "two-values-of-one-name",
        "bad-input",
        '"a"',
        model([node("Relu", "x", "a"), node("Relu", "x", "a"), node("Relu", "a")]),
    )
    add(
        "subgraph",
        "unsupported",
        "If",
        model([node("If", "x", then_branch=model(relu).graph)]),
    )

    # constants
    add(
        "raw-data-too-short",
        "bad-input",
        '"w"',
        model([node("Add", "x w")], {"w": raw((8,), bytes(31))}),
    )
    add(
        "raw-data-too-long",
        "bad-input",
        '"w"',
        model([node("Add", "x w")], {"w": raw((8,), bytes(33))}),
    )
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[8], float_data=[1.0] * 7)
    add(
        "float-data-too-short",
        "bad-input",
        '"w"',
        model([node("Add", "x w")], {"w": tensor}),
    )
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[8])
    add("no-data", "bad-input", '"w"', model([node("Add", "x w")], {"w": tensor}))
    add(
        "negative-dimension",
        "bad-input",
        '"w"',
        model([node("Add", "x w")], {"w": raw((-8,), bytes(32))}),
    )
    add(
        "absurd-dimensions",
        "over-limit",
        '"w"',
        model([node("Add", "x w")], {"w": raw((1 << 40, 1 << 40), bytes(32))}),
    )
    add(
        "dimensions-that-overflow",
        "over-limit",
        '"w"',
        model([node("Add", "x w")], {"w": raw((1 << 32, 1 << 32), b"")}),
    )
    add(
        "dimensions-that-overflow-beside-a-zero",
        "over-limit",
        '"w"',
        model([node("Add", "x w")], {"w": raw((0, 1 << 62, 1 << 62), b"")}),
    )
    add(
        "seven-dimensions",
        "unsupported",
        '"w"',
        model([node("Add", "x w")], {"w": noise(1, 1, 1, 1, 1, 1, 1)}),
    )
    tensor = TensorProto(data_type=TensorProto.STRING, dims=[1], string_data=[b"cat"])
    add(
        "constant-of-text",
        "unsupported",
        '"w"',
        model([node("Add", "x w")], {"w": tensor}),
    )
    tensor = raw((8,), b"")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    add(
        "data-in-another-file",
        "unsupported",
        "another file",
        model([node("Add", "x w")], {"w": tensor}),
    )
    add(
        "not-a-number",
        "bad-input",
        '"w"',
        model([node("Add", "x w")], {"w": np.array([np.nan], np.float32)}),
    )
    add(
        "constant-node-without-value",
        "unsupported",
        "the-constant",
        model([node("Constant", "", "w"), node("Add", "x w")]),
    )

    # convolutions
    add(
        "conv-without-weights",
        "bad-input",
        "the-conv",
        model([node("Conv", "x - b")], {"b": noise(4)}),
    )
    add(
        "conv-of-other-channels",
        "bad-input",
        "the-conv",
        model([node("Conv", "x w")], {"w": noise(4, 2, 3, 3)}),
    )
    add(
        "conv-of-other-kernel",
        "bad-input",
        "the-conv",
        model([node("Conv", "x w", kernel_shape=[5, 5])], weights),
    )
    add(
        "conv-of-no-rows",
        "bad-input",
        "the-conv",
        model([node("Conv", "x w")], {"w": noise(4, 3, 0, 3)}),
    )
    add(
        "conv-of-no-filters",
        "bad-input",
        "the-conv",
        model([node("Conv", "x w")], {"w": noise(0, 3, 3, 3)}),
    )
    add(
        "conv-of-group-0",
        "bad-input",
        "group",
        model([node("Conv", "x w", group=0)], weights),
    )
    add(
        "conv-of-group-2",
        "bad-input",
        "the-conv",
        model([node("Conv", "x w", group=2)], weights),
    )
    add(
        "conv-of-stride-0",
        "bad-input",
        "strides",
        model([node("Conv", "x w", strides=[0, 1])], weights),
    )
    add(
        "conv-of-stride--1",
        "bad-input",
        "strides",
        model([node("Conv", "x w", strides=[1, -1])], weights),
    )
    add(
        "conv-of-dilation-0",
        "bad-input",
        "dilations",
        model([node("Conv", "x w", dilations=[0, 0])], weights),
    )
    add(
        "conv-of-1-stride",
        "unsupported",
        "strides",
        model([node("Conv", "x w", strides=[1])], weights),
    )
    add(
        "conv-of-3-pads",
        "unsupported",
        "pads",
        model([node("Conv", "x w", pads=[1, 1, 1])], weights),
    )
    add(
        "conv-of-negative-pads",
        "bad-input",
        "pads",
        model([node("Conv", "x w", pads=[0, 0, -1, 0])], weights),
    )
    add(
        "conv-of-absurd-pads",
        "over-limit",
        "the-conv",
        model([node("Conv", "x w", pads=[2**31 - 1] * 4)], weights),
    )
    add(
        "conv-of-overflowing-pads",
        "bad-input",
        "pads",
        model([node("Conv", "x w", pads=[2**62] * 4)], weights),
    )
    add(
        "conv-larger-than-the-picture",
        "bad-input",
        "window",
        model([node("Conv", "x w")], {"w": noise(4, 3, 9, 9)}),
    )
    add(
        "conv-of-absurd-dilation",
        "bad-input",
        "window",
        model([node("Conv", "x w", dilations=[2**31 - 1] * 2)], weights),
    )
    add(
        "conv-of-unknown-padding",
        "unsupported",
        "auto_pad",
        model([node("Conv", "x w", auto_pad="MOST")], weights),
    )
    add(
        "conv-of-the-picture-itself",
        "unsupported",
        "the-conv",
        model([node("Conv", "x x")]),
    )
    add(
        "conv-of-integer-weights",
        "unsupported",
        "the-conv",
        model([node("Conv", "x w")], {"w": np.ones((4, 3, 3, 3), np.int64)}),
    )
    add(
        "conv-bias-too-short",
        "bad-input",
        "the-conv",
        model([node("Conv", "x w b")], weights | {"b": noise(3)}),
    )

    # the other layers
    three = {name: noise(3) for name in "sbmv"}
    add(
        "dropout-in-training",
        "unsupported",
        "training mode",
        model(
            [node("Dropout", "x ratio training")],
            {"ratio": np.array(0.5, np.float32), "training": np.array(True)},
        ),
    )
    batch_norm = "BatchNormalization"
    add(
        "batch-norm-in-training",
        "unsupported",
        "training",
        model([node(batch_norm, "x s b m v", training_mode=1)], three),
    )
    add(
        "batch-norm-without-mean",
        "bad-input",
        "the-batchn",
        model([node(batch_norm, "x s b - v")], three),
    )
    add(
        "batch-norm-of-other-channels",
        "bad-input",
        "the-batchn",
        model([node(batch_norm, "x s b m v")], three | {"m": noise(4)}),
    )
    flat = node("Flatten", "x", "f")
    add(
        "gemm-without-weights",
        "bad-input",
        "the-gemm",
        model([flat, node("Gemm", "f - c")], {"c": noise(5)}),
    )
    add(
        "gemm-of-other-length",
        "bad-input",
        "the-gemm",
        model([flat, node("Gemm", "f w")], {"w": noise(191, 5)}),
    )
    add(
        "gemm-of-other-bias",
        "bad-input",
        "the-gemm",
        model([flat, node("Gemm", "f w c")], {"w": noise(192, 5), "c": noise(4)}),
    )
    add(
        "add-of-other-shape",
        "bad-input",
        "the-add",
        model([node("Add", "x w")], {"w": noise(7)}),
    )
    add(
        "add-of-integers",
        "bad-input",
        "the-add",
        model([node("Add", "x w")], {"w": ints(1)}),
    )
    add(
        "clip-of-two-minima",
        "bad-input",
        "the-clip",
        model([node("Clip", "x a")], {"a": noise(2)}),
    )
    add(
        "pad-of-unknown-mode",
        "unsupported",
        "mode",
        model([node("Pad", "x p", mode="mirror")], {"p": ints(*[0] * 8)}),
    )
    add(
        "pad-that-crops-all",
        "bad-input",
        "the-pad",
        model([node("Pad", "x p")], {"p": ints(0, 0, -5, 0, 0, 0, -4, 0)}),
    )
    add(
        "pad-of-too-few",
        "bad-input",
        "the-pad",
        model([node("Pad", "x p")], {"p": ints(0, 0, 1, 1)}),
    )
    add(
        "pad-of-too-few-before-opset-11",
        "bad-input",
        "the-pad",
        model([node("Pad", "x", pads=[0, 0, 1, 1])], opset=10),
    )
    add(
        "pad-absurdly",
        "over-limit",
        "the-pad",
        model([node("Pad", "x p")], {"p": ints(*[2**31 - 1] * 8)}),
    )
    add(
        "reduce-an-axis-that-is-not-there",
        "bad-input",
        "axis",
        model([node("ReduceMean", "x", axes=[4])]),
    )
    add(
        "reduce-an-axis-twice",
        "bad-input",
        "axis",
        model([node("ReduceMean", "x", axes=[2, -2])]),
    )
    add(
        "softmax-of-no-axis", "bad-input", "axis", model([node("Softmax", "x", axis=4)])
    )

    # shapes
    add(
        "reshape-to-another-size",
        "bad-input",
        "the-reshape",
        model([node("Reshape", "x s")], {"s": ints(1, 191)}),
    )
    add(
        "reshape-to-two-unknowns",
        "bad-input",
        "the-reshape",
        model([node("Reshape", "x s")], {"s": ints(-1, -1)}),
    )
    add(
        "reshape-to-floats",
        "bad-input",
        "the-reshape",
        model([node("Reshape", "x s")], {"s": noise(2)}),
    )
    add(
        "reshape-to-the-picture",
        "unsupported",
        "the-reshape",
        model([node("Reshape", "x x")]),
    )
    add(
        "transpose-of-5-axes",
        "bad-input",
        "perm",
        model([node("Transpose", "x", perm=[0, 1, 2, 3, 4])]),
    )
    add(
        "transpose-of-one-axis-twice",
        "bad-input",
        "perm",
        model([node("Transpose", "x", perm=[0, 1, 1, 3])]),
    )
    add(
        "concat-of-other-shape",
        "bad-input",
        "the-concat",
        model([node("Concat", "x w", axis=1)], {"w": noise(1, 3, 8)}),
    )
    add(
        "slice-by-0",
        "bad-input",
        "step",
        model(
            [node("Slice", "x a b c d")],
            {"a": ints(0), "b": ints(9), "c": ints(1), "d": ints(0)},
        ),
    )
    add(
        "gather-out-of-range",
        "bad-input",
        "the-gather",
        model([node("Gather", "x i", axis=1)], {"i": ints(0, 3)}),
    )
    add(
        "gather-shape-out-of-range",
        "bad-input",
        "the-gather",
        model(
            [
                node("Shape", "x", "s"),
                node("Gather", "s i", "t"),
                node("Reshape", "x t"),
            ],
            {"i": ints(4)},
        ),
    )
    add(
        "division-by-zero",
        "bad-input",
        "zero",
        model(
            [node("Div", "a b", "t"), node("Reshape", "x t")],
            {"a": ints(192), "b": ints(0)},
        ),
    )
    add(
        "fill-absurdly",
        "over-limit",
        "the-constantofshape",
        model(
            [node("ConstantOfShape", "s", "t"), node("Add", "x t")],
            {"s": ints(2**30, 2**30)},
        ),
    )
    add(
        "fill-negatively",
        "bad-input",
        "the-constantofshape",
        model([node("ConstantOfShape", "s", "t"), node("Add", "x t")], {"s": ints(-1)}),
    )
    add(
        "cast-to-text",
        "unsupported",
        "the-cast",
        model([node("Cast", "x", to=TensorProto.STRING)]),
    )
    add(
        "cast-of-the-picture-to-integers",
        "unsupported",
        "the-cast",
        model([node("Cast", "x", to=TensorProto.INT64)]),
    )
    attribute = AttributeProto(name="axis", type=AttributeProto.STRING, s=b"one")
    made = model([node("Flatten", "x")])
    made.graph.node[0].attribute.append(attribute)
    add("attribute-of-another-type", "bad-input", "axis", made)

    # equations
    for name, equation, text in (
        ("of-another-rank", "nchwk->n", "does not fit 4 dimensions"),
        ("of-two-operands", "nchw,nchw->n", "not one for 1 inputs"),
        ("with-an-odd-letter", "nc*w->n", 'has a "*"'),
        ("of-two-lengths", "nccw->n", 'its "c" is both 3 and 8 long'),
        ("with-an-unknown-output", "nchw->k", 'a "k" too many'),
        ("with-an-output-twice", "nchw->nn", 'a "n" too many'),
        ("with-half-an-arrow", "nchw-nc", "not one for 1 inputs"),
    ):
        made = model([node("Einsum", "x", equation=equation)])
        add(f"einsum-{name}", "bad-input", text, made)
    add("einsum-of-nothing", "bad-input", "no equation", model([node("Einsum", "x")]))
    made = model([node("Einsum", "x o x", equation="nchw,,nchw->n")])
    made.graph.node[0].input[1] = ""
    add("einsum-with-a-hole", "bad-input", "its input 1 is missing", made)
    made = model([node("Einsum", "x x x x x", equation="a...,a,a,a,a->a")])
    add("einsum-of-five", "unsupported", "at most 4 are supported", made)
    return cases


def f_pad() -> list[NodeProto]:
    """What torch.onnx.export makes of F.pad with a computed border: the list
    is padded with zeros, reshaped to pairs, turned round and transposed."""
    return [
        helper.make_node("Shape", ["few"], ["count"]),
        node("Gather", "count zero", "length"),
        node("Sub", "eight length", "missing"),
        node("ConstantOfShape", "missing", "zeros", value=to_proto.from_array(ints(0))),
        node("Concat", "few zeros", "list", axis=0),
        node("Reshape", "list pairs", "rows"),
        node("Slice", "rows minus1 most zero minus1", "turned"),
        node("Transpose", "turned", "columns", perm=[1, 0]),
        node("Reshape", "columns minus1", "flat"),
        node("Cast", "flat", "borders", to=TensorProto.INT64),
        node("Pad", "x borders value", mode="constant"),
    ]


def operators() -> dict[str, ModelProto]:
    """Name to a file whose output the reference evaluator computes."""
    cases: dict[str, ModelProto] = {}
    w33, w53 = noise(4, 3, 3, 3), noise(2, 3, 5, 3)

    cases["add-a-constant-for-each-row"] = model(
        [node("Add", "w x")], {"w": noise(8, 1)}
    )
    cases["add-to-a-larger-shape"] = model(
        [node("Add", "x w")], {"w": noise(2, 3, 8, 8)}
    )
    cases["subtract-from-a-constant"] = model(
        [node("Sub", "w x")], {"w": noise(3, 1, 1)}
    )
    cases["multiply-by-itself"] = model([node("Mul", "x x")])
    cases["divide-a-constant"] = model(
        [node("Add", "x w", "a"), node("Div", "w a")], {"w": np.float32(3).reshape(())}
    )
    cases["relu"] = model([node("Relu", "x")])
    cases["clip-by-attributes"] = model(
        [node("Clip", "x", min=-0.5, max=0.25)], opset=10
    )
    cases["clip-from-above"] = model(
        [node("Clip", "x - b")], {"b": np.array(0.25, np.float32)}
    )
    cases["clip-of-minimum-over-maximum"] = model(
        [node("Clip", "x a b")],
        {"a": np.array(0.5, np.float32), "b": np.array(-0.5, np.float32)},
    )
    for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        name = auto_pad.lower().replace("_", "-")
        cases[f"conv-{name}"] = model(
            [node("Conv", "x w b", auto_pad=auto_pad, strides=[2, 2])],
            {"w": w33, "b": noise(4)},
        )
    cases["conv-unlike-rows-and-columns"] = model(
        [node("Conv", "x w", pads=[2, 0, 1, 1], strides=[2, 1], dilations=[1, 2])],
        {"w": w53},
    )
    cases["conv-depthwise"] = model(
        [node("Conv", "x w", group=3, pads=[1, 1, 1, 1])], {"w": noise(3, 1, 3, 3)}
    )
    cases["conv-depthwise-two-filters-a-channel"] = model(
        [node("Conv", "x w b", group=3, pads=[1, 1, 1, 1])],
        {"w": noise(6, 1, 3, 3), "b": noise(6)},
    )
    cases["conv-in-two-groups"] = model(
        [node("Conv", "x w", "a"), node("Conv", "a v", group=2)],
        {"w": w33, "v": noise(6, 2, 1, 1)},
    )
    cases["conv-of-float16-weights"] = model(
        [node("Cast", "w", "f", to=TensorProto.FLOAT), node("Conv", "x f")],
        {"w": w33.astype(np.float16)},
    )
    batch = {
        "s": noise(3),
        "b": noise(3),
        "m": noise(3),
        "v": np.abs(noise(3)) + np.float32(0.1),
    }
    cases["batch-norm-alone"] = model(
        [node("BatchNormalization", "x s b m v", epsilon=1e-3)], batch
    )
    cases["batch-norm-of-default-epsilon"] = model(
        [node("BatchNormalization", "x s b m v")],
        batch | {"v": np.full(3, 1e-5, np.float32)},
    )
    cases["pad-every-axis"] = model(
        [node("Pad", "x p v")],
        {"p": ints(0, 1, 2, 0, 1, 0, 3, 4), "v": np.array(2.5, np.float32)},
    )
    cases["pad-some-axes"] = model(
        [node("Pad", "x p - a")], {"p": ints(1, 2, 3, 4), "a": ints(-1, 2)}, opset=18
    )
    cases["pad-by-attributes"] = model(
        [node("Pad", "x", pads=[0, 0, 1, 2, 0, 0, 3, 4], value=0.5)], opset=10
    )
    cases["pad-as-torch-exports-it"] = model(
        f_pad(),
        {
            "few": ints(1, 2, 3, 4),
            "zero": ints(0),
            "eight": ints(8),
            "pairs": ints(-1, 2),
            "minus1": ints(-1),
            "most": ints(-(2**63) + 1),
            "value": np.array(0, np.float32),
        },
        opset=13,
    )
    cases["mean-of-all"] = model([node("ReduceMean", "x", keepdims=0)])
    cases["mean-by-attribute"] = model(
        [node("ReduceMean", "x", axes=[-1, 2], keepdims=0)]
    )
    cases["mean-by-operand"] = model(
        [node("ReduceMean", "x a")], {"a": ints(1, -2)}, opset=18
    )
    cases["mean-of-the-empty-operand"] = model(
        [node("ReduceMean", "x a")], {"a": ints()}, opset=18
    )
    cases["mean-that-is-none"] = model(
        [node("ReduceMean", "x a", noop_with_empty_axes=1)], {"a": ints()}, opset=18
    )
    cases["global-average-pool"] = model([node("GlobalAveragePool", "x")])
    flat = node("Flatten", "x", "f")
    cases["gemm-of-all-attributes"] = model(
        [flat, node("Gemm", "f w c", alpha=0.5, beta=-2.0, transB=1)],
        {"w": noise(5, 192), "c": noise(5)},
    )
    cases["gemm-of-scalar-bias"] = model(
        [flat, node("Gemm", "f w c")], {"w": noise(192, 5), "c": noise(1)}
    )
    cases["gemm-of-row-bias"] = model(
        [flat, node("Gemm", "f w c")], {"w": noise(192, 5), "c": noise(1, 5)}
    )
    cases["gemm-without-bias"] = model(
        [flat, node("Gemm", "f w")], {"w": noise(192, 5)}
    )
    cases["matmul-of-the-last-axis"] = model(
        [node("MatMul", "x w")], {"w": noise(8, 5)}
    )
    for axis in (1, 2, -1):
        cases[f"softmax-of-axis-{axis % 4}"] = model([node("Softmax", "x", axis=axis)])
    cases["softmax-of-default-axis"] = model([node("Softmax", "x")])
    # The evaluator takes the newest default whatever the opset: the axis is said.
    cases["old-softmax"] = model(
        [node("GlobalAveragePool", "x", "a"), node("Softmax", "a", axis=1)], opset=11
    )
    cases["reshape-by-zero-and-minus-one"] = model(
        [node("Reshape", "x s")], {"s": ints(0, -1, 4, 2)}
    )
    cases["flatten-from-axis-2"] = model([node("Flatten", "x", axis=2)])
    cases["flatten-from-the-end"] = model([node("Flatten", "x", axis=-1)])
    cases["squeeze-and-unsqueeze-by-attribute"] = model(
        [node("Squeeze", "x", "a", axes=[0]), node("Unsqueeze", "a", axes=[3, 1])],
        opset=11,
    )
    cases["squeeze-and-unsqueeze-by-operand"] = model(
        [node("Squeeze", "x a", "b"), node("Unsqueeze", "b c")],
        {"a": ints(0), "c": ints(-1, 0)},
    )
    cases["squeeze-all"] = model([node("Squeeze", "x")])
    cases["transpose"] = model([node("Transpose", "x", perm=[3, 0, 2, 1])])
    cases["transpose-by-default"] = model([node("Transpose", "x")])
    cases["concat"] = model(
        [node("Concat", "x w x", axis=-2)], {"w": noise(1, 3, 2, 8)}
    )
    cases["slice-backwards"] = model(
        [node("Slice", "x a b c d")],
        {"a": ints(-1, 6), "b": ints(-(2**63), 0), "c": ints(3, 2), "d": ints(-1, -2)},
    )
    cases["slice-without-axes"] = model(
        [node("Slice", "x a b")], {"a": ints(0, 1), "b": ints(1, 2**63 - 1)}
    )
    cases["gather-a-channel"] = model(
        [node("Gather", "x i", axis=1)], {"i": np.array(1, np.int64)}
    )
    cases["gather-from-the-end"] = model(
        [node("Gather", "x i", axis=3)], {"i": np.array([[-1, 0], [3, 3]], np.int64)}
    )
    cases["fill-of-default"] = model(
        [node("ConstantOfShape", "s", "t"), node("Add", "x t")], {"s": ints(3, 1, 1)}
    )
    cases["fill-of-a-value"] = model(
        [
            node(
                "ConstantOfShape",
                "s",
                "t",
                value=to_proto.from_array(np.array([1.5], np.float32)),
            ),
            node("Mul", "x t"),
        ],
        {"s": ints(8)},
    )
    cases["shape-arithmetic"] = model(
        [
            node("Shape", "x", "s"),
            node("Gather", "s one", "c"),
            node("Mul", "c c", "cc"),
            node("Sub", "cc one", "d"),
            node("Div", "d two", "e"),
            node("Unsqueeze", "e zero", "f"),
            node("Concat", "f minus1", "g", axis=0),
            node("Reshape", "x g"),
        ],
        {
            "one": np.array(1, np.int64),
            "two": np.array(2, np.int64),
            "zero": ints(0),
            "minus1": ints(-1),
        },
    )
    cases["expand-the-picture"] = model([node("Expand", "x s")], {"s": ints(2, 3, 1, 1, 8)})
    cases["expand-a-mean"] = model([node("GlobalAveragePool", "x", "a"), node("Expand", "a s")], {"s": ints(3, 4, 5)})
    cases["part-of-a-shape"] = model(
        [
            node("Shape", "x", "s", start=1, end=-1),
            node("Concat", "s minus1", "t", axis=0),
            node("Reshape", "x t"),
        ],
        {"minus1": ints(-1)},
    )
    cases["cast-like"] = model(
        [node("CastLike", "i x", "f"), node("Mul", "x f")], {"i": ints(3)}, opset=18
    )
    cases["dropout-and-identity"] = model(
        [node("Dropout", "x", "a"), node("Identity", "a", "b"), node("Relu", "b")]
    )
    cases["constant-nodes"] = model(
        [
            node("Constant", "", "a", value_float=0.5),
            node(
                "Constant",
                "",
                "b",
                value_floats=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
            ),
            node("Constant", "", "s", value_ints=[0, -1]),
            node("Mul", "x a", "c"),
            node("Add", "c b", "d"),
            node("Reshape", "d s"),
        ]
    )
    return cases


def save_operator(
    folder: Path, name: str, made: ModelProto, output: np.ndarray | None = None
) -> None:
    """Writes one case of operators, with what the evaluator makes of it."""
    case = folder / "operators" / name
    case.mkdir(parents=True, exist_ok=True)
    onnx.save(made, case / "model.onnx")
    if output is None:
        (output,) = ReferenceEvaluator(made).run(None, {"x": picture()})
    np.save(case / "output.npy", np.ascontiguousarray(output, dtype=np.float32))


def main(folder: Path) -> None:
    """Writes all cases anew."""
    import onnx_math  # these take their tools from here
    import onnx_window

    shutil.rmtree(folder / "invalid-onnx", ignore_errors=True)
    shutil.rmtree(folder / "operators", ignore_errors=True)
    for name, (made, kind, text) in (invalid() | onnx_window.invalid()).items():
        case = folder / "invalid-onnx" / name
        case.mkdir(parents=True)
        case.joinpath("model.onnx").write_bytes(
            made if isinstance(made, bytes) else made.SerializeToString()
        )
        case.joinpath("error").write_text(f"{kind}\n{text}\n")
    for name, made in operators().items():
        save_operator(folder, name, made)
    for name, made in onnx_math.operators().items():
        save_operator(folder, name, made, onnx_math.run(made))
    for name, made in onnx_window.operators().items():
        save_operator(folder, name, made, onnx_window.run(made, picture()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
