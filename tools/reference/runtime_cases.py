"""Makes small networks, and what ONNX Runtime computes of them.

    tests/cases/runtime/picture.png
        what all of them look at: 16 x 12 pixels
    tests/cases/runtime/networks/NAME.onnx, NAME.npz
        a classifier that takes its samples as they are, 0 to 255; `logits`,
        and the `features` that it pools, if they are floats
    tests/cases/runtime/resizes/NAME.onnx, NAME.npz
        a row of numbers enlarged and reduced in many ways: `x`, and the outputs

Usage: runtime_cases.py FOLDER (such as tests/cases), with onnx, onnxruntime,
numpy and Pillow
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from PIL import Image

HEIGHT, WIDTH, CLASSES = 12, 16, 4
RNG = np.random.default_rng(15)


def picture() -> np.ndarray:
    """Samples of (height, width, 3) that are the same in every run."""
    rows, columns, channels = np.indices((HEIGHT, WIDTH, 3))
    return ((rows * 37 + columns * 11 + channels * 71) % 256).astype(np.uint8)


def noise(*shape: int, scale: float = 1) -> np.ndarray:
    """Weights."""
    return RNG.uniform(-scale, scale, shape).astype(np.float32)


class Net:
    """A network being written down, node by node."""

    def __init__(self, opset: int, x: str = "nchw") -> None:
        self.opset, self.nodes, self.weights = opset, [], {}
        shapes = {
            "nchw": (TensorProto.FLOAT, (1, 3, HEIGHT, WIDTH)),
            "uint8-nchw": (TensorProto.UINT8, (1, 3, HEIGHT, WIDTH)),
            "uint8-nhwc": (TensorProto.UINT8, (1, HEIGHT, WIDTH, 3)),
            "uint8-open": (TensorProto.UINT8, ("n", "h", "w", 3)),
        }
        self.input = helper.make_tensor_value_info("x", *shapes[x])
        self.last = "x"

    def weight(self, value: np.ndarray | list, name: str = "") -> str:
        """Adds an initialiser."""
        name = name or f"w{len(self.weights)}"
        self.weights[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def add(self, op: str, *inputs: str, **attributes) -> str:
        """Adds a node; without inputs it takes what the last one made."""
        made = f"v{len(self.nodes)}"
        node = helper.make_node(op, inputs or [self.last], [made], **attributes)
        node.name = f"{op}-{len(self.nodes)}"
        self.nodes.append(node)
        self.last = made
        return made

    def normalize(self) -> None:
        """From samples to numbers about 0, in the network itself."""
        self.add("Sub", self.last, self.weight(np.float32(120)))
        self.add("Div", self.last, self.weight(np.float32(60)))

    def conv(self, weights: str, channels: int, stride: int = 1, **more) -> str:
        """A convolution of 3 x 3 with a bias, and a ReLU."""
        bias = self.weight(noise(channels, scale=0.2))
        self.add(
            "Conv",
            self.last,
            weights,
            bias,
            pads=[1, 1, 1, 1],
            strides=[stride, stride],
            **more,
        )
        return self.add("Relu")

    def model(self) -> ModelProto:
        """The file."""
        output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        self.nodes[-1].output[0] = "y"
        graph = helper.make_graph(
            self.nodes, "net", [self.input], [output], list(self.weights.values())
        )
        opset = helper.make_opsetid("", self.opset)
        return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def head(net: Net, channels: int, kind: str) -> None:
    """Pooling and what comes after it."""
    if kind == "conv":
        weights, bias = noise(CLASSES, channels, 1, 1), noise(CLASSES)
        net.add("Conv", net.last, net.weight(weights), net.weight(bias))
        net.add("GlobalAveragePool")
        net.add("Flatten")
        return
    net.add("GlobalMaxPool" if kind == "max" else "GlobalAveragePool")
    net.add("Flatten")
    weights, bias = net.weight(noise(channels, CLASSES)), net.weight(noise(CLASSES))
    if kind == "matmul":
        net.add("MatMul", net.last, weights)
        net.add("Add", net.last, bias)
    else:
        net.add("Gemm", net.last, weights, bias)


def plain(opset: int, kind: str = "gemm", x: str = "nchw") -> ModelProto:
    """Two convolutions, one of them depthwise, added to what went in."""
    net = Net(opset, x)
    if x == "uint8-nhwc":
        net.add("Transpose", perm=[0, 3, 1, 2])
    if x != "nchw":
        net.add("Cast", to=TensorProto.FLOAT)
    if x == "uint8-open":
        net.add("Transpose", perm=[0, 3, 1, 2])
    net.normalize()
    before = net.conv(net.weight(noise(8, 3, 3, 3, scale=0.4)), 8, 2)
    after = net.conv(net.weight(noise(8, 1, 3, 3, scale=0.6)), 8, group=8)
    net.add("Add", before, after)
    head(net, 8, kind)
    return net.model()


def standardized(way: str) -> ModelProto:
    """Convolutions whose weights the file normalizes, as exporters say it."""
    net = Net(17)
    net.normalize()
    raw = net.weight(noise(8, 3, 3, 3))
    if way == "batch-norm":
        rows = net.add("Reshape", raw, net.weight(np.array([1, 8, -1])))
        ones, zeros = np.ones(8, np.float32), np.zeros(8, np.float32)
        names = [net.weight(value) for value in (ones, zeros, zeros, ones)]
        net.add("BatchNormalization", rows, *names, training_mode=1, epsilon=1e-6)
        net.nodes[-1].output.extend(["running-mean", "running-variance"])
        net.add("Reshape", net.last, net.weight(np.array([8, 3, 3, 3])))
    elif way == "weight-norm":
        length = net.add("ReduceL2", raw, axes=[1, 2, 3], keepdims=1)
        unit = net.add("Div", raw, length)
        net.add("Mul", unit, net.weight(noise(8, 1, 1, 1)))
    else:  # each step several times the weights: more than four times in all
        mean = net.add("ReduceMean", raw, axes=[1, 2, 3], keepdims=1)
        off = net.add("Sub", raw, mean)
        variance = net.add("ReduceMean", net.add("Mul", off, off), axes=[1, 2, 3])
        net.add("Add", variance, net.weight(np.float32(1e-6)))
        net.add("Div", off, net.add("Sqrt"))
        for _ in range(12):
            net.add("Mul", net.last, net.weight(noise(8, 1, 1, 1) + np.float32(1.5)))
    weights, net.last = net.last, "v1"
    net.conv(weights, 8, 2)
    head(net, 8, "gemm")
    return net.model()


def counted() -> ModelProto:
    """Weights that CumSum, EyeLike, Trilu, OneHot and Scatter make."""
    net = Net(18)
    net.normalize()
    net.conv(net.weight(noise(8, 3, 3, 3, scale=0.4)), 8, 2)
    pooled, square = net.last, net.weight(noise(8, 8))
    sums = net.add("CumSum", square, net.weight(np.array(1)), exclusive=1, reverse=1)
    eye = net.add("EyeLike", square, k=-1)
    corner = net.add("Trilu", net.add("Add", sums, eye), net.weight(np.array(1)))
    values = net.weight(np.array([0.25, 2], np.float32))
    hot = net.add(
        "OneHot", net.weight(np.arange(8) % 5), net.weight(np.array(8)), values
    )
    both = net.add("Add", corner, hot)
    places = net.weight(np.array([[0, 3], [7, -1]]))
    both = net.add("ScatterND", both, places, net.weight(noise(2)), reduction="add")
    rows = net.weight(np.array([[1, -2, 3, 0, 0, 1, 2, 3]]))
    both = net.add("ScatterElements", both, rows, net.weight(noise(1, 8)), axis=0)
    weights = net.add("Reshape", both, net.weight(np.array([8, 8, 1, 1])))
    net.add("Conv", pooled, weights)
    head(net, 8, "gemm")
    return net.model()


class Samples(CalibrationDataReader):
    """Pictures to calibrate with."""

    def __init__(self) -> None:
        samples = [picture(), picture()[::-1], 255 - picture()]
        self.inputs = iter(
            {"x": np.ascontiguousarray(s.transpose(2, 0, 1)[None]).astype(np.float32)}
            for s in samples
        )

    def get_next(self) -> dict | None:
        """The next, or None."""
        return next(self.inputs, None)


def quantized(made: ModelProto, **options) -> ModelProto:
    """The same network as `quantize_static` makes it."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "a.onnx"), Path(folder, "b.onnx")
        onnx.save(made, before)
        quantize_static(before, after, Samples(), **options)
        return onnx.load(after)


