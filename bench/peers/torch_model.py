"""The default models as PyTorch's modules, with the parameters of the file."""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/reference"))
import torch_lite


def network(folder: Path) -> torch_lite.Lite:
    """The parameters stand in the file in the order of the network's own."""
    model = (torch_lite.lite0 if "lite0" in folder.name else torch_lite.lite2)()
    stored = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load(folder / "model.onnx").graph.initializer
        if tensor.dims
    ]
    state = model.state_dict()
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    for name, values in zip(names, stored, strict=True):
        state[name] = torch.from_numpy(values.copy()).reshape(state[name].shape)
    model.load_state_dict(state)
    return model.eval()
