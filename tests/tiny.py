"""Tiny networks with as many classes as a test wants: a convolution, the global
average, a linear layer, a softmax. `flat` ones have no average: the linear layer
takes all cells, so that no map of a class is defined."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, HEIGHT, FEATURES = 48, 32, 8


def network(
    classes: int, features: int = FEATURES, flat: bool = False
) -> onnx.ModelProto:
    """The same numbers each time."""
    random = np.random.default_rng(classes)
    cells = WIDTH // 4 * (HEIGHT // 4) if flat else 1
    weights = {
        "conv": random.normal(0, 0.3, (features, 3, 4, 4)),
        "linear": random.normal(0, 1, (classes, features * cells)),
        "bias": random.normal(0, 0.1, classes),
    }
    pool = helper.make_node("GlobalAveragePool", ["r"], ["p"])
    nodes = [
        helper.make_node("Conv", ["input", "conv"], ["c"], strides=[4, 4]),
        helper.make_node("Relu", ["c"], ["r"]),
        *([] if flat else [pool]),
        helper.make_node("Flatten", ["r" if flat else "p"], ["f"]),
        helper.make_node("Gemm", ["f", "linear", "bias"], ["g"], transB=1),
        helper.make_node("Softmax", ["g"], ["output"], axis=1),
    ]
    shapes = {"input": [1, 3, HEIGHT, WIDTH], "output": [1, classes]}
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    constants = [
        numpy_helper.from_array(values.astype(np.float32), name)
        for name, values in weights.items()
    ]
    graph = helper.make_graph(nodes, "tiny", ends[:1], ends[1:], constants)
    opset = helper.make_opsetid("", 13)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def model(
    folder: pathlib.Path, labels: list[str], made: onnx.ModelProto | None = None
) -> str:
    """A model's folder, of the folder's name, with a class for each label."""
    folder.mkdir(parents=True)
    spec = {
        "name": folder.name,
        "input": {
            "width": WIDTH,
            "height": HEIGHT,
            "channels": "RGB",
            "resize": "stretch",
            "interpolation": "bicubic",
            "mean": [127] * 3,
            "std": [64] * 3,
        },
        "onnx": {"file": "model.onnx"},
    }
    (folder / "model.json").write_text(json.dumps(spec))
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    onnx.save(made or network(len(labels)), folder / "model.onnx")
    return str(folder)
