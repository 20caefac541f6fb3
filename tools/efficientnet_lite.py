"""EfficientNet-Lite as an ONNX model, built from a dict of weights.

The network (Tan & Le 2019, without squeeze-and-excitation, with ReLU6, and
with stem and head of fixed width) is a stem convolution, seven stages of
inverted residual blocks, a 1 x 1 convolution, global average pooling and one
linear layer: the last three make class activation maps possible.

The weights have the names of PyTorch's EfficientNet: `_conv_stem.weight`,
`_blocks.0._depthwise_conv.weight`, `_bn1.running_mean`, `_fc.bias`, and so on.

The model's values are (1, channels, height, width) float32; `input` in,
`logits` out, without softmax; `features` is the map before pooling. The same
weights give the same bytes, whatever the versions of the libraries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

BN_EPSILON = 1e-3
OPSET = 13
IR_VERSION = 8


class Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


class Block(NamedTuple):
    kernel: int
    stride: int
    expand: int
    in_channels: int
    out_channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class Network:
    """What tells one EfficientNet-Lite from another."""

    height: int  # of the input
    width: int
    channel_factor: float = 1.0
    depth_factor: float = 1.0
    stem_channels: int = 32
    head_channels: int = 1280
    num_classes: int = 1000
    stages: tuple[Stage, ...] = STAGES

    def channels(self, base: int) -> int:
        """A stage's width: scaled, then a multiple of 8 that is not more
        than a tenth below the exact value."""
        exact = base * self.channel_factor
        rounded = max(8, int(exact + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * exact else rounded

    def blocks(self) -> list[Block]:
        blocks = []
        in_channels = self.stem_channels
        for i, stage in enumerate(self.stages):
            # The first and the last stage keep their depth.
            fixed = i in (0, len(self.stages) - 1)
            factor = 1 if fixed else self.depth_factor
            out_channels = self.channels(stage.channels)
            for j in range(math.ceil(stage.repeats * factor)):
                stride = stage.stride if j == 0 else 1
                blocks.append(
                    Block(
                        stage.kernel,
                        stride,
                        stage.expand,
                        in_channels,
                        out_channels,
                    )
                )
                in_channels = out_channels
        return blocks


LITE0 = Network(224, 224)
LITE1 = Network(240, 240, depth_factor=1.1)
LITE2 = Network(260, 260, channel_factor=1.1, depth_factor=1.2)


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "same" padding before and after one side of a picture:
    where it is odd, the larger half comes after."""
    total = (math.ceil(side / stride) - 1) * stride + kernel - side
    before = max(total, 0) // 2
    return before, max(total, 0) - before


class _Builder:
    def __init__(self, weights: dict[str, np.ndarray], net: Network) -> None:
        self.weights = dict(weights)
        self.height, self.width = net.height, net.width
        self.nodes: list = []
        self.initializers: list = []
        self.value = "input"
        self.constant("zero", np.float32(0))
        self.constant("six", np.float32(6))

    def constant(self, name: str, array: np.ndarray) -> None:
        array = np.asarray(array).astype("<f4")
        self.initializers.append(numpy_helper.from_array(array, name))

    def weight(self, source: str, name: str, shape: tuple[int, ...]) -> None:
        """Moves a weight from the dict to the model."""
        array = self.weights.pop(source, None)
        if array is None:
            raise ValueError(f"the weights lack {source}")
        if array.shape != shape or array.dtype != np.float32:
            raise ValueError(
                f"{source} is {array.dtype} {array.shape}, expected float32 {shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{source} has values that are not finite")
        self.constant(name, array)

    def node(self, op: str, inputs: list[str], name: str, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        self.value = name

    def convolution(
        self, source, name, in_channels, out_channels, kernel, stride, groups=1
    ):
        top, bottom = same_padding(self.height, kernel, stride)
        left, right = same_padding(self.width, kernel, stride)
        shape = (out_channels, in_channels // groups, kernel, kernel)
        self.weight(f"{source}.weight", f"{name}.weight", shape)
        self.node(
            "Conv",
            [self.value, f"{name}.weight"],
            name,
            dilations=[1, 1],
            group=groups,
            kernel_shape=[kernel, kernel],
            pads=[top, left, bottom, right],
            strides=[stride, stride],
        )
        self.height = math.ceil(self.height / stride)
        self.width = math.ceil(self.width / stride)

    def batch_norm(self, source: str, name: str, channels: int) -> None:
        parts = ("weight", "bias", "running_mean", "running_var")
        for part in parts:
            self.weight(f"{source}.{part}", f"{name}.{part}", (channels,))
        inputs = [self.value] + [f"{name}.{part}" for part in parts]
        self.node("BatchNormalization", inputs, name, epsilon=BN_EPSILON)
        self.weights.pop(f"{source}.num_batches_tracked", None)

    def relu6(self, name: str) -> None:
        self.node("Clip", [self.value, "zero", "six"], name)

    def block(self, index: int, block: Block) -> None:
        source, name = f"_blocks.{index}", f"block{index}"
        start = self.value
        middle = block.in_channels * block.expand
        if block.expand != 1:
            self.convolution(
                f"{source}._expand_conv",
                f"{name}.expand",
                block.in_channels,
                middle,
                1,
                1,
            )
            self.batch_norm(f"{source}._bn0", f"{name}.expand_bn", middle)
            self.relu6(f"{name}.expand_relu6")
        self.convolution(
            f"{source}._depthwise_conv",
            f"{name}.depthwise",
            middle,
            middle,
            block.kernel,
            block.stride,
            groups=middle,
        )
        self.batch_norm(f"{source}._bn1", f"{name}.depthwise_bn", middle)
        self.relu6(f"{name}.depthwise_relu6")
        out = block.out_channels
        self.convolution(
            f"{source}._project_conv", f"{name}.project", middle, out, 1, 1
        )
        self.batch_norm(f"{source}._bn2", f"{name}.project_bn", out)
        if block.stride == 1 and block.in_channels == out:
            self.node("Add", [self.value, start], f"{name}.add")


def build(weights: dict[str, np.ndarray], net: Network, name: str) -> bytes:
    """The bytes of the ONNX model. Raises ValueError where the weights are
    not this network's."""
    builder = _Builder(weights, net)
    height, width = net.height, net.width

    builder.convolution("_conv_stem", "stem", 3, net.stem_channels, 3, 2)
    builder.batch_norm("_bn0", "stem_bn", net.stem_channels)
    builder.relu6("stem_relu6")
    blocks = net.blocks()
    for index, block in enumerate(blocks):
        builder.block(index, block)
    last, head = blocks[-1].out_channels, net.head_channels
    builder.convolution("_conv_head", "head", last, head, 1, 1)
    builder.batch_norm("_bn1", "head_bn", head)
    builder.relu6("features")
    builder.node("GlobalAveragePool", [builder.value], "pooled")
    builder.node("Flatten", [builder.value], "flat", axis=1)
    classes = net.num_classes
    builder.weight("_fc.weight", "classifier.weight", (classes, head))
    builder.weight("_fc.bias", "classifier.bias", (classes,))
    inputs = [builder.value, "classifier.weight", "classifier.bias"]
    builder.node("Gemm", inputs, "logits", transB=1)
    if builder.weights:
        raise ValueError(f"unexpected weights: {', '.join(builder.weights)}")

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        builder.nodes,
        name,
        [value("input", 1, 3, height, width)],
        [value("logits", 1, classes)],
        builder.initializers,
    )
    model = helper.make_model(
        graph,
        producer_name="wherefore",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