def blocked() -> ModelProto:
    """A linear layer of 4 bits with a scale for each block of inputs."""
    net = Net(21)
    net.normalize()
    net.conv(net.weight(noise(8, 3, 3, 3, scale=0.4)), 8, 2)
    net.add("GlobalAveragePool")
    pooled = net.add("Flatten")
    numbers = RNG.integers(-8, 8, (8, CLASSES))
    nibbles = helper.make_tensor("q", TensorProto.INT4, (8, CLASSES), numbers.ravel())
    net.weights["q"] = nibbles
    scale = net.weight(np.abs(noise(2, CLASSES, scale=0.2)) + np.float32(0.05))
    weights = net.add("DequantizeLinear", "q", scale, axis=0, block_size=4)
    net.add("Gemm", pooled, weights, net.weight(noise(CLASSES)))
    return net.model()


def networks() -> Iterator[tuple[str, ModelProto]]:
    """Name and file of each."""
    integer, type_of = {"quant_format": QuantFormat.QOperator}, QuantType
    u8s8 = {"activation_type": type_of.QUInt8, "weight_type": type_of.QInt8}
    yield "qdq-default", quantized(plain(17))
    yield "qdq-opset-11", quantized(plain(11))
    yield "qdq-opset-21", quantized(plain(21))
    yield "qdq-each-channel", quantized(plain(13), per_channel=True, **u8s8)
    yield "qdq-reduced-range", quantized(plain(13), reduce_range=True, **u8s8)
    yield (
        "qdq-symmetric",
        quantized(plain(13), extra_options={"ActivationSymmetric": True}),
    )
    yield (
        "qdq-uint8",
        quantized(
            plain(13), activation_type=type_of.QUInt8, weight_type=type_of.QUInt8
        ),
    )
    yield (
        "qdq-16-bits",
        quantized(
            plain(21), activation_type=type_of.QUInt16, weight_type=type_of.QInt8
        ),
    )
    yield "qdq-4-bits", quantized(plain(21), weight_type=type_of.QInt4)
    yield (
        "qdq-microsoft",
        quantized(plain(13), extra_options={"UseQDQContribOps": True}),
    )
    yield "qdq-matmul", quantized(plain(17, "matmul"))
    yield "qdq-conv-gap", quantized(plain(17, "conv"))
    yield "qdq-max", quantized(plain(17, "max"))
    yield "qdq-blocks", blocked()
    yield "integers-gemm", quantized(plain(17), **integer)
    yield (
        "integers-each-channel",
        quantized(plain(17), **integer, **u8s8, per_channel=True),
    )
    yield "integers-matmul", quantized(plain(17, "matmul"), **integer)
    yield "integers-max", quantized(plain(17, "max"), **integer)
    for way in ("batch-norm", "weight-norm", "many-steps"):
        yield f"weights-{way}", standardized(way)
    yield "weights-counted", counted()
    for x in ("uint8-nchw", "uint8-nhwc", "uint8-open"):
        yield x, plain(17, x=x)
    for opset in (25, 26):
        yield f"opset-{opset}", plain(opset)


