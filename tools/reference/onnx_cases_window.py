"""Cases for onnx_cases.py: operators that look through a window or rearrange.

ONNX Runtime computes their outputs: the `onnx` package's evaluator errs where
the border of a MaxPool differs from side to side, and more.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import ModelProto
from onnx_cases import ints, model, node, noise


def pools() -> dict[str, ModelProto]:
    """MaxPool, AveragePool, LpPool and those of the whole picture."""
    cases: dict[str, ModelProto] = {}
    forms = {
        "plain": {"kernel_shape": [2, 3], "strides": [2, 1]},
        "padded": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
        "lopsided": {"kernel_shape": [3, 4], "pads": [0, 2, 1, 0]},
        "ceil": {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        "ceil-padded": {
            "kernel_shape": [3, 2],
            "strides": [3, 3],
            "pads": [1, 1, 1, 0],
            "ceil_mode": 1,
        },
        "same-upper": {
            "kernel_shape": [3, 2],
            "strides": [2, 1],
            "auto_pad": "SAME_UPPER",
        },
        "same-lower": {
            "kernel_shape": [2, 4],
            "strides": [1, 3],
            "auto_pad": "SAME_LOWER",
        },
        "of-one-pixel": {"kernel_shape": [1, 1], "strides": [2, 3]},
        "sparse": {"kernel_shape": [2, 2], "strides": [3, 4]},
        "dilated": {"kernel_shape": [3, 2], "dilations": [2, 3]},
        "dilated-padded": {
            "kernel_shape": [3, 3],
            "dilations": [2, 2],
            "pads": [2, 1, 2, 1],
        },
        "whole": {"kernel_shape": [8, 8]},
    }
    for name, form in forms.items():
        opset = 19 if "dilations" in form else 17
        cases[f"max-pool-{name}"] = model([node("MaxPool", "x", **form)], opset=opset)
        cases[f"average-pool-{name}"] = model(
            [node("AveragePool", "x", **form)], opset=opset
        )
        if "pads" in form or "auto_pad" in form:
            cases[f"average-pool-{name}-counted"] = model(
                [node("AveragePool", "x", count_include_pad=1, **form)], opset=opset
            )
    cases["lp-pool"] = model(
        [node("LpPool", "x", kernel_shape=[3, 2], strides=[2, 1], p=3)], opset=18
    )
    cases["lp-pool-of-default"] = model(
        [node("LpPool", "x", kernel_shape=[2, 2], pads=[1, 0, 0, 1])], opset=18
    )
    cases["global-max-pool"] = model([node("GlobalMaxPool", "x")])
    cases["max-pool-then-relu"] = model(
        [node("MaxPool", "x", "a", kernel_shape=[2, 2]), node("Relu", "a")]
    )
    return cases


def operators() -> dict[str, ModelProto]:
    """Name to a file, as in onnx_cases.operators."""
    return pools()


def run(made: ModelProto, picture: np.ndarray) -> np.ndarray:
    """The output for a picture."""
    session = onnxruntime.InferenceSession(made.SerializeToString())
    return session.run(None, {"x": picture})[0]
