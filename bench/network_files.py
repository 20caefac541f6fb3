"""Makes the ONNX files of the networks that bench/networks.py and gradient.py time.

Written as exporters write them once BatchNorm is folded: convolutions with a
bias, activations, sums, concatenations, pools and one linear layer. The
weights are random: only shapes and arithmetic matter here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[1]
OPSET = 17
CLASSES = 1000


class Builder:
    """A network under construction; values are (name, channels)."""

    def __init__(self, side: int) -> None:
        self.rng = np.random.default_rng(20)
        self.nodes: list = []
        self.tensors: list = []
        self.side = side
        self.x: tuple[str, int] = ("input", 3)

    def constant(self, values: np.ndarray) -> str:
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(values.astype("<f4"), name))
        return name

    def node(self, op: str, inputs: list[str], channels: int, **attributes) -> tuple:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        self.x = (name, channels)
        return self.x

    def conv(self, out, kernel, stride=1, groups=1, act="relu", x=None, pads=None):
        name, inp = x or self.x
        fan_in = inp // groups * kernel * kernel
        shape = (out, inp // groups, kernel, kernel)
        weights = self.rng.normal(0, (2 / fan_in) ** 0.5, shape)
        bias = self.rng.uniform(-0.1, 0.2, out)
        self.node(
            "Conv",
            [name, self.constant(weights), self.constant(bias)],
            out,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=pads or [kernel // 2] * 4,
            group=groups,
        )
        if act == "relu":
            self.relu()
        elif act == "relu6":
            limits = [self.constant(np.float32(limit)) for limit in (0, 6)]
            self.node("Clip", [self.x[0], *limits], out)
        return self.x

    def relu(self):
        return self.node("Relu", [self.x[0]], self.x[1])

    def add(self, a, b):
        return self.node("Add", [a[0], b[0]], a[1])

    def max_pool(self, kernel, stride, pad=0, ceil=0, x=None):
        name, channels = x or self.x
        return self.node(
            "MaxPool",
            [name],
            channels,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[pad] * 4,
            ceil_mode=ceil,
        )

    def concat(self, parts):
        width = sum(part[1] for part in parts)
        return self.node("Concat", [part[0] for part in parts], width, axis=1)

    def flatten(self, num_pixels=1):
        return self.node("Flatten", [self.x[0]], self.x[1] * num_pixels, axis=1)

    def linear(self, out):
        width = self.x[1]
        weights = self.rng.normal(0, width**-0.5, (out, width))
        inputs = [self.x[0], self.constant(weights), self.constant(np.zeros(out))]
        return self.node("Gemm", inputs, out, transB=1)

    def finish(self) -> bytes:
        """Global average pooling and the linear layer."""
        self.node("GlobalAveragePool", [self.x[0]], self.x[1])
        self.flatten()
        return self.file(self.linear(CLASSES))

    def file(self, logits) -> bytes:
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            "network",
            [value("input", TensorProto.FLOAT, [1, 3, self.side, self.side])],
            [value(logits[0], TensorProto.FLOAT, [1, CLASSES])],
            self.tensors,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = 8
        return model.SerializeToString()


def resnet50() -> bytes:
    net = Builder(224)
    net.conv(64, 7, 2)
    net.max_pool(3, 2, 1)
    for repeats, width, stride in ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)):
        for i in range(repeats):
            start = net.x
            net.conv(width, 1)
            net.conv(width, 3, stride if i == 0 else 1)
            end = net.conv(width * 4, 1, act="")
            if i == 0:
                start = net.conv(width * 4, 1, stride, act="", x=start)
            net.add(end, start)
            net.relu()
    return net.finish()


def mobilenet_v2() -> bytes:
    net = Builder(224)
    net.conv(32, 3, 2, act="relu6")
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2))
    for expand, out, repeats, stride in (
        *stages,
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    ):
        for i in range(repeats):
            start = net.x
            middle = start[1] * expand
            if expand > 1:
                net.conv(middle, 1, act="relu6")
            net.conv(middle, 3, stride if i == 0 else 1, middle, "relu6")
            end = net.conv(out, 1, act="")
            if i > 0:
                net.add(start, end)
    net.conv(1280, 1, act="relu6")
    return net.finish()


def inception(net: Builder, a: int, b: int, c: int, d: int, e: int, f: int) -> None:
    x = net.x
    ways = [net.conv(a, 1, x=x)]
    net.conv(b, 1, x=x)
    ways.append(net.conv(c, 3))
    net.conv(d, 1, x=x)
    ways.append(net.conv(e, 5))
    net.max_pool(3, 1, 1, x=x)
    ways.append(net.conv(f, 1))
    net.concat(ways)


def googlenet_gap() -> bytes:
    net = Builder(224)
    net.conv(64, 7, 2)
    net.max_pool(3, 2, ceil=1)
    net.conv(64, 1)
    net.conv(192, 3)
    net.max_pool(3, 2, ceil=1)
    inception(net, 64, 96, 128, 16, 32, 32)
    inception(net, 128, 128, 192, 32, 96, 64)
    net.max_pool(3, 2, ceil=1)
    inception(net, 192, 96, 208, 16, 48, 64)
    inception(net, 160, 112, 224, 24, 64, 64)
    inception(net, 128, 128, 256, 24, 64, 64)
    inception(net, 112, 144, 288, 32, 64, 64)
    inception(net, 256, 160, 320, 32, 128, 128)
    net.conv(1024, 3)
    return net.finish()


def vgg_stages(net: Builder) -> None:
    for i, stage in enumerate(([64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3)):
        if i > 0:
            net.max_pool(2, 2)
        for width in stage:
            net.conv(width, 3)


def vgg16() -> bytes:
    """With its three linear layers: 550 MB."""
    net = Builder(224)
    vgg_stages(net)
    net.max_pool(2, 2)
    net.flatten(7 * 7)
    for _ in range(2):
        net.linear(4096)
        net.relu()
    return net.file(net.linear(CLASSES))


def vggnet_gap() -> bytes:
    net = Builder(224)
    vgg_stages(net)
    net.conv(1024, 3)
    return net.finish()


def efficientnet_lite(side: int, channels: list[int], repeats: list[int]) -> bytes:
    net = Builder(side)
    rows = side

    def same(kernel: int, stride: int) -> list[int]:
        nonlocal rows
        made = -(-rows // stride)
        total = max((made - 1) * stride + kernel - rows, 0)
        rows = made
        return [total // 2] * 2 + [total - total // 2] * 2

    net.conv(32, 3, 2, act="relu6", pads=same(3, 2))
    kernels, strides = (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1)
    for j, (kernel, stride) in enumerate(zip(kernels, strides, strict=True)):
        for i in range(repeats[j]):
            start = net.x
            middle = start[1] * (6 if j > 0 else 1)
            step = stride if i == 0 else 1
            if j > 0:
                net.conv(middle, 1, act="relu6")
            net.conv(middle, kernel, step, middle, "relu6", pads=same(kernel, step))
            end = net.conv(channels[j], 1, act="")
            if i > 0:
                net.add(start, end)
    net.conv(1280, 1, act="relu6")
    return net.finish()


NETWORKS: dict[str, Callable[[], bytes]] = {
    "resnet50": resnet50,
    "mobilenet-v2": mobilenet_v2,
    "googlenet-gap": googlenet_gap,
    "vgg16": vgg16,
    "vggnet-gap": vggnet_gap,
    "efficientnet-lite0": lambda: efficientnet_lite(
        224, [16, 24, 40, 80, 112, 192, 320], [1, 2, 2, 3, 3, 4, 1]
    ),
    "efficientnet-lite2": lambda: efficientnet_lite(
        260, [16, 24, 48, 88, 120, 208, 352], [1, 3, 3, 4, 4, 5, 1]
    ),
}


# Our name: timm's.
TIMM = {
    "resnet50d": "resnet50d",
    "wide-resnet50-2": "wide_resnet50_2",
    "resnext50": "resnext50_32x4d",
    "regnetx-3.2gf": "regnetx_032",
    "densenet121": "densenet121",
    "efficientnet-b0": "efficientnet_b0",
    "efficientnet-b3": "efficientnet_b3",
    "mobilenet-v3": "mobilenetv3_large_100",
    "convnext-t": "convnext_tiny",
    "resnet50-gn": "resnet50_gn",
    "sk-resnet34": "skresnet34",
    "mobilevit-s": "mobilevit_s",
    "inception-v3": "inception_v3",
}
NAMES = (*NETWORKS, *TIMM)


def make(name: str, folder: Path) -> Path:
    """The network's file; made unless it is there."""
    path = folder / f"{name}.onnx"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    if name in TIMM:
        python = ROOT / "build/bench/timm/bin/python"
        script = ROOT / "bench/peers/timm_network.py"
        subprocess.run([python, script, TIMM[name], part], check=True)
    else:
        part.write_bytes(NETWORKS[name]())
    part.rename(path)
    return path
