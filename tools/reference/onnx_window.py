"""Cases for onnx_cases.py: operators that look through a window or rearrange.

ONNX Runtime computes their outputs: the `onnx` package's evaluator errs where
the border of a MaxPool differs from side to side, and more.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import ModelProto, NodeProto, helper
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
    for name, rank in {"a-row": ints(1, 3, -1), "a-body": ints(1, 3, 4, 4, 4)}.items():
        for op in ("Average", "Max"):
            cases[f"global-{op.lower()}-pool-of-{name}"] = model(
                [node("Reshape", "x shape", "r"), node(f"Global{op}Pool", "r")],
                {"shape": rank},
            )
    cases["max-pool-then-relu"] = model(
        [node("MaxPool", "x", "a", kernel_shape=[2, 2]), node("Relu", "a")]
    )
    return cases


def floats(*numbers: float) -> np.ndarray:
    """A list of float32."""
    return np.array(numbers, dtype=np.float32)


def many_parts(num: int) -> ModelProto:
    """A concatenation of `num` pictures, each a little brighter."""
    brighter = [node("Add", f"x b{i}", f"x{i}") for i in range(num)]
    parts = " ".join(f"x{i}" for i in range(num))
    constants = {f"b{i}": np.array(i, np.float32) for i in range(num)}
    return model([*brighter, node("Concat", parts, axis=1)], constants)


def split(op: str, outputs: str, **attributes: object) -> NodeProto:
    """A node of several outputs."""
    return helper.make_node("Split", op.split(), outputs.split(), **attributes)


def shuffle(groups: int, channels: int) -> ModelProto:
    """A channel shuffle between two convolutions, as ShuffleNet has it."""
    return model(
        [
            node("Conv", "x w", "a"),
            node("Reshape", "a s", "b"),
            node("Transpose", "b", "c", perm=[0, 2, 1, 3, 4]),
            node("Reshape", "c t", "d"),
            node("Conv", "d v"),
        ],
        {
            "w": noise(channels, 3, 1, 1),
            "s": ints(1, groups, channels // groups, 8, 8),
            "t": ints(1, -1, 8, 8),
            "v": noise(4, channels, 3, 3),
        },
    )


def moves() -> dict[str, ModelProto]:
    """Concat, Split, Slice, Gather, Reshape and Transpose."""
    cases: dict[str, ModelProto] = {}
    for num in (2, 5, 6, 12, 27):
        cases[f"concat-of-{num}"] = many_parts(num)
    cases["concat-of-one"] = model([node("Concat", "x", axis=1)])
    for axis in (0, 1, 2, 3):
        cases[f"concat-along-axis-{axis}"] = model([node("Concat", "x x", axis=axis)])
    join = node("Concat", "c b a", axis=1)
    thirds = split("x", "a b c", axis=1)
    cases["split-alike"] = model([thirds, join])
    cases["split-of-opset-11"] = model(
        [split("x", "a b", axis=-1, split=[3, 5]), node("Concat", "b a", axis=3)],
        opset=11,
    )
    cases["split-of-opset-13"] = model(
        [split("x s", "a b", axis=2), node("Concat", "b a", axis=2)],
        {"s": ints(1, 7)},
    )
    cases["split-unevenly"] = model(
        [split("x", "a b c", axis=3, num_outputs=3), node("Concat", "c b a", axis=3)],
        opset=18,
    )
    cases["split-and-add"] = model([split("x", "a b", axis=2), node("Add", "a b")])
    cases["split-of-default-axis"] = model([split("x", "a"), node("Relu", "a")])
    cases["slice-of-opset-9"] = model(
        [node("Slice", "x", axes=[1, 3], starts=[1, -5], ends=[3, -1])], opset=9
    )
    cases["slice-of-opset-9-without-axes"] = model(
        [node("Slice", "x", starts=[0, 1], ends=[1, 99])], opset=9
    )
    cases["slice-every-other-channel"] = model(
        [node("Slice", "x a b c d")],
        {"a": ints(0), "b": ints(9), "c": ints(1), "d": ints(2)},
    )
    cases["slice-the-middle"] = model(
        [node("Slice", "x a b c")],
        {"a": ints(2, 1), "b": ints(6, 7), "c": ints(2, 3)},
    )
    cases["gather-channels"] = model(
        [node("Gather", "x i", axis=1)], {"i": ints(2, 0, 0, 1)}
    )
    cases["gather-rows"] = model(
        [node("Gather", "x i", "a", axis=2), node("Conv", "a w")],
        {"i": ints(7, 0, 3), "w": noise(4, 3, 2, 2)},
    )
    index = np.array([2, 0, -1, 1] * 48, np.int64).reshape(1, 4, 6, 8)
    cases["gather-elements"] = model(
        [node("GatherElements", "x i", axis=1)], {"i": index}
    )
    pairs = np.array([[0, 2], [0, -1], [0, 0]], np.int64)
    cases["gather-channels-by-pairs"] = model([node("GatherND", "x i")], {"i": pairs})
    cases["gather-pixels-by-pairs"] = model(
        [node("GatherND", "x i", batch_dims=1)], {"i": pairs.reshape(1, 3, 2)}
    )
    for name, axis, lengths in (
        ("columns", 0, [0, 1, 2, 3, 4, 5, 6, 24]),
        ("rows", 1, [*range(1, 9), *range(8), *range(8, 0, -1)]),
    ):
        flat = [node("Reshape", "x shape", "a")]
        cases[f"reverse-the-start-of-{name}"] = model(
            [
                *flat,
                node("ReverseSequence", "a n", time_axis=axis, batch_axis=1 - axis),
            ],
            {"shape": ints(24, 8), "n": ints(*lengths)},
        )
    cases["reverse-channels-of-pixels"] = model(
        [node("ReverseSequence", "x n", time_axis=1, batch_axis=0)], {"n": ints(2)}
    )
    count = [
        node("Size", "x", "n"),
        node("Range", "zero n step", "r"),
        node("NonZero", "r", "z"),
        node("Gather", "z zero", "i"),
        node("Reshape", "x flat", "a"),
        node("Gather", "a i"),
    ]
    cases["gather-every-fifth-but-the-first"] = model(
        count,
        {
            "zero": np.array(0, np.int64),
            "step": np.array(5, np.int64),
            "flat": ints(-1),
        },
    )
    cases["range-of-floats"] = model(
        [node("Range", "a b c", "r"), node("Add", "x r")],
        {
            "a": np.array(2, np.float32),
            "b": np.array(-1.75, np.float32),
            "c": np.array(-0.5, np.float32),
        },
    )
    cases["shuffle-in-2-groups"] = shuffle(2, 12)
    cases["shuffle-in-3-groups"] = shuffle(3, 12)
    to_rows = {"s": ints(1, 3, 64), "t": ints(1, 3, 8, 8)}
    cases["reshape-pixels-to-one-axis"] = model(
        [
            node("Reshape", "x s", "a"),
            node("Transpose", "a", "b", perm=[0, 2, 1]),
            node("MatMul", "b w", "c"),
            node("Transpose", "c", "d", perm=[0, 2, 1]),
            node("Reshape", "d t"),
        ],
        {**to_rows, "w": noise(3, 3)},
    )
    cases["reshape-channels-with-rows"] = model(
        [node("Reshape", "x s", "a"), node("Relu", "a", "b"), node("Reshape", "b t")],
        {"s": ints(1, 24, 8), "t": ints(1, 3, 8, 8)},
    )
    cases["reshape-splits-two-axes"] = model(
        [
            node("Reshape", "x s", "a"),
            node("Transpose", "a", "b", perm=[0, 4, 2, 1, 5, 3]),
            node("Relu", "b", "c"),
            node("Reshape", "c t"),
        ],
        {"s": ints(1, 3, 2, 4, 4, 2), "t": ints(2, 4, 6, 4)},
    )
    cases["reshape-of-ones"] = model(
        [
            node("GlobalAveragePool", "x", "a"),
            node("Reshape", "a s", "b"),
            node("Reshape", "b t", "c"),
            node("Mul", "x c"),
        ],
        {"s": ints(3, 1), "t": ints(1, 3, 1, 1)},
    )
    cases["flatten-then-gemm"] = model(
        [
            node("Conv", "x v", "a"),
            node("Flatten", "a", "b"),
            node("Gemm", "b w", transB=1),
        ],
        {"v": noise(4, 3, 3, 3), "w": noise(5, 144)},
    )
    return cases


def borders() -> dict[str, ModelProto]:
    """Pad and Tile."""
    cases: dict[str, ModelProto] = {}
    pads = {
        "rows-and-columns": ints(0, 0, 2, 1, 0, 0, 3, 4),
        "channels": ints(0, 2, 0, 0, 0, 1, 0, 1),
        "cut-and-add": ints(0, -1, 2, -3, 0, 0, -3, 2),
    }
    for mode in ("constant", "reflect", "edge", "wrap"):
        for name, pad in pads.items():
            cases[f"pad-{mode}-{name}"] = model(
                [node("Pad", "x p", mode=mode)], {"p": pad}, opset=19
            )
    cases["pad-reflect-before-a-convolution"] = model(
        [
            node("Relu", "x", "a"),
            node("Pad", "a p", "b", mode="reflect"),
            node("Conv", "b w"),
        ],
        {"p": ints(0, 0, 1, 1, 0, 0, 1, 1), "w": noise(4, 3, 3, 3)},
    )
    cases["pad-less-by-attribute"] = model(
        [node("Pad", "x", pads=[0, 0, -1, 2, 0, 0, -2, -3])], opset=10
    )
    cases["tile"] = model([node("Tile", "x r")], {"r": ints(2, 1, 3, 2)})
    cases["tile-once"] = model([node("Tile", "x r")], {"r": ints(1, 1, 1, 1)})
    cases["tile-pixels"] = model(
        [node("GlobalAveragePool", "x", "a"), node("Tile", "a r")],
        {"r": ints(1, 1, 4, 4)},
    )
    return cases


def convolutions() -> dict[str, ModelProto]:
    """Conv in forms that onnx_cases.py has not, and ConvTranspose."""
    cases: dict[str, ModelProto] = {}
    cases["conv-of-an-empty-range"] = model(
        [node("Conv", "x w b", "a"), node("Clip", "a c c")],
        {"w": noise(4, 3, 3, 3), "b": noise(4), "c": np.array(0.5, np.float32)},
    )
    cases["conv-sparse"] = model(
        [node("Conv", "x w", strides=[3, 4])], {"w": noise(4, 3, 2, 1)}
    )
    cases["conv-of-constants"] = model(
        [
            node("Conv", "c w", "a", group=2, dilations=[1, 2], pads=[1, 0, 0, 2]),
            node("Add", "a s", "b"),
            node("Conv", "x v", "d"),
            node("Add", "b d"),
        ],
        {
            "c": noise(1, 4, 8, 8),
            "w": noise(4, 2, 2, 2),
            "s": noise(1, 4, 8, 8),
            "v": noise(4, 3, 1, 1),
        },
    )
    forms = {
        "plain": {},
        "of-stride-2": {"strides": [2, 2], "pads": [1, 1, 1, 1]},
        "with-output-padding": {
            "strides": [2, 3],
            "pads": [1, 0, 0, 1],
            "output_padding": [1, 2],
        },
        "dilated": {"dilations": [2, 1], "strides": [1, 2]},
        "to-a-size": {"strides": [3, 2], "output_shape": [24, 18]},
        "same-upper": {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
        "same-lower": {"strides": [2, 2], "auto_pad": "SAME_LOWER"},
    }
    for name, form in forms.items():
        cases[f"deconv-{name}"] = model(
            [node("ConvTranspose", "x w b", **form)],
            {"w": noise(3, 4, 3, 3), "b": noise(4)},
        )
    cases["deconv-in-3-groups"] = model(
        [node("ConvTranspose", "x w", "a", group=3, strides=[2, 1]), node("Relu", "a")],
        {"w": noise(3, 2, 2, 3)},
    )
    cases["deconv-in-2-groups"] = model(
        [
            node("Conv", "x v", "a"),
            node("ConvTranspose", "a w b", group=2, strides=[2, 2]),
        ],
        {"v": noise(4, 3, 1, 1), "w": noise(4, 3, 2, 2), "b": noise(6)},
    )
    cases["deconv-of-constants"] = model(
        [
            node("ConvTranspose", "c w", "a", group=2, strides=[2, 2]),
            node("ReduceSum", "a i", "b"),
            node("Add", "b x"),
        ],
        {"c": noise(1, 2, 4, 4), "w": noise(2, 1, 2, 2), "i": ints(1)},
    )
    return cases


def resizes() -> dict[str, ModelProto]:
    """Resize and Upsample; DepthToSpace and SpaceToDepth."""
    cases: dict[str, ModelProto] = {}
    scales = {"up": floats(1, 1, 2, 1.5), "down": floats(1, 1, 0.6, 0.5)}
    coordinates = (
        "half_pixel",
        "pytorch_half_pixel",
        "align_corners",
        "asymmetric",
    )
    for mode in ("nearest", "linear", "cubic"):
        for coordinate in coordinates:
            for way, scale in scales.items():
                name = f"resize-{mode}-{coordinate}-{way}".replace("_", "-")
                cases[name] = model(
                    [
                        node(
                            "Resize",
                            "x - s",
                            mode=mode,
                            coordinate_transformation_mode=coordinate,
                        )
                    ],
                    {"s": scale},
                )
    for mode in ("nearest", "linear", "cubic"):
        cases[f"resize-{mode}-to-a-size"] = model(
            [node("Resize", "x - - s", mode=mode)], {"s": ints(1, 3, 11, 5)}
        )
    for rounding in ("round_prefer_ceil", "floor", "ceil"):
        name = f"resize-nearest-{rounding}".replace("_", "-")
        cases[name] = model(
            [node("Resize", "x - s", mode="nearest", nearest_mode=rounding)],
            {"s": floats(1, 1, 1.5, 0.5)},
        )
    cases["resize-cubic-inside"] = model(
        [node("Resize", "x - s", mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5)],
        {"s": floats(1, 1, 1.5, 0.7)},
    )
    cases["resize-linear-to-one-pixel"] = model(
        [
            node(
                "Resize",
                "x - - s",
                mode="linear",
                coordinate_transformation_mode="pytorch_half_pixel",
            )
        ],
        {"s": ints(1, 3, 1, 1)},
    )
    cases["resize-two-axes-to-fit"] = model(
        [
            node(
                "Resize",
                "x - - s",
                mode="linear",
                axes=[3, 2],
                keep_aspect_ratio_policy="not_larger",
            )
        ],
        {"s": ints(20, 12)},
        opset=18,
    )
    cases["resize-channels"] = model(
        [node("Resize", "x - s", mode="nearest")], {"s": floats(1, 2, 1, 1)}
    )
    for mode in ("nearest", "linear"):
        cases[f"resize-of-opset-10-{mode}"] = model(
            [node("Resize", "x s", mode=mode)], {"s": floats(1, 1, 2, 0.5)}, opset=10
        )
        cases[f"upsample-{mode}"] = model(
            [node("Upsample", "x s", mode=mode)], {"s": floats(1, 1, 2, 3)}, opset=9
        )
    cases["upsample-by-attribute"] = model(
        [node("Upsample", "x", mode="nearest", scales=[1.0, 1.0, 3.0, 2.0])], opset=7
    )
    weights = {"w": noise(8, 3, 1, 1)}
    cases["space-to-depth"] = model(
        [node("SpaceToDepth", "x", "a", blocksize=2), node("Relu", "a")]
    )
    cases["depth-to-space"] = model(
        [node("Conv", "x w", "a"), node("DepthToSpace", "a", blocksize=2)], weights
    )
    cases["depth-to-space-by-columns"] = model(
        [node("Conv", "x w", "a"), node("DepthToSpace", "a", blocksize=2, mode="CRD")],
        weights,
    )
    return cases


def invalid() -> dict[str, tuple[ModelProto, str, str]]:
    """Name to (file, error kind, part of the error's text)."""
    cases: dict[str, tuple[ModelProto, str, str]] = {}

    def add(
        name: str,
        kind: str,
        text: str,
        made: NodeProto,
        opset: int = 17,
        **constants: np.ndarray,
    ) -> None:
        cases[name] = (model([made], constants, opset=opset), kind, text)

    add("pool-of-no-window", "bad-input", "kernel_shape", node("MaxPool", "x"))
    add(
        "pool-larger-than-its-input",
        "bad-input",
        "the-averagepool",
        node("AveragePool", "x", kernel_shape=[9, 1]),
    )
    add(
        "pool-with-a-border-as-wide-as-its-window",
        "unsupported",
        "padding",
        node("MaxPool", "x", kernel_shape=[2, 2], pads=[2, 0, 0, 0]),
    )
    add(
        "lp-pool-of-no-power",
        "bad-input",
        "attribute p",
        node("LpPool", "x", kernel_shape=[2, 2], p=0),
    )
    add(
        "deconv-of-other-channels",
        "bad-input",
        "the-convtranspose",
        node("ConvTranspose", "x w"),
        w=noise(4, 2, 3, 3),
    )
    add(
        "deconv-of-no-group",
        "bad-input",
        "group",
        node("ConvTranspose", "x w", group=0),
        w=noise(3, 2, 3, 3),
    )
    add(
        "deconv-that-is-all-border",
        "bad-input",
        "the-convtranspose",
        node("ConvTranspose", "x w", pads=[9, 0, 9, 0]),
        w=noise(3, 2, 1, 1),
    )
    add(
        "deconv-absurdly-far",
        "over-limit",
        "the-convtranspose",
        node("ConvTranspose", "x w", strides=[2**31 - 1, 2**31 - 1]),
        w=noise(3, 2, 1, 1),
    )
    add(
        "split-of-other-sizes",
        "bad-input",
        "add up",
        split("x s", "y b", axis=2),
        s=ints(4, 5),
    )
    add(
        "split-of-negative-size",
        "bad-input",
        "add up",
        split("x s", "y b", axis=2),
        s=ints(9, -1),
    )
    add(
        "split-of-other-number",
        "bad-input",
        "sizes",
        split("x s", "y b", axis=2),
        s=ints(8),
    )
    add("slice-of-no-bounds", "bad-input", "start", node("Slice", "x"))
    add("resize-of-no-scale", "bad-input", "scales", node("Resize", "x"))
    add(
        "resize-by-nothing",
        "bad-input",
        "scale",
        node("Resize", "x - s"),
        s=floats(1, 1, 0, 1),
    )
    add(
        "resize-to-less-than-nothing",
        "bad-input",
        "size",
        node("Resize", "x - - s"),
        s=ints(1, 3, 8, -8),
    )
    add(
        "resize-absurdly",
        "over-limit",
        "the-resize",
        node("Resize", "x - s"),
        s=floats(1, 1, 1e7, 1e7),
    )
    add(
        "blocks-that-do-not-fit",
        "bad-input",
        "blocks",
        node("DepthToSpace", "x", blocksize=2),
    )
    add(
        "blocks-of-nothing",
        "bad-input",
        "blocksize",
        node("SpaceToDepth", "x", blocksize=0),
    )
    add(
        "tile-less-than-never",
        "bad-input",
        "repeats",
        node("Tile", "x r"),
        r=ints(1, 1, 1, -1),
    )
    add(
        "gather-elements-out-of-range",
        "bad-input",
        "index",
        node("GatherElements", "x i", axis=1),
        i=ints(3).reshape(1, 1, 1, 1),
    )
    add(
        "gather-too-many-axes",
        "bad-input",
        "indices",
        node("GatherND", "x i"),
        i=ints(0, 0, 0, 0, 0).reshape(1, 5),
    )
    for name, text, lengths in (
        ("of-another-number", "2 lengths for 3 sequences", ints(1, 1)),
        ("beyond-the-end", "length 2 is out of range for a sequence of 1", ints(0, 1, 2)),
        ("of-less-than-nothing", "length -1 is out of range", ints(0, 1, -1)),
    ):
        add(
            f"sequences-{name}",
            "bad-input",
            text,
            node("ReverseSequence", "x n"),
            n=lengths,
        )
    add(
        "sequences-along-two-axes",
        "bad-input",
        "time_axis",
        node("ReverseSequence", "x n", time_axis=1, batch_axis=1),
        n=ints(1, 1, 1),
    )
    add(
        "sequences-of-the-picture",
        "bad-input",
        "integers",
        node("ReverseSequence", "x n"),
        n=floats(1, 1, 1),
    )
    add(
        "range-without-end",
        "bad-input",
        "the-range",
        node("Range", "a b c"),
        a=np.array(0, np.float32),
        b=np.array(1, np.float32),
        c=np.array(0, np.float32),
    )
    add("non-zero-of-the-picture", "unsupported", "image", node("NonZero", "x"))
    return cases


def operators() -> dict[str, ModelProto]:
    """Name to a file, as in onnx_cases.operators."""
    return pools() | moves() | borders() | convolutions() | resizes()


def run(made: ModelProto, picture: np.ndarray) -> np.ndarray:
    """The output for a picture."""
    copy = ModelProto.FromString(made.SerializeToString())
    for each in copy.graph.node:
        each.name = ""  # several have one; ONNX Runtime will not have that
    session = onnxruntime.InferenceSession(copy.SerializeToString())
    return session.run(None, {"x": picture})[0]
