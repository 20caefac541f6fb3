"""The cases of operators that compute, for onnx_cases.py.

Usage: onnx_math.py FOLDER (such as tests/cases) makes just these anew."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto
from onnx_cases import ints, model, node, save_operator

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
    cases["power-of-a-constant"] = model(
        [node("Pow", "c x")], {"c": number(2.5)}
    )
    cases["modulo-of-c"] = model(
        [node("Mod", "x w", fmod=1)], {"w": noise(3, 1, 1)}
    )
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


def operators() -> dict[str, ModelProto]:
    """All of them."""
    return activations() | arithmetic()


def main(folder: Path) -> None:
    """Writes these cases."""
    for name, made in operators().items():
        save_operator(folder, name, made)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