def pooled_by(made: ModelProto) -> NodeProto | None:
    """The last global pooling."""
    found = [n for n in made.graph.node if "Global" in n.op_type]
    return found[-1] if found else None


def run(made: ModelProto, x: np.ndarray, names: list[str]) -> list[np.ndarray]:
    """Outputs, and values within, without ONNX Runtime's own folding."""
    made = ModelProto.FromString(made.SerializeToString())
    for name in names:
        if name not in [output.name for output in made.graph.output]:
            made.graph.output.append(helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(made.SerializeToString(), options)
    return session.run(names, {"x": x})


def expect(made: ModelProto) -> dict[str, np.ndarray]:
    """What a network computes of the picture."""
    kind = made.graph.input[0].type.tensor_type
    x = picture()[None]
    if len(kind.shape.dim) == 4 and kind.shape.dim[3].dim_value != 3:
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    if kind.elem_type == TensorProto.FLOAT:
        x = x.astype(np.float32)
    pool = pooled_by(made)
    logits, features = run(made, x, [made.graph.output[0].name, pool.input[0]])
    found = {"logits": logits.reshape(-1)}
    if features.dtype == np.float32:
        found["features"] = features
    return found


def resize(mode: str, length: int) -> tuple[ModelProto, np.ndarray]:
    """One row by many scales, in all ways."""
    scales = (0.1, 0.3, 1 / 3, 0.45, 0.6, 0.7, 0.9, 1.1, 1.2, 4 / 3, 1.4, 2.1, 2.7)
    ways = ["half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"]
    ways += ["align_corners", "asymmetric"]
    rounding = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
    x = np.linspace(-1, 1, length, dtype=np.float32).reshape(1, 1, 1, length)
    nodes, constants, outputs = [], [], []
    for s, scale in enumerate(scales):
        whole = np.array([1, 1, 1, scale], np.float32)
        if int(np.float32(length) * whole[3]) < 1:
            continue
        constants.append(numpy_helper.from_array(whole, f"s{s}"))
        for way in ways:
            for nearest in rounding if mode == "nearest" else rounding[:1]:
                outputs.append(f"y{len(outputs)}")
                node = helper.make_node("Resize", ["x", "", f"s{s}"], outputs[-1:])
                node.attribute.append(helper.make_attribute("mode", mode))
                attribute = "coordinate_transformation_mode"
                node.attribute.append(helper.make_attribute(attribute, way))
                node.attribute.append(helper.make_attribute("nearest_mode", nearest))
                nodes.append(node)
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "resizes",
        [info("x", TensorProto.FLOAT, x.shape)],
        [info(name, TensorProto.FLOAT, None) for name in outputs],
        constants,
    )
    opset = helper.make_opsetid("", 19)
    return helper.make_model(graph, opset_imports=[opset], ir_version=9), x


def main(folder: Path) -> None:
    """Writes all cases anew."""
    logging.disable(logging.WARNING)
    root = folder / "runtime"
    shutil.rmtree(root, ignore_errors=True)
    (root / "networks").mkdir(parents=True)
    (root / "resizes").mkdir()
    Image.fromarray(picture()).save(root / "picture.png")
    for name, made in networks():
        onnx.save(made, root / "networks" / f"{name}.onnx")
        np.savez_compressed(root / "networks" / f"{name}.npz", **expect(made))
    for mode in ("nearest", "linear", "cubic"):
        for length in (20, 33):
            made, x = resize(mode, length)
            names = [output.name for output in made.graph.output]
            outputs = dict(zip(names, run(made, x, names), strict=True))
            onnx.save(made, root / "resizes" / f"{mode}-{length}.onnx")
            np.savez_compressed(
                root / "resizes" / f"{mode}-{length}.npz", x=x, **outputs
            )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
