"""The cases of operators that compute, for onnx_cases.py.

Usage: onnx_math.py FOLDER (such as tests/cases) makes just these anew."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from onnx_cases import ints, model, node, picture, save_operator

RNG = np.random.default_rng(11)


def noise(*shape: int) -> np.ndarray:
    """Weights that the other cases do not depend on."""
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def number(value: float) -> np.ndarray:
    """A scalar."""
    return np.array(value, np.float32)


# Operator, attributes, opset.
UNARY = [
    ("Abs", {}, 17),
    ("Asin", {}, 17),
    ("Acos", {}, 17),
    ("Atan", {}, 17),
    ("Asinh", {}, 17),
    ("Ceil", {}, 17),
    ("Celu", {"alpha": 2.0}, 17),
    ("Cos", {}, 17),
    ("Cosh", {}, 17),
    ("Elu", {}, 17),
    ("Elu", {"alpha": 0.5}, 17),
    ("Erf", {}, 17),
    ("Exp", {}, 17),
    ("Floor", {}, 17),
    ("Gelu", {}, 20),
    ("Gelu", {"approximate": "tanh"}, 20),
    ("HardSigmoid", {}, 17),
    ("HardSigmoid", {"alpha": 1.5, "beta": 0.25}, 17),
    ("HardSwish", {}, 17),
    ("LeakyRelu", {}, 17),
    ("LeakyRelu", {"alpha": 0.25}, 17),
    ("Mish", {}, 18),
    ("Neg", {}, 17),
    ("Round", {}, 17),
    ("Selu", {}, 17),
    ("Selu", {"alpha": 1.5, "gamma": 2.0}, 17),
    ("Shrink", {"lambd": 0.75, "bias": 0.25}, 17),
    ("Sigmoid", {}, 17),
    ("Sign", {}, 17),
    ("Sin", {}, 17),
    ("Sinh", {}, 17),
    ("Softplus", {}, 17),
    ("Softsign", {}, 17),
    ("Tan", {}, 17),
    ("Tanh", {}, 17),
    ("ThresholdedRelu", {}, 17),
    ("ThresholdedRelu", {"alpha": 0.25}, 17),
]


def activations() -> dict[str, ModelProto]:
    """Functions of one number."""
    cases: dict[str, ModelProto] = {}
    for op, attributes, opset in UNARY:
        name = "-".join(
            ["function", op.lower()] + [f"{k}-{v}" for k, v in attributes.items()]
        )
        cases[name] = model(
            [node("Mul", "x three", "a"), node(op, "a", **attributes)]
            if op not in ("Asin", "Acos", "Tan", "Atanh")
            else [node(op, "x", **attributes)],
            {"three": number(3)},
            opset=opset,
        )
    for op in ("Log", "Sqrt", "Reciprocal", "Acosh"):
        cases[f"function-{op.lower()}-of-more-than-1"] = model(
            [node("Abs", "x", "a"), node("Add", "a c", "b"), node(op, "b")],
            {"c": number(1.125)},
        )
    cases["not-a-number"] = model(
        [node("Sqrt", "x", "a"), node("IsNaN", "a", "b"), node("Where", "b two a")],
        {"two": number(2)},
    )
    for name, attributes in (
        ("infinite", {}),
        ("infinite-below", {"detect_positive": 0}),
        ("infinite-above", {"detect_negative": 0}),
    ):
        cases[name] = model(
            [
                node("Round", "x", "r"),
                node("Abs", "r", "a"),
                node("Div", "x a", "b"),
                node("IsInf", "b", "c", **attributes),
                node("Cast", "c", to=TensorProto.FLOAT),
            ],
            opset=20,
        )
    cases["function-atanh"] = model(
        [node("Mul", "x half", "a"), node("Atanh", "a")], {"half": number(0.5)}
    )
    cases["round-halves"] = model(
        [
            node("Mul", "x c", "a"),
            node("Round", "a", "b"),
            node("Mul", "b half", "d"),
            node("Round", "d", "e"),
            node("Mul", "e x"),
        ],
        {"c": number(50), "half": number(0.5)},
    )
    cases["function-after-a-convolution"] = model(
        [
            node("Conv", "x w b", "a", pads=[1, 1, 1, 1]),
            node("HardSigmoid", "a", "c", alpha=1 / 6),
            node("Mul", "a c", "d"),
            node("Sigmoid", "d", "e"),
            node("Mul", "e d"),
        ],
        {"w": noise(4, 3, 3, 3), "b": noise(4)},
    )
    cases["squeeze-and-excite"] = model(
        [
            node("GlobalAveragePool", "x", "a"),
            node("Conv", "a w", "b"),
            node("HardSigmoid", "b", "c", alpha=1 / 6, beta=0.5),
            node("Mul", "x c"),
        ],
        {"w": noise(3, 3, 1, 1)},
    )
    cases["prelu-of-channels"] = model([node("PRelu", "x s")], {"s": noise(3, 1, 1)})
    cases["prelu-of-a-convolution"] = model(
        [node("Conv", "x w", "a"), node("PRelu", "a s")],
        {"w": noise(4, 3, 3, 3), "s": noise(4, 1, 1)},
    )
    cases["prelu-of-one-slope"] = model([node("PRelu", "x s")], {"s": noise(1)})
    cases["prelu-of-rows"] = model([node("PRelu", "x s")], {"s": noise(8, 1)})
    cases["gelu-spelt-out"] = model(
        [
            node("Div", "x r", "a"),
            node("Erf", "a", "b"),
            node("Add", "b one", "c"),
            node("Mul", "x c", "d"),
            node("Mul", "d half"),
        ],
        {"r": number(2**0.5), "one": number(1), "half": number(0.5)},
    )
    return cases


def idioms() -> dict[str, ModelProto]:
    """What exporters spell out, and what only looks like it."""
    cases: dict[str, ModelProto] = {}
    some = {
        "r": number(2**0.5),
        "i": number(0.5**0.5),
        "one": number(1),
        "half": number(0.5),
        "three": number(3),
        "six": number(6),
        "zero": number(0),
        "sixth": number(1 / 6),
    }
    scaled = node("Mul", "x six", "a")
    gate = [scaled, node("Mul", "a i", "m"), node("Erf", "m", "e")]
    cases["gelu-as-dynamo-has-it"] = model(
        [
            *gate,
            node("Mul", "a half", "h"),
            node("Add", "e one", "s"),
            node("Mul", "h s"),
        ],
        some,
    )
    cases["gelu-of-the-halved-gate"] = model(
        [
            *gate,
            node("Add", "one e", "s"),
            node("Mul", "half s", "h"),
            node("Mul", "h a"),
        ],
        some,
    )
    cases["no-gelu-but-of-another"] = model(
        [
            *gate,
            node("Add", "e one", "s"),
            node("Mul", "x s", "h"),
            node("Mul", "h half"),
        ],
        some,
    )
    cases["no-gelu-but-of-2"] = model(
        [
            *gate,
            node("Add", "e three", "s"),
            node("Mul", "a s", "h"),
            node("Mul", "h half"),
        ],
        some,
    )
    hard = [scaled, node("Add", "a three", "b"), node("Clip", "b zero six", "c")]
    cases["hard-swish-of-relu6"] = model(
        [*hard, node("Mul", "a c", "d"), node("Div", "d six")], some
    )
    cases["hard-swish-of-a-divided-gate"] = model(
        [*hard, node("Div", "c six", "d"), node("Mul", "d a")], some
    )
    cases["no-hard-swish-but-divided-by-3"] = model(
        [*hard, node("Mul", "a c", "d"), node("Div", "d three")], some
    )
    cases["hard-swish-of-hard-sigmoid"] = model(
        [scaled, node("HardSigmoid", "a", "b", alpha=1 / 6), node("Mul", "a b")], some
    )
    cases["no-hard-swish-but-of-a-fifth"] = model(
        [scaled, node("HardSigmoid", "a", "b", alpha=0.2), node("Mul", "a b")], some
    )
    cases["hard-swish-of-a-convolution"] = model(
        [
            node("Conv", "x w", "a"),
            node("HardSigmoid", "a", "b", alpha=1 / 6),
            node("Mul", "a b"),
        ],
        {"w": noise(4, 3, 3, 3) * 4},
    )
    norm = [node("ReduceMean", "x", "m", axes=[1, -1]), node("Sub", "x m", "d")]
    rest = [node("Add", "v one", "ve"), node("Sqrt", "ve", "r"), node("Div", "d r")]
    cases["normalization-spelt-out"] = model(
        [
            *norm,
            node("Mul", "d d", "q"),
            node("ReduceMean", "q", "v", axes=[1, 3]),
            *rest,
        ],
        {"one": number(1)},
    )
    cases["no-normalization-but-of-other-axes"] = model(
        [
            *norm,
            node("Mul", "d d", "q"),
            node("ReduceMean", "q", "v", axes=[1, 2]),
            *rest,
        ],
        {"one": number(1)},
    )
    cases["no-normalization-but-of-the-mean"] = model(
        [
            *norm,
            node("Mul", "d x", "q"),
            node("Abs", "q", "p"),
            node("ReduceMean", "p", "v", axes=[1, 3]),
            *rest,
        ],
        {"one": number(1)},
    )
    for name, border in (
        ("lrn-as-torch-has-it", (1, 1)),
        ("no-lrn-but-lopsided", (2, 0)),
    ):
        pads = np.zeros(10, np.int64)
        pads[2], pads[7] = border
        cases[name] = model(
            [
                node("Mul", "x x", "q"),
                node("Reshape", "q s", "v"),
                node("Pad", "v p", "b"),
                node("AveragePool", "b", "m", kernel_shape=[3, 1, 1]),
                node("Squeeze", "m one", "n"),
                node("Mul", "n alpha", "t"),
                node("Add", "t bias", "u"),
                node("Pow", "u beta", "w"),
                node("Div", "x w"),
            ],
            {
                "s": ints(1, 1, 3, 8, 8),
                "p": pads,
                "one": ints(1),
                "alpha": number(2),
                "bias": number(0.5),
                "beta": number(0.75),
            },
        )
    return cases


def arithmetic() -> dict[str, ModelProto]:
    """Of two numbers and more."""
    cases: dict[str, ModelProto] = {}
    some = {"w": noise(3, 1, 8), "v": noise(1, 3, 8, 8), "u": noise(8)}
    for op in ("Max", "Mean", "Min", "Sum"):
        cases[f"{op.lower()}-of-one"] = model([node(op, "x")])
        cases[f"{op.lower()}-of-two"] = model([node(op, "x w")], some)
        cases[f"{op.lower()}-of-four"] = model([node(op, "x w v u")], some)
    positive = [node("Abs", "x", "a"), node("Add", "a c", "b")]
    constants = {"c": number(0.125), "w": noise(3, 1, 1)}
    for exponent in (2.0, 0.5, -1.0, 3.0, -0.5, 1.0):
        cases[f"power-{exponent}"] = model(
            [*positive, node("Pow", "b e")], constants | {"e": number(exponent)}
        )
    cases["power-of-negatives"] = model([node("Pow", "x e")], {"e": number(3)})
    cases["power-of-an-integer"] = model(
        [node("Pow", "x e")], {"e": np.array([2], np.int64)}
    )
    cases["power-for-each-channel"] = model([*positive, node("Pow", "b w")], constants)
    cases["power-of-a-constant"] = model([node("Pow", "c x")], {"c": number(2.5)})
    cases["modulo-of-c"] = model([node("Mod", "x w", fmod=1)], {"w": noise(3, 1, 1)})
    cases["modulo-of-integers"] = model(
        [
            node("Mod", "a b", "c"),
            node("Cast", "c", "d", to=TensorProto.FLOAT),
            node("Add", "x d"),
        ],
        {"a": ints(-7, 7, -7, 7, 6, -6, 0, 1), "b": ints(3, -3, -3, 3, 3, 3, 5, -1)},
    )
    for op in ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"):
        cases[f"where-{op.lower()}"] = model(
            [node(op, "x c", "a"), node("Where", "a x w")],
            {"c": number(0.5), "w": noise(3, 1, 1)},
        )
    cases["where-of-logic"] = model(
        [
            node("Less", "x w", "a"),
            node("Greater", "x c", "b"),
            node("Not", "b", "d"),
            node("And", "a d", "e"),
            node("Xor", "e b", "f"),
            node("Or", "f t", "g"),
            node("Where", "g w x"),
        ],
        {
            "c": number(0.5),
            "w": noise(3, 1, 1),
            "t": np.arange(8) % 3 == 0,
        },
    )
    cases["where-of-a-constant"] = model(
        [node("Where", "t x w")], {"t": np.arange(8) % 3 == 0, "w": noise(3, 1, 1)}
    )
    cases["where-of-a-shape"] = model(
        [
            node("Shape", "x", "s"),
            node("Equal", "s eight", "a"),
            node("Where", "a one s", "b"),
            node("Max", "b two", "c"),
            node("Neg", "c", "d"),
            node("Abs", "d", "e"),
            node("Min", "e five", "f"),
            node("ConstantOfShape", "f", "g"),
            node("Mean", "g", "h"),
            node("ReduceMean", "h", "i", keepdims=0),
            node("Add", "i x"),
        ],
        {"eight": ints(8), "one": ints(1), "two": ints(2), "five": ints(5)},
    )
    return cases


REDUCTIONS = [
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
]


def reductions() -> dict[str, ModelProto]:
    """Over axes."""
    cases: dict[str, ModelProto] = {}
    for op in REDUCTIONS:
        name = op[6:].lower()
        x, before = "x", []
        if op == "ReduceLogSum":
            x, before = "a", [node("Abs", "x", "a")]
        old = {"opset": 11}
        cases[f"reduce-{name}-by-attribute"] = model(
            [*before, node(op, x, axes=[1, -1], keepdims=0)], **old
        )
        cases[f"reduce-{name}-of-pixels"] = model(
            [*before, node(op, x, axes=[2, 3])], **old
        )
        cases[f"reduce-{name}-of-all"] = model(
            [*before, node(op, x, keepdims=0)], **old
        )
        cases[f"reduce-{name}-by-operand"] = model(
            [*before, node(op, f"{x} a-x")], {"a-x": ints(1)}, opset=18
        )
        cases[f"reduce-{name}-of-a-convolution"] = model(
            [
                node("Conv", "x w", "c"),
                node("Abs", "c", "b"),
                node(op, "b", axes=[2, 3], keepdims=0),
            ],
            {"w": noise(4, 3, 3, 3)},
            **old,
        )
    cases["reduce-sum-of-none"] = model(
        [node("ReduceSum", "x a", noop_with_empty_axes=1)], {"a": ints()}
    )
    cases["reduce-prod-of-a-shape"] = model(
        [
            node("Shape", "x", "s"),
            node("ReduceProd", "s", "n", keepdims=1),
            node("Reshape", "x n"),
        ],
        opset=13,
    )
    return cases


def normalizations() -> dict[str, ModelProto]:
    """To mean 0 and variance 1, and what is called so."""
    cases: dict[str, ModelProto] = {}
    conv = node("Conv", "x w", "a", pads=[1, 1, 1, 1])
    some = {"w": noise(6, 3, 3, 3), "s": noise(6), "b": noise(6)}
    three = {"s": noise(3), "b": noise(3)}
    cases["instance-norm"] = model(
        [node("InstanceNormalization", "x s b", epsilon=0.125)], three
    )
    cases["instance-norm-of-a-convolution"] = model(
        [conv, node("InstanceNormalization", "a s b")], some
    )
    cases["instance-norm-of-a-row"] = model(
        [node("Reshape", "x r", "a"), node("InstanceNormalization", "a s b")],
        three | {"r": ints(2, 3, 32)},
    )
    cases["layer-norm"] = model(
        [node("LayerNormalization", "x s b")], {"s": noise(8), "b": noise(8)}
    )
    cases["layer-norm-without-bias"] = model(
        [node("LayerNormalization", "x s", axis=2, epsilon=0.5)], {"s": noise(8, 8)}
    )
    cases["layer-norm-of-all"] = model(
        [node("LayerNormalization", "x s b", axis=1)],
        {"s": noise(3, 8, 8), "b": noise(3, 8, 8)},
    )
    cases["layer-norm-as-in-convnext"] = model(
        [
            conv,
            node("Transpose", "a", "t", perm=[0, 2, 3, 1]),
            node("LayerNormalization", "t s b", "n", epsilon=1e-6),
            node("MatMul", "n v", "m"),
            node("Gelu", "m", "g"),
            node("MatMul", "g u", "l"),
            node("Mul", "l k", "o"),
            node("Transpose", "o", "p", perm=[0, 3, 1, 2]),
            node("Add", "a p"),
        ],
        some | {"v": noise(6, 12), "u": noise(12, 6), "k": noise(6)},
        opset=20,
    )
    cases["layer-norm-spelt-out"] = model(
        [
            conv,
            node("Transpose", "a", "t", perm=[0, 2, 3, 1]),
            node("ReduceMean", "t", "m", axes=[-1]),
            node("Sub", "t m", "d"),
            node("Pow", "d two", "q"),
            node("ReduceMean", "q", "v", axes=[-1]),
            node("Add", "v e", "ve"),
            node("Sqrt", "ve", "r"),
            node("Div", "d r", "n"),
            node("Mul", "n s", "ns"),
            node("Add", "ns b", "nb"),
            node("Transpose", "nb", perm=[0, 3, 1, 2]),
        ],
        some | {"two": number(2), "e": number(1e-6)},
    )
    cases["layer-norm-of-channels-first"] = model(
        [
            conv,
            node("ReduceMean", "a", "m", axes=[1]),
            node("Sub", "a m", "d"),
            node("Mul", "d d", "q"),
            node("ReduceMean", "q", "v", axes=[1]),
            node("Add", "v e", "ve"),
            node("Sqrt", "ve", "r"),
            node("Div", "d r", "n"),
            node("Mul", "c n"),
        ],
        some | {"c": noise(6, 1, 1), "e": number(1e-6)},
    )
    for opset, size in ((18, 2), (21, 6)):
        cases[f"group-norm-of-opset-{opset}"] = model(
            [conv, node("GroupNormalization", "a s b", num_groups=2)],
            {"w": some["w"], "s": noise(size), "b": noise(size)},
            opset=opset,
        )
    cases["group-norm-spelt-out"] = model(
        [
            conv,
            node("Reshape", "a r", "g"),
            node("InstanceNormalization", "g one zero", "n"),
            node("Shape", "a", "q"),
            node("Reshape", "n q", "f"),
            node("Mul", "f k", "h"),
            node("Add", "h l"),
        ],
        some
        | {
            "r": ints(0, 3, -1),
            "one": np.ones(3, np.float32),
            "zero": np.zeros(3, np.float32),
            "k": noise(6, 1, 1),
            "l": noise(6, 1, 1),
        },
    )
    rounding = {
        "s": number(0.03),
        "z": np.array(3, np.int8),
        "r": ints(0, 3, -1),
        "q": ints(1, 6, 8, 8),
        "one": np.ones(3, np.float32),
        "zero": np.zeros(3, np.float32),
    }
    cases["group-norm-rounded"] = model(
        [
            conv,
            node("Reshape", "a r", "g"),
            node("QuantizeLinear", "g s z", "gi"),
            node("DequantizeLinear", "gi s z", "gr"),
            node("InstanceNormalization", "gr one zero", "n"),
            node("QuantizeLinear", "n s z", "ni"),
            node("DequantizeLinear", "ni s z", "nr"),
            node("Reshape", "nr q"),
        ],
        {"w": some["w"]} | rounding,
        opset=19,
    )
    cases["group-norm-of-integers"] = model(
        [
            conv,
            node("QuantizeLinear", "a s z", "ai"),
            node("Reshape", "ai r", "gi"),
            node("DequantizeLinear", "gi s z", "gr"),
            node("InstanceNormalization", "gr one zero", "n"),
            node("QuantizeLinear", "n s z", "ni"),
            node("Reshape", "ni q", "yi"),
            node("DequantizeLinear", "yi s z"),
        ],
        {"w": some["w"]} | rounding,
        opset=19,
    )
    cases["mean-variance-norm"] = model([node("MeanVarianceNormalization", "x")])
    cases["mean-variance-norm-of-channels"] = model(
        [conv, node("MeanVarianceNormalization", "a", axes=[1])], some
    )
    for p in (1, 2):
        cases[f"lp-norm-of-l{p}"] = model([node("LpNormalization", "x", axis=1, p=p)])
    cases["lp-norm-by-default"] = model([conv, node("LpNormalization", "a")], some)
    cases["lrn"] = model([node("LRN", "x", size=3)])
    cases["lrn-of-all-attributes"] = model(
        [conv, node("LRN", "a", size=4, alpha=2.0, beta=0.5, bias=2.0)], some
    )
    cases["lrn-as-in-alexnet"] = model(
        [conv, node("LRN", "a", size=5, alpha=0.5, beta=0.75, bias=1.0)], some
    )
    cases["lrn-of-more-than-there-is"] = model([node("LRN", "x", size=9, alpha=1.0)])
    return cases


def shares() -> dict[str, ModelProto]:
    """Softmax and its kin."""
    cases: dict[str, ModelProto] = {}
    conv = node("Conv", "x w", "a")
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        name = {"Softmax": "softmax", "LogSoftmax": "log-softmax"}.get(op, "hardmax")
        for axis in (0, 1, 2, -1):
            cases[f"{name}-along-{axis % 4}"] = model([node(op, "x", axis=axis)])
        cases[f"{name}-of-a-convolution"] = model(
            [conv, node(op, "a", axis=1)], {"w": noise(4, 3, 3, 3)}
        )
        for axis in (1, 2, 3):
            cases[f"old-{name}-from-{axis}-on"] = model(
                [node(op, "x", axis=axis)], opset=12
            )
        cases[f"old-{name}-of-a-convolution"] = model(
            [conv, node(op, "a", axis=1)], {"w": noise(4, 3, 3, 3)}, opset=9
        )
    return cases


def products() -> dict[str, ModelProto]:
    """Of matrices, of which none need be constant."""
    cases: dict[str, ModelProto] = {}
    rows = node("Reshape", "x r", "a")
    shape = {"r": ints(3, 64)}
    cases["matmul-of-the-picture"] = model([node("MatMul", "x x")])
    cases["matmul-of-a-constant-by-the-picture"] = model(
        [node("MatMul", "w x")], {"w": noise(5, 8)}
    )
    cases["matmul-of-stacks"] = model([node("MatMul", "x w")], {"w": noise(2, 1, 8, 5)})
    cases["matmul-of-a-stack-of-constants"] = model(
        [node("MatMul", "x w")], {"w": noise(1, 3, 8, 5)}
    )
    cases["matmul-by-a-vector"] = model([node("MatMul", "x w")], {"w": noise(8)})
    cases["matmul-of-a-vector"] = model([node("MatMul", "w x")], {"w": noise(8)})
    cases["matmul-of-vectors"] = model(
        [node("Reshape", "x r", "a"), node("MatMul", "a a")], {"r": ints(-1)}
    )
    cases["attention"] = model(
        [
            node("Transpose", "x", "t", perm=[0, 1, 3, 2]),
            node("MatMul", "x t", "s"),
            node("Softmax", "s", "p"),
            node("MatMul", "p x"),
        ]
    )
    cases["gemm-of-two-that-are-computed"] = model(
        [rows, node("Gemm", "a a", transB=1)], shape
    )
    cases["gemm-of-a-column-bias"] = model(
        [rows, node("Gemm", "a w c", alpha=0.5, beta=2.0)],
        shape | {"w": noise(64, 5), "c": noise(3, 1)},
    )
    cases["gemm-of-a-transposed-picture"] = model(
        [rows, node("Gemm", "a w c", transA=1, transB=1, alpha=2.0)],
        shape | {"w": noise(4, 3), "c": noise(64, 4)},
    )
    cases["gemm-of-a-computed-bias"] = model(
        [
            rows,
            node("ReduceMean", "a", "m", axes=[1]),
            node("Gemm", "a w m", beta=0.5),
        ],
        shape | {"w": noise(64, 6)},
    )
    return cases


def batch_norm() -> dict[str, ModelProto]:
    """Where there is no convolution before it."""
    cases: dict[str, ModelProto] = {}

    def batch(num: int) -> dict[str, np.ndarray]:
        return {
            "s": noise(num),
            "b": noise(num),
            "m": noise(num),
            "v": np.abs(noise(num)) + np.float32(0.1),
        }

    norm = "s b m v"
    pool = node("GlobalAveragePool", "x", "p")
    flat = node("Flatten", "p", "f")
    cases["batch-norm-between-pool-and-gemm"] = model(
        [
            pool,
            flat,
            node("BatchNormalization", f"f {norm}", "n"),
            node("Gemm", "n w c"),
        ],
        batch(3) | {"w": noise(3, 5), "c": noise(5)},
    )
    cases["batch-norm-between-pool-and-matmul"] = model(
        [
            pool,
            node("BatchNormalization", f"p {norm}", "n"),
            node("Flatten", "n", "f"),
            node("MatMul", "f w", "a"),
            node("Relu", "a"),
        ],
        batch(3) | {"w": noise(3, 5)},
    )
    cases["batch-norm-of-rows"] = model(
        [node("Reshape", "x r", "a"), node("BatchNormalization", f"a {norm}")],
        batch(3) | {"r": ints(2, 3, 32)},
    )
    cases["batch-norm-of-a-row-that-is-used-twice"] = model(
        [
            pool,
            flat,
            node("BatchNormalization", f"f {norm}", "n"),
            node("Gemm", "n w", "g"),
            node("Add", "g n"),
        ],
        batch(3) | {"w": noise(3, 3)},
    )
    cases["batch-norm-and-relu-before-gemm"] = model(
        [
            node("Flatten", "x", "f"),
            node("BatchNormalization", f"f {norm}", "n"),
            node("Relu", "n", "a"),
            node("Gemm", "a w"),
        ],
        batch(192) | {"w": noise(192, 5)},
    )
    return cases


def quantized() -> dict[str, ModelProto]:
    """What float networks carry when they were quantized."""
    cases: dict[str, ModelProto] = {}
    scales = np.array([0.0625, 0.03125, 0.125, 0.5], np.float32)
    for name, dtype, zero in (
        ("uint8", np.uint8, 128),
        ("int8", np.int8, -3),
        ("int8-that-saturates", np.int8, 120),
        ("uint16", np.uint16, 32768),
        ("int16", np.int16, 5),
    ):
        cases[f"quantized-to-{name}"] = model(
            [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z")],
            {"s": number(0.015625), "z": np.array(zero, dtype)},
            opset=21,
        )
    cases["quantized-without-zero-point"] = model(
        [node("QuantizeLinear", "x s", "q"), node("DequantizeLinear", "q s")],
        {"s": number(0.0625)},
        opset=19,
    )
    # As PyTorch writes fake_quantize.
    cases["quantized-by-a-zero-point-that-is-cast"] = model(
        [
            node("Cast", "i", "z", to=TensorProto.INT8),
            node("QuantizeLinear", "x s z", "q"),
            node("DequantizeLinear", "q s z"),
        ],
        {"s": number(0.015625), "i": np.array(-5, np.int32)},
        opset=19,
    )
    cases["quantized-network"] = model(
        [
            node("QuantizeLinear", "x s z", "q"),
            node("DequantizeLinear", "q s z", "d"),
            node("DequantizeLinear", "w t u", "e", axis=0),
            node("DequantizeLinear", "b v", "c"),
            node("Conv", "d e c", "a", pads=[1, 1, 1, 1]),
            node("Relu", "a", "r"),
            node("QuantizeLinear", "r m n", "f"),
            node("MaxPool", "f", "p", kernel_shape=[2, 2], strides=[2, 2]),
            node("DequantizeLinear", "p m n", "g"),
            node("QuantizeLinear", "g k l", "h", axis=1),
            node("DequantizeLinear", "h k l", axis=1),
        ],
        {
            "s": number(0.015625),
            "z": np.array(0, np.int8),
            "w": RNG.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8),
            "t": scales / 128,
            "u": np.zeros(4, np.int8),
            "b": RNG.integers(-1000, 1000, 4).astype(np.int32),
            "v": number(0.0009765625),
            "m": number(0.0625),
            "n": np.array(3, np.uint8),
            "k": scales,
            "l": np.array([1, 2, 3, 4], np.uint8),
        },
        opset=19,
    )
    return cases


def about_zero() -> dict[str, ModelProto]:
    """Normalizations that subtract no mean."""
    cases: dict[str, ModelProto] = {}
    cases["rms-norm"] = model(
        [node("RMSNormalization", "x s", epsilon=0.125)], {"s": noise(8)}, opset=23
    )
    square = [
        node("Mul", "x x", "q"),
        node("ReduceMean", "q", "v", axes=[1]),
        node("Add", "v e", "ve"),
        node("Sqrt", "ve", "r"),
    ]
    few = {"e": number(0.25), "s": noise(3, 1, 1), "one": number(1)}
    cases["rms-norm-spelt-out"] = model(
        [*square, node("Div", "x r", "n"), node("Mul", "n s")], few
    )
    cases["rms-norm-by-the-inverse"] = model(
        [
            *square,
            node("Reciprocal", "r", "i"),
            node("Mul", "x i", "n"),
            node("Mul", "n s"),
        ],
        few,
    )
    cases["rms-norm-by-one-divided"] = model(
        [*square, node("Div", "one r", "i"), node("Mul", "i x", "n"), node("Mul", "n s")],
        few,
    )
    cases["no-rms-norm-but-of-another"] = model(
        [*square, node("Abs", "x", "z"), node("Div", "z r")], few
    )
    length = node("ReduceL2", "x", "l", axes=[1])
    bound = {"e": number(1e-12), "k": number(0.5)}
    cases["length-of-1-as-torch-has-it"] = model(
        [
            length,
            node("Clip", "l e", "c"),
            node("Shape", "x", "t"),
            node("Expand", "c t", "d"),
            node("Div", "x d"),
        ],
        bound,
    )
    cases["length-of-1-by-a-maximum"] = model(
        [length, node("Max", "l e", "c"), node("Div", "x c")], bound
    )
    cases["no-length-of-1-but-bounded"] = model(
        [length, node("Clip", "l k", "c"), node("Div", "x c")], bound
    )
    difference = [
        node("ReduceMean", "x", "m", axes=[1]),
        node("Sub", "x m", "d"),
        node("Mul", "d d", "q"),
        node("ReduceMean", "q", "v", axes=[1]),
        node("Add", "v e", "ve"),
        node("Sqrt", "ve", "r"),
    ]
    cases["layer-norm-by-the-inverse"] = model(
        [*difference, node("Reciprocal", "r", "i"), node("Mul", "d i")], few
    )
    cases["layer-norm-by-one-divided"] = model(
        [*difference, node("Div", "one r", "i"), node("Mul", "i d")], few
    )
    return cases


def groups_spelt_out() -> dict[str, ModelProto]:
    """GroupNorm as a normalization of something in another shape."""
    cases: dict[str, ModelProto] = {}
    conv = node("Conv", "x w", "a", pads=[1, 1, 1, 1])
    constants = {
        "w": noise(6, 3, 3, 3),
        "r": ints(1, 3, -1),
        "back": ints(1, 6, 8, 8),
        "one": noise(3),
        "zero": noise(3),
        "k": noise(6, 1, 1),
        "l": noise(6, 1, 1),
        "e": number(0.125),
        "s": noise(128),
        "t": noise(128),
    }
    there, affine = node("Reshape", "a r", "g"), [
        node("Reshape", "n back", "f"),
        node("Mul", "f k", "h"),
        node("Add", "h l", "i"),
        node("Relu", "i"),
    ]
    cases["group-norm-with-numbers-of-groups"] = model(
        [conv, there, node("InstanceNormalization", "g one zero", "n"), *affine],
        constants,
    )
    cases["group-norm-by-its-mean"] = model(
        [
            conv,
            there,
            node("ReduceMean", "g", "m", axes=[2]),
            node("Sub", "g m", "d"),
            node("Mul", "d d", "q"),
            node("ReduceMean", "q", "v", axes=[2]),
            node("Add", "v e", "ve"),
            node("Sqrt", "ve", "r2"),
            node("Div", "d r2", "n"),
            *affine,
        ],
        constants,
    )
    cases["no-group-norm-but-with-a-number-each"] = model(
        [conv, there, node("LayerNormalization", "g s t", "n"), *affine], constants
    )
    return cases


def nothing_done() -> dict[str, ModelProto]:
    """What gives an operand as it is, or would with other numbers."""
    cases: dict[str, ModelProto] = {}
    for name, indices in (
        ("all", [0, 1, 2]),
        ("all-from-the-end", [-3, -2, -1]),
        ("another-order", [0, 2, 1]),
    ):
        cases[f"gather-of-{name}"] = model(
            [node("Relu", "x", "a"), node("Gather", "a i", axis=1)],
            {"i": ints(*indices)},
        )
    cases["gather-of-all-in-another-shape"] = model(
        [node("Relu", "x", "a"), node("Gather", "a i", "b", axis=1), node("Abs", "b")],
        {"i": ints(0, 1, 2).reshape(1, 3)},
    )
    cases["sum-with-zeros-and-product-with-ones"] = model(
        [node("Add", "x z", "a"), node("Mul", "o a", "b"), node("Sub", "z b")],
        {"z": np.zeros((3, 1, 1), np.float32), "o": np.ones((1, 8), np.float32)},
    )
    cases["transpose-of-axes-of-length-1"] = model(
        [
            node("ReduceMean", "x", "m", axes=[2, 3]),
            node("Transpose", "m", "t", perm=[0, 2, 3, 1]),
            node("Add", "t s"),
        ],
        {"s": noise(3)},
    )
    for truth in (True, False):
        cases[f"where-all-is-{str(truth).lower()}"] = model(
            [node("Relu", "x", "a"), node("Where", "c a x")],
            {"c": np.full((1, 1), truth)},
        )
    return cases


def equations() -> dict[str, ModelProto]:
    """Sums of products."""

    def einsum(operands: str, equation: str, **constants: np.ndarray) -> ModelProto:
        return model([node("Einsum", operands, equation=equation)], constants)

    cases = {
        "einsum-of-attention": einsum("x x", "bhid,bhjd->bhij"),
        "einsum-of-channels": einsum("x w", "nchw, kc -> nkhw", w=noise(5, 3)),
        "einsum-of-an-ellipsis": einsum("x w", "n...w,wk->...kn", w=noise(8, 4)),
        "einsum-broadcast": einsum("x w", "...ij,...jk", w=noise(2, 1, 8, 5)),
        "einsum-of-three": einsum("x v w", "nchw,h,w->nc", v=noise(8), w=noise(8)),
        "einsum-of-a-diagonal": einsum("x", "ncii->nci"),
        "einsum-turned": einsum("x", "wcba"),
        "einsum-of-all": einsum("x x", "abcd,abcd->"),
    }
    spread = node("Einsum", "x w", "e", equation="nchw,kc->nkhw")
    gate = node("Sigmoid", "e", "g")
    conv = node("Conv", "g f")
    cases["einsum-before-a-convolution"] = model(
        [spread, gate, conv], {"w": noise(4, 3), "f": noise(2, 4, 3, 3)}
    )
    return cases


def operators() -> dict[str, ModelProto]:
    """All of them."""
    return (
        activations()
        | arithmetic()
        | reductions()
        | normalizations()
        | shares()
        | products()
        | batch_norm()
        | quantized()
        | idioms()
        | about_zero()
        | groups_spelt_out()
        | nothing_done()
        | equations()
    )


class LRN(OpRun):
    """The evaluator's own takes the batch for the channels."""

    op_domain = ""

    def _run(self, x, alpha=1e-4, beta=0.75, bias=1.0, size=None):
        sums = np.zeros_like(x)
        for c in range(x.shape[1]):
            first, last = max(0, c - (size - 1) // 2), c + size // 2
            sums[:, c] = (x[:, first : last + 1] ** 2).sum(axis=1)
        return (x / (bias + alpha / size * sums) ** beta,)


class RMSNormalization(OpRun):
    """Which the evaluator may lack."""

    op_domain = ""

    def _run(self, x, scale, axis=-1, epsilon=1e-5, stash_type=1):
        axes = tuple(range(axis % x.ndim, x.ndim))
        return (x / np.sqrt((x**2).mean(axes, keepdims=True) + epsilon) * scale,)


class LpNormalization(OpRun):
    """The evaluator's own takes no absolute values where p is 1."""

    op_domain = ""

    def _run(self, x, axis=-1, p=2):
        return (x / np.linalg.norm(x, ord=p, axis=axis, keepdims=True),)


class Softmax(OpRun):
    """Before opset 13, which the evaluator takes for the newest."""

    op_domain = ""

    def _run(self, x, axis=1):
        rows = x.reshape(int(np.prod(x.shape[:axis])), -1).astype(np.float64)
        shares = np.exp(rows - rows.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return (self._of(rows, shares).reshape(x.shape).astype(x.dtype),)

    @staticmethod
    def _of(rows: np.ndarray, shares: np.ndarray) -> np.ndarray:
        return shares


class LogSoftmax(Softmax):
    """Its logarithm."""

    @staticmethod
    def _of(rows: np.ndarray, shares: np.ndarray) -> np.ndarray:
        return np.log(shares)


class Hardmax(Softmax):
    """1 at the first of the largest."""

    @staticmethod
    def _of(rows: np.ndarray, shares: np.ndarray) -> np.ndarray:
        return np.eye(rows.shape[1])[rows.argmax(axis=1)]


def run(made: ModelProto) -> np.ndarray:
    """What the evaluator makes of a case, mended."""
    ops = [LRN, LpNormalization, RMSNormalization]
    if made.opset_import[0].version < 13:
        ops += [Softmax, LogSoftmax, Hardmax]
    (output,) = ReferenceEvaluator(made, new_ops=ops).run(None, {"x": picture()})
    return output


def main(folder: Path) -> None:
    """Writes these cases."""
    for name, made in operators().items():
        save_operator(folder, name, made, run(made))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
