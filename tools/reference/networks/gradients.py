"""What PyTorch's autograd makes of the small networks, in double precision.

    gradients.py [tests/data/networks]

Runs the first file of each network of networks.txt, operator by operator, with
PyTorch, and writes gradients.txt: a line for the input and for three
convolutions, tab between:

    file, name of the value, elements, eight projections of the gradient

The picture is that of zoo.picture. With h(i) = 2654435761 i mod 2^32, the
target is the sum of (h(j + 1) / 2^31 - 1) logit_j, and projection k is the sum
of (h(8 i + k + 1) / 2^31 - 1) g_i.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor
from torch.nn import functional

ROOT = Path(__file__).resolve().parents[3]
PROJECTIONS = 8

# Its ReLUs are shut in many places alike, so rounding decides which of several
# is the largest in a pool. (What is below them does not see it.)
TIED = {"squeezenet-dynamo18": "conv2d_6"}

# Takes the operands, None where one is left out, and the attributes.
Operator = Callable[[list, dict], Tensor | list]


def noise(first: int, count: int) -> Tensor:
    index = np.arange(first, first + count, dtype=np.uint64)
    hashed = index * np.uint64(2654435761) % np.uint64(1 << 32)
    return torch.from_numpy(hashed.astype(np.float64) / 2**31 - 1)


def padded(x: Tensor, pads: list[int], value: float = 0) -> Tensor:
    half = len(pads) // 2
    ends = [n for i in reversed(range(half)) for n in (pads[i], pads[half + i])]
    return functional.pad(x, ends, value=value)


def conv(v: list, a: dict) -> Tensor:
    x = padded(v[0], a.get("pads", [0] * 2 * (v[0].ndim - 2)))
    bias = v[2] if len(v) > 2 else None
    function = {3: functional.conv1d, 4: functional.conv2d}[x.ndim]
    return function(
        x, v[1], bias, a.get("strides", 1), 0, a.get("dilations", 1), a.get("group", 1)
    )


def max_pool(v: list, a: dict) -> Tensor:
    pads = a.get("pads", [0, 0, 0, 0])
    x = padded(v[0], pads, -float("inf"))
    return functional.max_pool2d(
        x, a["kernel_shape"], a["strides"], ceil_mode=bool(a.get("ceil_mode", 0))
    )


def average_pool(v: list, a: dict) -> Tensor:
    pads = a.get("pads", [0] * 2 * (v[0].ndim - 2))
    border = float(a.get("count_include_pad", 0))
    function = {4: functional.avg_pool2d, 5: functional.avg_pool3d}[v[0].ndim]

    def pooled(x: Tensor) -> Tensor:
        ceil = bool(a.get("ceil_mode", 0))
        return function(x, a["kernel_shape"], a["strides"], 0, ceil)

    counted = pooled(padded(torch.ones_like(v[0]), pads, border))
    return pooled(padded(v[0], pads)) / counted


def clip(v: list, a: dict) -> Tensor:
    bounds = [*v[1:], None, None][:2]
    low, high = (float(b) if b is not None else None for b in bounds)
    low = a.get("min", low if low is not None else -float("inf"))
    high = a.get("max", high if high is not None else float("inf"))
    return functional.hardtanh(v[0], low, high)


def axes_of(v: list, a: dict, rank: int) -> list[int]:
    if len(v) > 1 and v[1] is not None:
        return v[1].tolist()
    return list(a.get("axes", range(rank)))


def reduction(function: Callable) -> Operator:
    return lambda v, a: function(
        v[0], axes_of(v, a, v[0].ndim), bool(a.get("keepdims", 1))
    )


def sliced(v: list, _: dict) -> Tensor:
    x, start, end = v[:3]
    axes = v[3].tolist() if len(v) > 3 else range(len(start))
    steps = v[4].tolist() if len(v) > 4 else [1] * len(start)
    for axis, s, e, step in zip(axes, start.tolist(), end.tolist(), steps, strict=True):
        index = range(x.shape[axis])[s:e:step]
        x = x.index_select(axis, torch.tensor(list(index), dtype=torch.int64))
    return x


def reshape(v: list, _: dict) -> Tensor:
    target = v[1].tolist()
    return v[0].reshape([v[0].shape[i] if n == 0 else n for i, n in enumerate(target)])


def squeeze(v: list, a: dict) -> Tensor:
    x = v[0]
    for axis in sorted((n % x.ndim for n in axes_of(v, a, x.ndim)), reverse=True):
        x = x.squeeze(axis)
    return x


def unsqueeze(v: list, a: dict) -> Tensor:
    x, axes = v[0], axes_of(v, a, 0)
    for axis in sorted(n % (x.ndim + len(axes)) for n in axes):
        x = x.unsqueeze(axis)
    return x


def split(v: list, a: dict) -> list:
    axis = a.get("axis", 0)
    sizes = v[1].tolist() if len(v) > 1 else a.get("split")
    if sizes is None:
        sizes = v[0].shape[axis] // a["num_outputs"]
    return list(v[0].split(sizes, axis))


def gather(v: list, a: dict) -> Tensor:
    axis = a.get("axis", 0) % max(v[0].ndim, 1)
    index = v[1] % v[0].shape[axis]
    x = v[0].index_select(axis, index.reshape(-1))
    return x.reshape(v[0].shape[:axis] + index.shape + v[0].shape[axis + 1 :])


def gemm(v: list, a: dict) -> Tensor:
    x = v[0].T if a.get("transA") else v[0]
    y = v[1].T if a.get("transB") else v[1]
    product = a.get("alpha", 1.0) * (x @ y)
    return product + a.get("beta", 1.0) * v[2] if len(v) > 2 else product


def divided(v: list, _: dict) -> Tensor:
    if v[0].is_floating_point():
        return v[0] / v[1]
    return torch.div(v[0], v[1], rounding_mode="trunc")


def cast(v: list, a: dict) -> Tensor:
    dtype = helper.tensor_dtype_to_np_dtype(a["to"])
    return v[0].double() if dtype.kind == "f" else v[0].long()


def layer_norm(v: list, a: dict) -> Tensor:
    shape = v[0].shape[a.get("axis", -1) % v[0].ndim :]
    bias = v[2] if len(v) > 2 else None
    return functional.layer_norm(v[0], shape, v[1], bias, a.get("epsilon", 1e-5))


def filled(v: list, a: dict) -> Tensor:
    value = numpy_helper.to_array(a["value"])[0] if "value" in a else 0.0
    return as_tensor(np.full(v[0].tolist(), value))


OPERATORS: dict[str, Operator] = {
    "Add": lambda v, _: v[0] + v[1],
    "AveragePool": average_pool,
    "BatchNormalization": lambda v, a: functional.batch_norm(
        v[0], v[3], v[4], v[1], v[2], eps=a.get("epsilon", 1e-5)
    ),
    "Cast": cast,
    "Clip": clip,
    "Concat": lambda v, a: torch.cat(v, a["axis"]),
    "ConstantOfShape": filled,
    "Conv": conv,
    "Div": divided,
    "Equal": lambda v, _: v[0] == v[1],
    "Erf": lambda v, _: torch.erf(v[0]),
    "Expand": lambda v, _: v[0] * torch.ones(v[1].tolist(), dtype=v[0].dtype),
    "Flatten": lambda v, a: v[0].flatten(a.get("axis", 1)),
    "Gather": gather,
    "Gemm": gemm,
    "GlobalAveragePool": lambda v, _: v[0].mean((2, 3), True),
    "HardSigmoid": lambda v, a: functional.hardtanh(
        a.get("alpha", 0.2) * v[0] + a.get("beta", 0.5), 0, 1
    ),
    "HardSwish": lambda v, _: functional.hardswish(v[0]),
    "Identity": lambda v, _: v[0],
    "InstanceNormalization": lambda v, a: functional.instance_norm(
        v[0], weight=v[1], bias=v[2], eps=a.get("epsilon", 1e-5)
    ),
    "LayerNormalization": layer_norm,
    "LRN": lambda v, a: functional.local_response_norm(
        v[0], a["size"], a["alpha"], a["beta"], a["bias"]
    ),
    "MatMul": lambda v, _: v[0] @ v[1],
    "MaxPool": max_pool,
    "Mul": lambda v, _: v[0] * v[1],
    "Pad": lambda v, _: padded(v[0], v[1].tolist(), float(v[2]) if len(v) > 2 else 0),
    "Pow": lambda v, _: v[0] ** v[1],
    "ReduceMax": reduction(torch.amax),
    "ReduceMean": reduction(torch.mean),
    "Relu": lambda v, _: torch.relu(v[0]),
    "Reshape": reshape,
    "Shape": lambda v, a: torch.tensor(v[0].shape[a.get("start", 0) : a.get("end")]),
    "Sigmoid": lambda v, _: torch.sigmoid(v[0]),
    "Slice": sliced,
    "Softmax": lambda v, a: torch.softmax(v[0], a.get("axis", -1)),
    "Split": split,
    "Sqrt": lambda v, _: torch.sqrt(v[0]),
    "Squeeze": squeeze,
    "Sub": lambda v, _: v[0] - v[1],
    "Transpose": lambda v, a: v[0].permute(a["perm"]),
    "Unsqueeze": unsqueeze,
}


def as_tensor(array: np.ndarray) -> Tensor:
    array = np.array(array)
    return torch.from_numpy(
        array.astype(np.float64) if array.dtype.kind == "f" else array.astype(np.int64)
    )


def constants(model: onnx.ModelProto) -> dict[str, Tensor]:
    return {
        t.name: as_tensor(numpy_helper.to_array(t)) for t in model.graph.initializer
    }


def needed(model: onnx.ModelProto, given: dict[str, Tensor], wanted: str) -> list:
    """The nodes that a value is computed with, where others are given."""
    names, nodes = {wanted}, []
    for node in reversed(model.graph.node):
        if any(o in names and o not in given for o in node.output):
            names.update(node.input)
            nodes.append(node)
    return nodes[::-1]


def run(
    model: onnx.ModelProto,
    x: Tensor,
    given: dict[str, Tensor] | None = None,
    wanted: str = "",
) -> dict[str, Tensor]:
    """All values by name, or those that one is computed with; those that depend
    on x keep their gradients. Values that are given, the constants as a rule,
    are not computed."""
    values = dict(given if given is not None else constants(model))
    name = next(i.name for i in model.graph.input if i.name not in values)
    values[name] = x
    for node in needed(model, values, wanted) if wanted else model.graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant":
            made = as_tensor(
                numpy_helper.to_array(attributes["value"])
                if "value" in attributes
                else np.array(next(iter(attributes.values())))
            )
            made = made.to(x.dtype) if made.is_floating_point() else made
        else:
            operands = [values[i] if i else None for i in node.input]
            made = OPERATORS[node.op_type](operands, attributes)
        made = made if isinstance(made, list) else [made]
        for output, value in zip(node.output, made, strict=False):
            if given and output in given:
                continue
            values[output] = value
            if value.requires_grad:
                value.retain_grad()
    return values


def layers(model: onnx.ModelProto, x: str) -> list[str]:
    convs = [n.output[0] for n in model.graph.node if n.op_type == "Conv"]
    return [x, *dict.fromkeys(convs[len(convs) * i // 4] for i in (1, 2, 3))]


def lines(path: Path) -> list[str]:
    model = onnx.load(path)
    constants = {t.name for t in model.graph.initializer}
    name = next(i.name for i in model.graph.input if i.name not in constants)
    given = next(i for i in model.graph.input if i.name == name)
    dims = [d.dim_value or 1 for d in given.type.tensor_type.shape.dim]
    x = noise(0, int(np.prod(dims))).reshape(dims).requires_grad_(True)
    values = run(model, x)
    logits = values[model.graph.output[0].name].reshape(-1)
    (logits * noise(1, len(logits))).sum().backward()
    made = []
    for layer in layers(model, name):
        if TIED.get(path.stem) == layer:
            continue
        gradient = values[layer].grad.reshape(-1)
        weights = noise(1, len(gradient) * PROJECTIONS).reshape(-1, PROJECTIONS)
        numbers = " ".join(f"{n:.17g}" for n in (gradient @ weights).tolist())
        made.append(f"{path.stem}\t{layer}\t{len(gradient)}\t{numbers}\n")
    return made


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/data/networks"
    seen, made = set(), []
    for line in (folder / "networks.txt").read_text().splitlines():
        file, name, expected = line.split("\t")
        if name in seen or expected.startswith("not yet"):
            continue
        seen.add(name)
        made += lines(folder / f"{file}.onnx")
    (folder / "gradients.txt").write_text("".join(made))


if __name__ == "__main__":
    main()
