"""Exports the networks of zoo.py to ONNX, with what PyTorch computes.

    export.py small [tests/data/networks]   small ones, which the tests run
    export.py full FOLDER [NAME...]         whole ones, for compare.py

Writes NET-FORM.onnx for every form, and for every network NET.logits.npy
(classes), NET.features.npy (channels, height, width) and, where class maps are
defined, NET.maps.npy (classes, height, width). The input is that of
zoo.picture. Each file is held to PyTorch by ONNX Runtime as it is made.
"""

from __future__ import annotations

import copy
import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import zoo
from onnx import TensorProto, helper, numpy_helper
from torch import nn

ROOT = Path(__file__).resolve().parents[3]
BATCH = {"input_names": ["input"], "output_names": ["output"]}

# Forms: exporter, opset, and what is peculiar.
EVERY = ("legacy13", "dynamo18")
MORE = {
    "alexnet-gap": ("legacy11",),
    "vggnet-gap": ("legacy17-half",),
    "resnet18": ("legacy11", "legacy17-batch", "dynamo20-batch"),
    "mobilenet-v2": ("legacy11", "dynamo20"),
    "mobilenet-v3": ("legacy11",),
    "lane-change": ("legacy11-batch", "dynamo20", "legacy17-half", "legacy13-constant"),
    "squeezenet": ("legacy13-constant",),
    "googlenet-gap": ("legacy17", "dynamo18-external"),
    "convnext": ("legacy17", "dynamo20"),
    "groups": ("legacy17-batch", "dynamo20"),
    "tokens": ("legacy17", "legacy17-batch"),
    "inception-v3": ("legacy17-half",),
    "efficientnet-b0": ("legacy17-batch",),
}
# Not among the small ones, to save room.
LARGE = (
    "googlenet-gap-legacy17",
    "inception-v3-legacy13",
    "mobilenet-v3-legacy11",
    "resnet18-legacy11",
)


def forms(name: str, small: bool) -> list[str]:
    made = [*EVERY, *MORE.get(name, ())]
    return [form for form in made if not (small and f"{name}-{form}" in LARGE)]


def strip(model: onnx.ModelProto) -> None:
    """Takes out where in whose Python files each node was written."""
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


def to_half(model: onnx.ModelProto) -> None:
    """Stores weights in 16 bits, and casts them where they are used."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        half = numpy_helper.to_array(tensor).astype(np.float16)
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, name + ".half"))
        casts.append(
            helper.make_node("Cast", [name + ".half"], [name], to=TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def to_constants(model: onnx.ModelProto) -> None:
    """Makes every initialiser a node."""
    made = [
        helper.make_node("Constant", [], [tensor.name], value=tensor)
        for tensor in model.graph.initializer
    ]
    nodes = [*made, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.initializer[:]


def export(model: nn.Module, form: str, x: torch.Tensor, path: Path) -> None:
    kind, _, peculiar = form.partition("-")
    opset = int(kind[6:])
    options: dict = {"opset_version": opset, "dynamo": kind.startswith("dynamo")}
    options |= BATCH
    if peculiar == "half":
        options["training"] = torch.onnx.TrainingMode.PRESERVE  # no folding
    if options["dynamo"]:
        options |= {"external_data": peculiar == "external", "verbose": False}
        if peculiar == "batch":
            options["dynamic_shapes"] = ({0: torch.export.Dim("batch", min=1)},)
    elif peculiar == "batch":
        options["dynamic_axes"] = {"input": {0: "batch"}, "output": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (x,), str(path), **options)
    made = onnx.load(path, load_external_data=peculiar != "external")
    strip(made)
    if peculiar == "half":
        to_half(made)
    elif peculiar == "constant":
        to_constants(made)
    path.write_bytes(made.SerializeToString(deterministic=True))


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / max(1.0, np.abs(a).max()))


def make(name: str, folder: Path, small: bool) -> None:
    net = zoo.NETS[name]
    x = zoo.picture(*(net.small_size if small else net.size))
    model = zoo.make(name, small)
    if any(form.endswith("half") for form in forms(name, small)):
        with torch.no_grad():  # so that one reference serves all forms
            for weight in model.parameters():
                weight.copy_(weight.half().float())
            for weight in model.buffers():
                if weight.is_floating_point():
                    weight.copy_(weight.half().float())
    expected = zoo.reference(name, model, x)
    for part in ("logits", "features", "maps"):
        values = getattr(expected, part)
        if values is not None:
            np.save(folder / f"{name}.{part}.npy", values.numpy())
    for form in forms(name, small):
        path = folder / f"{name}-{form}.onnx"
        try:
            export(copy.deepcopy(model), form, x, path)
            session = onnxruntime.InferenceSession(
                str(path), providers=["CPUExecutionProvider"]
            )
            feed = {session.get_inputs()[0].name: x.numpy()}
            got = session.run(None, feed)[0][0]
            off = distance(expected.logits.numpy(), got)
            word = "" if off < 1e-3 else "  WRONG"
            print(f"{path.name}: {path.stat().st_size} bytes, off {off:.1e}{word}")
        except Exception as error:
            print(f"{path.name}: FAILED {str(error)[:300]}")
        sys.stdout.flush()


def main() -> None:
    logging.disable(logging.WARNING)
    small = sys.argv[1] == "small"
    otherwise = str(ROOT / "tests/data/networks")
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else otherwise)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    for name in sys.argv[3:] or zoo.NETS:
        make(name, folder, small)


if __name__ == "__main__":
    main()
