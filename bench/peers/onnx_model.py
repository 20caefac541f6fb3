"""model.onnx with the last feature map as one more output, and the weights of
its classifier: what a class activation map needs of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx


class Model(NamedTuple):
    file: bytes  # outputs: logits, features
    weights: np.ndarray  # (classes, channels)
    side: int  # of the input


def load(path: Path) -> Model:
    """Reads a file that tools/model.py has made."""
    model = onnx.load(path)
    model.graph.output.add().CopyFrom(
        onnx.helper.make_empty_tensor_value_info("features")
    )
    weights = next(
        onnx.numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.name == "classifier.weight"
    )
    side = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    return Model(
        model.SerializeToString(), np.ascontiguousarray(weights, np.float32), side
    )
