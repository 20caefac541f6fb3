#!/usr/bin/env python3
"""Write a small network with an inverted residual block, and what NumPy makes of its
features by the equations of engine/explain/object.h, for tests/unit/explain/test_object.c.

    python3 tools/reference/object.py tests/data/objects

The network is inverted.onnx. objects.txt has a case a line: a word, sides and numbers.

    seed    CLASS  HEIGHT WIDTH  the seed of the class, row by row
    refined CLASS  HEIGHT WIDTH  the map that it is refined to
    grid    HEIGHT WIDTH CHANNELS MAP_HEIGHT MAP_WIDTH  features, map, refined map
    stages  HEIGHT WIDTH CHANNELS FINER_HEIGHT FINER_WIDTH FINER_CHANNELS
            MAP_HEIGHT MAP_WIDTH  features, finer features, map, refined map

Everything is computed in double precision. Needs numpy and onnx.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

HEIGHT, WIDTH, CLASSES = 48, 64, 4
RNG = np.random.default_rng(14)


def picture() -> np.ndarray:
    """As in tests/data/networks."""
    numbers = np.arange(3 * HEIGHT * WIDTH) * 2654435761 % 2**32
    values = np.float32(numbers / 2**31 - 1)
    return values.reshape(1, 3, HEIGHT, WIDTH)


class Net:
    """Builds the network, layer by layer."""

    def __init__(self) -> None:
        self.nodes: list = []
        self.weights: dict[str, np.ndarray] = {"zero": np.float32(0), "six": 6}
        self.value = "x"

    def conv(self, name: str, out: int, into: int, **how: int) -> None:
        """A convolution, with ReLU6 if `clamp` is set."""
        kernel, groups = how.get("kernel", 1), how.get("groups", 1)
        shape = (out, into // groups, kernel, kernel)
        scale = 1.5 / np.sqrt(np.prod(shape[1:]))
        self.weights[f"{name}.w"] = RNG.normal(0, scale, shape)
        self.weights[f"{name}.b"] = RNG.normal(0.2, 0.3, out)
        self.nodes.append(
            helper.make_node(
                "Conv",
                [self.value, f"{name}.w", f"{name}.b"],
                [name],
                name=name,
                kernel_shape=[kernel] * 2,
                strides=[how.get("stride", 1)] * 2,
                pads=[kernel // 2] * 4,
                group=groups,
            )
        )
        self.value = name
        if how.get("clamp", 1):
            self.value = f"{name}.relu6"
            self.nodes.append(
                helper.make_node("Clip", [name, "zero", "six"], [self.value])
            )

    def model(self) -> ModelProto:
        """The whole, with a closed head of its last value."""
        channels = self.weights["head.b"].size
        self.weights["fc.w"] = RNG.normal(0, 1, (CLASSES, channels))
        self.weights["fc.b"] = RNG.normal(0, 1, CLASSES)
        self.nodes += [
            helper.make_node("GlobalAveragePool", [self.value], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "fc.w", "fc.b"], ["logits"], transB=1),
        ]
        self.weights = {k: np.float32(v) for k, v in self.weights.items()}

        def value(name: str, *shape: int):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes,
            "inverted",
            [value("x", 1, 3, HEIGHT, WIDTH)],
            [value("logits", 1, CLASSES)],
            [numpy_helper.from_array(v, k) for k, v in self.weights.items()],
        )
        opset = [helper.make_opsetid("", 13)]
        made = helper.make_model(graph, ir_version=8, opset_imports=opset)
        checker.check_model(made, full_check=True)
        return made


def build() -> Net:
    """A stage of 12 x 16 cells, then two inverted residual blocks."""
    net = Net()
    net.conv("stem", 6, 3, kernel=3, stride=2)
    net.conv("stage", 7, 6, kernel=3, stride=2)
    net.conv("widen1", 20, 7)
    net.conv("deep1", 20, 20, kernel=3, stride=2, groups=20)
    net.conv("narrow1", 8, 20, clamp=0)
    net.conv("widen2", 24, 8)
    net.conv("deep2", 24, 24, kernel=3, groups=24)
    net.conv("narrow2", 10, 24, clamp=0)
    net.conv("head", 16, 10)
    return net


# ---- the equations ----


def tap(at: int, size: int, cells: int) -> tuple[int, int, float]:
    """Two cells and how much the second one counts."""
    place = min(max((at + 0.5) / size * cells - 0.5, 0), cells - 1)
    first = min(int(place), max(cells - 2, 0))
    return first, min(first + 1, cells - 1), place - first


def brought(cells: np.ndarray, height: int, width: int) -> np.ndarray:
    """Interpolated, or the mean of the cells that begin in each one."""
    cells = np.where(cells > 0, cells, 0)
    out = np.zeros((height, width))
    rows, columns = cells.shape
    for y, x in np.ndindex(height, width):
        if rows > height or columns > width:
            top, left = y * rows // height, x * columns // width
            bottom = max((y + 1) * rows // height, top + 1)
            right = max((x + 1) * columns // width, left + 1)
            out[y, x] = cells[top:bottom, left:right].mean()
        else:
            a, b, down = tap(y, height, rows)
            c, d, along = tap(x, width, columns)
            upper = cells[a, c] * (1 - along) + cells[a, d] * along
            lower = cells[b, c] * (1 - along) + cells[b, d] * along
            out[y, x] = upper * (1 - down) + lower * down
    return out


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Along the last axis."""
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def refined(cells: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Features are (height, width, channels)."""
    on_stage = brought(cells, *features.shape[:2])
    top = np.quantile(on_stage, 0.97, method="inverted_cdf")
    p = (np.minimum(on_stage, top) / top) ** 1.2
    fore = np.einsum("yx,yxc->c", p**2, features)
    back = np.einsum("yx,yxc->c", (1 - p) ** 4, features)
    difference = cosine(features, fore) - cosine(features, back)
    s = 2 * difference / (1 - cosine(fore, back))
    return np.maximum((1 + s) / 2, 0)


def gradient_seed(net: Net, values: dict[str, np.ndarray], k: int) -> np.ndarray:
    """For class k."""
    w = {name: np.float64(array) for name, array in net.weights.items()}
    cam = np.einsum("c,cyx->yx", w["fc.w"][k], values["head.relu6"])
    back = w["fc.w"][k] @ w["head.w"][:, :, 0, 0] @ w["narrow2.w"][:, :, 0, 0]
    deep, taps = values["deep2.relu6"], w["deep2.w"][:, 0]
    through = back[:, None, None] * ((deep > 0) & (deep < 6))
    around = np.pad(through, ((0, 0), (1, 1), (1, 1)))
    height, width = deep.shape[1:]
    slopes = sum(
        taps[:, 2 - i, 2 - j, None, None] * around[:, i : i + height, j : j + width]
        for i, j in np.ndindex(3, 3)
    )
    block = (np.maximum(slopes, 0) * values["widen2.relu6"]).sum(0)
    return block**0.75 * np.maximum(cam, 0) ** 0.25


def line(*words: object, numbers: list[np.ndarray]) -> str:
    """A case."""
    flat = np.concatenate([array.ravel() for array in numbers])
    return " ".join([*map(str, words), *(f"{number:.6g}" for number in flat)]) + "\n"


def grids() -> list[str]:
    """Maps that are coarser than the features, finer, and not a multiple."""
    lines = []
    for height, width, channels, rows, columns in (
        (6, 8, 5, 3, 4),
        (5, 7, 9, 3, 4),
        (5, 7, 17, 20, 30),
        (4, 6, 3, 4, 6),
    ):
        features = np.round(RNG.normal(0.3, 1, (height, width, channels)), 3)
        cells = np.round(RNG.normal(0, 1, (rows, columns)), 3)
        numbers = [features, cells, refined(cells, features)]
        sides = (height, width, channels, rows, columns)
        lines.append(line("grid", *sides, numbers=numbers))
    return lines


def stages() -> list[str]:
    """Two grids of features, of which the finer one counts a third."""
    lines = []
    for height, width, channels in ((4, 5, 6), (3, 3, 17)):
        coarse, finer = (
            np.round(RNG.normal(0.3, 1, shape), 3)
            for shape in (
                (height, width, channels),
                (2 * height, 2 * width - 1, channels + 2),
            )
        )
        cells = np.round(RNG.normal(0, 1, (2, 3)), 3)
        sides = finer.shape[:2]
        whole = 0.67 * brought(refined(cells, coarse), *sides)
        whole += 0.33 * refined(cells, finer)
        numbers = [coarse, finer, cells, whole]
        shapes = (*coarse.shape, *finer.shape, *cells.shape)
        lines.append(line("stages", *shapes, numbers=numbers))
    return lines


def main() -> None:
    out = Path(sys.argv[1])
    net = build()
    made = net.model()
    names = ["stage.relu6", "widen2.relu6", "deep2.relu6", "head.relu6"]
    for name in names:
        made.graph.output.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        )
    arrays = ReferenceEvaluator(made).run(names, {"x": picture()})
    values = {n: np.float64(a[0]) for n, a in zip(names, arrays, strict=True)}
    del made.graph.output[1:]
    (out / "inverted.onnx").write_bytes(made.SerializeToString(deterministic=True))
    lines = []
    for k in range(CLASSES):
        seed = gradient_seed(net, values, k)
        if not (seed > 0).any():
            continue
        whole = refined(seed, values["stage.relu6"].transpose(1, 2, 0))
        lines.append(line("seed", k, *seed.shape, numbers=[seed]))
        lines.append(line("refined", k, *whole.shape, numbers=[whole]))
    (out / "objects.txt").write_text("".join(lines + grids() + stages()))


if __name__ == "__main__":
    main()
