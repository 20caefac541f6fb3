"""Makes small networks that end in every way, and what ONNX Runtime says.

    tests/data/outputs/NAME.onnx
        a picture, a convolution, a mean, a linear layer "z", and an end
    tests/data/outputs/picture.png
        the picture; its levels, divided by 255, are the networks' input
    tests/data/outputs/outputs.json
        NAME: {"logits": [...], "scores": [...], "kind": "softmax"|"sigmoid",
               "exclusive": ..., "map": ...} as the service must answer,
        or     {"error": "a part of the text"}
        and    {"add": [options of `wherefore model add`], "labels": how many}

Scores are outputs or values of ONNX Runtime's, never computed here but for a
logit's complement.

Usage: output_cases.py FOLDER (such as tests/data/outputs)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

FEATURES, HEIGHT, WIDTH = 4, 6, 8
SEED = np.random.default_rng(15)


def noise(*shape: int) -> np.ndarray:
    """Weights of both signs."""
    return SEED.uniform(-1, 1, shape).astype(np.float32)


CONV = noise(FEATURES, 3, 3, 3)
LINEAR = {n: (3 * noise(n, FEATURES), noise(n)) for n in (1, 2, 3, 5)}


@dataclass
class Net:
    """A network under construction."""

    nodes: list = field(default_factory=list)
    weights: list = field(default_factory=list)
    opset: int = 17
    domains: list = field(default_factory=list)

    def constant(self, array: np.ndarray | float | list, dtype=np.float32) -> str:
        """An initialiser of its own."""
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def __call__(self, op: str, *inputs: str, makes: str = "", **attributes) -> str:
        """Adds a node and returns what it makes."""
        makes = makes or f"v{len(self.nodes)}"
        outputs = makes.split()
        self.nodes.append(helper.make_node(op, list(inputs), outputs, **attributes))
        return outputs[0]

    def body(self) -> str:
        """The feature map's mean, 1 x FEATURES."""
        maps = self("Conv", "x", self.constant(CONV), pads=[1, 1, 1, 1])
        maps = self("Relu", maps)
        return self("Flatten", self("GlobalAveragePool", maps), makes="feat")

    def linear(self, count: int, x: str = "", makes: str = "z") -> str:
        """Body and linear layer: 1 x count."""
        weights, bias = LINEAR[count]
        return self(
            "Gemm",
            x or self.body(),
            self.constant(weights),
            self.constant(bias),
            makes=makes,
            transB=1,
        )

    def save(self, outputs: list[str]) -> onnx.ModelProto:
        """The model; outputs are declared without shapes."""
        graph = helper.make_graph(
            self.nodes,
            "g",
            [
                helper.make_tensor_value_info(
                    "x", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH]
                )
            ],
            [
                helper.make_tensor_value_info(o, TensorProto.FLOAT, None)
                for o in outputs
            ],
            self.weights,
        )
        imports = [helper.make_opsetid("", self.opset)]
        imports += [helper.make_opsetid(d, 1) for d in self.domains]
        return helper.make_model(graph, opset_imports=imports, ir_version=8)


CASES: dict[str, tuple[Callable[[Net], object], dict]] = {}


def case(**expected):
    """Registers a function that makes a network's end and returns the names of
    its outputs. expected: `scores`, `logits`: values to take from ONNX Runtime
    ("-v": negative, "1-v": complement; a list of them is put together)."""

    def register(make: Callable[[Net], object]):
        CASES[make.__name__.replace("_", "-")] = (make, expected)
        return make

    return register


SIG = {"kind": "sigmoid", "logits": "z", "scores": "out"}
SOFT = {"kind": "softmax", "logits": "z", "scores": "out"}


def simple(name: str, count: int, end: Callable[[Net, str], object], **expected):
    """A case of z and what `end` does to it."""

    def make(net: Net):
        end(net, net.linear(count))
        return ["out"]

    CASES[name] = (make, expected)


def chain(*ops: tuple) -> Callable[[Net, str], object]:
    """Nodes one after another: (op, constants before, constants after, attributes).
    The last one makes "out"; one that is called "s" makes the scores."""

    def end(net: Net, x: str):
        for i, (op, *rest) in enumerate(ops):
            before, after, attributes, to = [], [], {}, ""
            for item in rest:
                if isinstance(item, dict):
                    attributes = item
                elif isinstance(item, str):
                    to = item
                elif isinstance(item, tuple):
                    before = [net.constant(item[0])]
                else:
                    after.append(net.constant(item))
            if i == len(ops) - 1:
                to = "out"
            x = net(op, *before, x, *after, makes=to, **attributes)

    return end


AXIS = {"axis": 1}
SOFTMAX, SIGMOID = ("Softmax", AXIS, "s"), ("Sigmoid", "s")
SEEN = {"kind": "softmax", "logits": "z", "scores": "s"}
EACH = {"kind": "sigmoid", "logits": "z", "scores": "s"}

# ---- what the network says itself

simple("logits", 3, chain(("Identity",)), kind="softmax", logits="z", scores="softmax")
simple("softmax", 3, chain(SOFTMAX), **SOFT)
simple("sigmoid", 3, chain(SIGMOID), **SIG)
simple("sigmoid-of-one", 1, chain(SIGMOID), **SIG)
simple(
    "one-logit", 1, chain(("Identity",)), kind="sigmoid", logits="z", scores="sigmoid"
)
simple(
    "log-softmax",
    3,
    chain(("LogSoftmax", AXIS)),
    kind="softmax",
    logits="z",
    scores="softmax",
)
simple(
    "temperature",
    3,
    chain(("Div", 2.5, "t"), SOFTMAX),
    kind="softmax",
    logits="t",
    scores="out",
)
simple(
    "temperature-sigmoid",
    3,
    chain(("Mul", 0.4, "t"), SIGMOID),
    kind="sigmoid",
    logits="t",
    scores="out",
)
simple("two-sigmoids", 2, chain(SIGMOID), **SIG)
simple("two-softmaxes", 2, chain(SOFTMAX), **SOFT)

# ---- what keeps the order

for name, ops in {
    "clip": [("Clip", 1e-7, 1 - 1e-7)],
    "clip-high": [("Clip", 0.0, 0.4)],
    "percent": [("Mul", 100.0)],
    "percent-rounded": [("Mul", 100.0), ("Round",)],
    "shifted": [("Add", 0.25)],
    "scaled-down": [("Div", 7.0)],
    "log": [("Log",)],
    "log-of-more": [("Add", 1e-6), ("Log",)],
    "exp": [("Exp",)],
    "sqrt": [("Sqrt",)],
    "square": [("Mul", 2.0), ("Pow", 2.0)],
    "root": [("Pow", 0.3)],
    "double": [("Cast", {"to": TensorProto.DOUBLE})],
    "half": [("Cast", {"to": TensorProto.FLOAT16})],
    "max": [("Max", 0.01)],
    "signed": [("Mul", 2.0), ("Sub", 1.0)],
    "tanh": [("Tanh",)],
    "identity": [("Identity",)],
}.items():
    simple(f"softmax-{name}", 3, chain(SOFTMAX, *ops), **SEEN)
    simple(f"sigmoid-{name}", 3, chain(SIGMOID, *ops), **EACH)
simple("softmax-transposed", 3, chain(SOFTMAX, ("Transpose", {"perm": [1, 0]})), **SEEN)
simple("sigmoid-decided", 1, chain(SIGMOID, ("Round",)), **EACH)


@case(**EACH)
def sigmoid_above_a_half(net: Net):
    """1.0 where the answer is yes."""
    score = net("Sigmoid", net.linear(1), makes="s")
    yes = net("Greater", score, net.constant(0.5))
    net.nodes.append(helper.make_node("Cast", [yes], ["out"], to=TensorProto.FLOAT))
    return ["out"]


# ---- the complement

simple(
    "one-minus-sigmoid",
    1,
    chain(SIGMOID, ("Sub", (1.0,))),
    kind="sigmoid",
    logits="-z",
    scores="out",
)
simple(
    "one-minus-sigmoids",
    3,
    chain(SIGMOID, ("Sub", (1.0,))),
    kind="sigmoid",
    logits="-z",
    scores="out",
)
simple(
    "minus-and-one",
    1,
    chain(SIGMOID, ("Neg",), ("Add", 1.0)),
    kind="sigmoid",
    logits="-z",
    scores="out",
)
simple(
    "log-of-one-minus",
    1,
    chain(SIGMOID, ("Sub", (1.0,), "s2"), ("Log",)),
    kind="sigmoid",
    logits="-z",
    scores="s2",
)
simple(
    "sigmoid-of-minus",
    3,
    chain(("Neg",), SIGMOID),
    kind="sigmoid",
    logits="-z",
    scores="out",
)
simple(
    "softmax-of-minus",
    3,
    chain(("Neg",), SOFTMAX),
    kind="softmax",
    logits="-z",
    scores="out",
)
PAIR = {
    "kind": "sigmoid",
    "exclusive": True,
    "logits": ["-z", "z"],
    "scores": ["1-s", "s"],
}
simple(
    "one-logit-two-names",
    1,
    chain(("Identity",)),
    labels=2,
    kind="sigmoid",
    exclusive=True,
    logits=["-z", "z"],
    scores=["1-sigmoid", "sigmoid"],
)
simple(
    "sigmoid-two-names",
    1,
    chain(SIGMOID),
    labels=2,
    **PAIR | {"scores": ["1-out", "out"]},
)
simple(
    "one-minus-two-names",
    1,
    chain(SIGMOID, ("Sub", (1.0,))),
    labels=2,
    kind="sigmoid",
    exclusive=True,
    logits=["z", "-z"],
    scores=["1-out", "out"],
)
simple("sigmoid-one-name", 1, chain(SIGMOID), labels=1, **SIG)
simple(
    "sigmoid-three-names",
    1,
    chain(SIGMOID),
    labels=3,
    error="labels.txt has 3 classes, but the network has 1",
)


@case(kind="sigmoid", exclusive=True, logits=["-z", "z"], scores="out")
def stacked(net: Net):
    """[1 - p, p]"""
    p = net("Sigmoid", net.linear(1))
    net("Concat", net("Sub", net.constant(1.0), p), p, makes="out", axis=1)
    return ["out"]


@case(kind="sigmoid", exclusive=True, logits=["z", "-z"], scores="out", labels=2)
def stacked_the_other_way(net: Net):
    """[p, 1 - p]"""
    p = net("Sigmoid", net.linear(1))
    net("Concat", p, net("Sub", net.constant(1.0), p), makes="out", axis=1)
    return ["out"]


@case(kind="softmax", logits="z", scores="s", labels=2)
def one_of_two_sliced(net: Net):
    """softmax(z)[:, 1:2]"""
    s = net("Softmax", net.linear(2), makes="s", axis=1)
    bounds = [net.constant([v], np.int64) for v in (1, 2, 1)]
    net("Slice", s, *bounds, makes="out")
    return ["out"]


@case(kind="softmax", logits="z", scores="s")
def one_of_two_gathered(net: Net):
    """softmax(z)[:, 0]"""
    s = net("Softmax", net.linear(2), makes="s", axis=1)
    net("Gather", s, net.constant(0, np.int64), makes="out", axis=1)
    return ["out"]


@case(kind="sigmoid", logits="z", scores="s")
def sigmoid_selected(net: Net):
    """sigmoid(z)[:, 0], which is all of it."""
    s = net("Sigmoid", net.linear(1), makes="s")
    net("Gather", s, net.constant(0, np.int64), makes="out", axis=1)
    return ["out"]


@case(kind="sigmoid", exclusive=True, logits=["z", "-z"], scores="out", labels=2)
def stacked_of_both_signs(net: Net):
    """[sigmoid(z), sigmoid(-z)]"""
    z = net.linear(1)
    net("Concat", net("Sigmoid", z), net("Sigmoid", net("Neg", z)), makes="out", axis=1)
    return ["out"]


@case(kind="sigmoid", exclusive=True, logits=["-z", "z"], scores="out")
def stacked_of_a_chosen_one(net: Net):
    """z[:, 0] before all else."""
    z = net("Gather", net.linear(1), net.constant(0, np.int64), axis=1)
    p = net("Sigmoid", z)
    one = [net.constant([1], np.int64)]
    parts = [net("Unsqueeze", x, *one) for x in (net("Sub", net.constant(1.0), p), p)]
    net("Concat", *parts, makes="out", axis=1)
    return ["out"]


# ---- written out

simple(
    "sigmoid-written-out",
    3,
    chain(("Neg",), ("Exp",), ("Add", 1.0), ("Div", (1.0,))),
    **SIG,
)
simple(
    "sigmoid-reciprocal",
    3,
    chain(("Mul", -1.0), ("Exp",), ("Add", 1.0), ("Reciprocal",)),
    **SIG,
)
simple(
    "sigmoid-by-tanh",
    3,
    chain(("Mul", 0.5), ("Tanh",), ("Add", 1.0), ("Mul", 0.5)),
    **SIG,
)
simple(
    "sigmoid-by-tanh-2",
    3,
    chain(("Div", 2.0), ("Tanh",), ("Mul", 0.5), ("Add", 0.5)),
    **SIG,
)


@case(**SIG)
def sigmoid_as_a_quotient(net: Net):
    """exp(z) / (1 + exp(z))"""
    e = net("Exp", net.linear(3))
    net("Div", e, net("Add", net.constant(1.0), e), makes="out")
    return ["out"]


def softmax_parts(net: Net, x: str, less_maximum: bool) -> tuple[str, str, str]:
    """x less its maximum, exp of it, and the sum."""
    if less_maximum:
        x = net("Sub", x, net("ReduceMax", x, axes=[1], keepdims=1))
    e = net("Exp", x)
    return x, e, net("ReduceSum", e, net.constant([-1], np.int64), keepdims=1)


@case(**SOFT)
def softmax_written_out(net: Net):
    """exp(z - max) / sum"""
    _, e, total = softmax_parts(net, net.linear(3), True)
    net("Div", e, total, makes="out")
    return ["out"]


@case(**SOFT)
def softmax_written_out_plainly(net: Net):
    """exp(z) / sum"""
    _, e, total = softmax_parts(net, net.linear(3), False)
    net("Div", e, total, makes="out")
    return ["out"]


@case(**SOFT)
def softmax_written_out_with_unsqueeze(net: Net):
    """The sum's axis is dropped and put back."""
    e = net("Exp", net.linear(3))
    total = net("ReduceSum", e, net.constant([1], np.int64), keepdims=0)
    net("Div", e, net("Unsqueeze", total, net.constant([1], np.int64)), makes="out")
    return ["out"]


@case(kind="softmax", logits="z", scores="softmax")
def log_softmax_written_out(net: Net):
    """z - max - log(sum)"""
    x, _, total = softmax_parts(net, net.linear(3), True)
    net("Sub", x, net("Log", total), makes="out")
    return ["out"]


@case(kind="softmax", logits="z", scores="softmax")
def log_softmax_by_reduce(net: Net):
    """z - logsumexp(z)"""
    z = net.linear(3)
    net("Sub", z, net("ReduceLogSumExp", z, axes=[1], keepdims=1), makes="out")
    return ["out"]


@case(kind="sigmoid", logits="z", scores="out")
def sigmoid_in_half_precision(net: Net):
    """Through float16 and back."""
    z = net.linear(3)
    net.nodes.append(helper.make_node("Cast", [z], ["h"], to=TensorProto.FLOAT16))
    net("Sigmoid", "h", makes="hs")
    net.nodes.append(helper.make_node("Cast", ["hs"], ["out"], to=TensorProto.FLOAT))
    return ["out"]


@case(**SIG)
def sigmoid_without_overflow(net: Net):
    """In two ways, for each sign."""
    z = net.linear(3)
    e = net("Exp", z)
    less = net("Div", e, net("Add", e, net.constant(1.0)))
    more = net(
        "Div",
        net.constant(1.0),
        net("Add", net("Exp", net("Neg", z)), net.constant(1.0)),
    )
    net("Where", net("Less", z, net.constant(0.0)), less, more, makes="out")
    return ["out"]


simple("log-sigmoid", 3, chain(SIGMOID, ("Log",)), **EACH)
simple(
    "log-sigmoid-by-softplus",
    3,
    chain(("Neg",), ("Softplus",), ("Neg",)),
    kind="sigmoid",
    logits="z",
    scores="sigmoid",
)


@case(**SOFT)
def convolution_and_softmax(net: Net):
    """1 x 3 x 1 x 1, the classes' own maps."""
    maps = net("Conv", "x", net.constant(CONV[:3] * 4), pads=[1, 1, 1, 1])
    net("Softmax", net("GlobalAveragePool", maps, makes="z"), makes="out", axis=1)
    return ["out"]


@case(kind="sigmoid", logits="-z", scores="out")
def convolution_and_one_minus_sigmoid(net: Net):
    """Each class the other way round."""
    maps = net("Conv", "x", net.constant(CONV[:3] * 4), pads=[1, 1, 1, 1])
    z = net("Flatten", net("GlobalAveragePool", maps), makes="z")
    net("Sub", net.constant(1.0), net("Sigmoid", z), makes="out")
    return ["out"]


def rounded(net: Net, x: str, makes: str = "") -> str:
    """Through 8 bits and back."""
    q = [net.constant(1 / 255), net.constant(0, np.uint8)]
    return net("DequantizeLinear", net("QuantizeLinear", x, *q), *q, makes=makes)


@case(**SEEN)
def softmax_quantized(net: Net):
    """As quantize_static ends it."""
    rounded(net, net("Softmax", net.linear(3), makes="s", axis=1), "out")
    return ["out"]


@case(kind="sigmoid", logits="-z", scores="s2")
def one_minus_sigmoid_quantized(net: Net):
    """Rounded before and after."""
    s = net("Sigmoid", net.linear(3), makes="s")
    net("Sub", net.constant(1.0), s, makes="s2")
    rounded(net, net("Sub", net.constant(1.0), rounded(net, s)), "out")
    return ["out"]


# ---- twice, and what comes of it

simple(
    "softmax-of-softmax",
    3,
    chain(SOFTMAX, ("Softmax", AXIS)),
    kind="softmax",
    logits="s",
    scores="out",
    map=False,
)
simple(
    "sigmoid-of-sigmoid",
    3,
    chain(SIGMOID, ("Sigmoid",)),
    kind="sigmoid",
    logits="s",
    scores="out",
    map=False,
)

# ---- what there is no way back from

WRONG_AXIS = "each score is 1"
simple("softmax-over-the-batch", 3, chain(("Softmax", {"axis": 0})), error=WRONG_AXIS)
simple("softmax-of-one", 1, chain(SOFTMAX), **SOFT)
simple("hard-sigmoid", 3, chain(("HardSigmoid",)), error="neither softmax nor sigmoid")
simple(
    "hard-sigmoid-written-out",
    3,
    chain(("Add", 3.0), ("Clip", 0.0, 6.0), ("Div", 6.0)),
    error="neither softmax nor sigmoid",
)
simple("tanh", 3, chain(("Tanh",)), error="ends in Tanh, which is neither")
simple("softplus", 3, chain(("Softplus",)), error="ends in Softplus, which is neither")
simple(
    "relu-of-logits",
    3,
    chain(("Relu",)),
    kind="softmax",
    logits="out",
    scores="softmax-of-out",
    map=False,
)
simple(
    "minus-log-softmax",
    3,
    chain(("LogSoftmax", AXIS), ("Neg",)),
    error="their order is reversed",
)
simple(
    "one-minus-softmax",
    3,
    chain(SOFTMAX, ("Sub", (1.0,))),
    error="their order is reversed",
)
simple(
    "minus-log-sigmoid",
    3,
    chain(SIGMOID, ("Log",), ("Neg",)),
    error="Neg reverses their order",
)
simple(
    "centred-and-squared",
    3,
    chain(SOFTMAX, ("Sub", 0.5), ("Mul", 1.0), ("Abs",)),
    error="Abs does not preserve their order",
)
simple("clipped-away", 3, chain(SOFTMAX, ("Clip", 2.0, 3.0)), error="they all become 2")
simple(
    "reciprocal-of-softmax",
    3,
    chain(SOFTMAX, ("Reciprocal",)),
    error="does not preserve their order",
)
simple(
    "weighted-softmax",
    3,
    chain(SOFTMAX, ("Mul", [[1.0, 2.0, 3.0]])),
    error="combined from several softmaxes or sigmoids",
)


@case(error="combined from several softmaxes or sigmoids")
def small_scores_left_out(net: Net):
    """softmax(z) where it is above 0.1, else 0."""
    s = net("Softmax", net.linear(3), axis=1)
    net("Greater", s, net.constant(0.1), makes="b")
    net.nodes.append(helper.make_node("Cast", ["b"], ["f"], to=TensorProto.FLOAT))
    net("Mul", s, "f", makes="out")
    return ["out"]


@case(error="combined from several softmaxes or sigmoids")
def picked_one_by_one(net: Net):
    """As the dynamo exporter writes s[:, [0, 1, 2]]."""
    s = net("Softmax", net.linear(3), axis=1)
    turned = net("Transpose", s, perm=[1, 0])
    picked = net("GatherND", turned, net.constant([[0], [1], [2]], np.int64))
    net("Transpose", picked, makes="out", perm=[1, 0])
    return ["out"]


@case(error="neither softmax nor sigmoid")
def divided_by_the_sum(net: Net):
    """What is above 0, as parts of 1."""
    z = net("Relu", net.linear(3))
    total = net("ReduceSum", z, net.constant([1], np.int64), keepdims=1)
    net("Div", z, net("Add", total, net.constant(1e-6)), makes="out")
    return ["out"]


@case(error="neither softmax nor sigmoid")
def yes_or_no(net: Net):
    """1 where a score is above a half."""
    yes = net("Greater", net("Sigmoid", net.linear(3)), net.constant(0.5))
    net("Where", yes, net.constant(1.0), net.constant(0.0), makes="out")
    return ["out"]


@case(error="1 of the 3 are dropped")
def without_background(net: Net):
    """softmax(z)[:, 1:]"""
    s = net("Softmax", net.linear(3), axis=1)
    bounds = [net.constant([v], np.int64) for v in (1, 3, 1)]
    net("Slice", s, *bounds, makes="out")
    return ["out"]


@case(error="rearranges them")
def turned_around(net: Net):
    """softmax(z)[:, ::-1]"""
    s = net("Softmax", net.linear(3), axis=1)
    net("Gather", s, net.constant([2, 1, 0], np.int64), makes="out", axis=1)
    return ["out"]


@case(error="one of the two is dropped")
def one_of_two_labels(net: Net):
    """sigmoid(z)[:, 1]"""
    s = net("Sigmoid", net.linear(2))
    net("Gather", s, net.constant(1, np.int64), makes="out", axis=1)
    return ["out"]


@case(error="combined from several softmaxes or sigmoids")
def two_tasks(net: Net):
    """Two softmaxes, one after another."""
    feat = net.body()
    a = net("Softmax", net.linear(3, feat, "a"), axis=1)
    b = net("Softmax", net.linear(2, feat, "b"), axis=1)
    net("Concat", a, b, makes="out", axis=1)
    return ["out"]


@case(error="combined from several softmaxes or sigmoids")
def mean_of_sigmoids(net: Net):
    """A score for each place, and their mean."""
    maps = net("Conv", "x", net.constant(CONV[:3]), pads=[1, 1, 1, 1])
    net("Flatten", net("GlobalAveragePool", net("Sigmoid", maps)), makes="out")
    return ["out"]


@case(error="combined from several softmaxes or sigmoids")
def mean_of_softmaxes(net: Net):
    """An ensemble of two."""
    feat = net.body()
    a = net("Softmax", net.linear(3, feat, "a"), axis=1)
    b = net("Softmax", net.linear(3, net("Tanh", feat), "b"), axis=1)
    net("Mul", net("Add", a, b), net.constant(0.5), makes="out")
    return ["out"]


# ---- what model.json says

simple(
    "logits-sigmoid-each",
    3,
    chain(("Identity",)),
    add=["--scores", "sigmoid"],
    kind="sigmoid",
    logits="z",
    scores="sigmoid",
)
simple(
    "logits-softmax",
    3,
    chain(("Identity",)),
    add=["--scores", "softmax"],
    kind="softmax",
    logits="z",
    scores="softmax",
)
simple("softmax-said-too", 3, chain(SOFTMAX), add=["--scores", "softmax"], **SOFT)
simple(
    "softmax-contradicted",
    3,
    chain(SOFTMAX),
    add=["--scores", "sigmoid"],
    error="ends in a softmax, but --scores says sigmoid",
)
simple(
    "one-logit-softmax",
    1,
    chain(("Identity",)),
    add=["--scores", "softmax"],
    error="a softmax over one number is always 1",
)
simple(
    "wrong-axis-mended",
    3,
    chain(("Softmax", {"axis": 0})),
    add=["--scores", "softmax"],
    kind="softmax",
    logits="z",
    scores="softmax",
)
simple(
    "tanh-said",
    3,
    chain(("Tanh",)),
    add=["--scores", "sigmoid"],
    kind="sigmoid",
    logits="out",
    scores="sigmoid-of-out",
    map=False,
)
simple(
    "two-logits-two-names-sigmoid",
    2,
    chain(("Identity",)),
    labels=2,
    add=["--scores", "sigmoid"],
    kind="sigmoid",
    logits="z",
    scores="sigmoid",
)

# ---- several outputs


def outputs(name: str, names: list[str], make: Callable[[Net], object], **expected):
    """A case with these outputs."""

    def run(net: Net):
        make(net)
        return names

    CASES[name] = (run, expected)


def features_and_logits(net: Net):
    net.linear(3)


def logits_and_softmax(net: Net):
    net("Softmax", net.linear(3), makes="p", axis=1)


P = {"kind": "softmax", "logits": "z", "scores": "p"}
Z = {"kind": "softmax", "logits": "z", "scores": "softmax"}
outputs("features-first", ["feat", "z"], features_and_logits, **Z, output="z")
outputs("features-last", ["z", "feat"], features_and_logits, **Z, output="z")
outputs(
    "features-named",
    ["z", "feat"],
    features_and_logits,
    add=["--output", "feat"],
    kind="softmax",
    logits="feat",
    scores="softmax-of-feat",
    output="feat",
)
outputs(
    "features-labelled",
    ["z", "feat"],
    features_and_logits,
    labels=4,
    kind="softmax",
    logits="feat",
    scores="softmax-of-feat",
    output="feat",
)
outputs(
    "unknown-output",
    ["z", "feat"],
    features_and_logits,
    add=["--output", "y"],
    error='has no output "y"; its outputs are "z", "feat"',
)
outputs("logits-and-softmax", ["z", "p"], logits_and_softmax, **P, output="p")
outputs("softmax-and-logits", ["p", "z"], logits_and_softmax, **P, output="p")


@case(**Z, output="z")
def map_and_logits(net: Net):
    """The feature map as well."""
    maps = net(
        "Relu", net("Conv", "x", net.constant(CONV), pads=[1, 1, 1, 1]), makes="maps"
    )
    net.linear(3, net("Flatten", net("GlobalAveragePool", maps)))
    return ["maps", "z"]


@case(**Z, output="z")
def normed_features_and_logits(net: Net):
    """An embedding of length 1, beside."""
    feat = net.body()
    net("LpNormalization", feat, makes="embedding", axis=1, p=2)
    net.linear(3, feat)
    return ["embedding", "z"]


def two_tasks_apart(net: Net):
    feat = net.body()
    net.linear(3, feat, "animal")
    net.linear(2, feat, "indoors")


TWO = ["animal", "indoors"]
outputs(
    "two-tasks-apart",
    TWO,
    two_tasks_apart,
    error='"animal" (3), "indoors" (2); choose one with --output',
)
outputs(
    "two-tasks-first",
    TWO,
    two_tasks_apart,
    add=["--output", "animal"],
    kind="softmax",
    logits="animal",
    scores="softmax-of-animal",
    output="animal",
)
outputs(
    "two-tasks-second",
    TWO,
    two_tasks_apart,
    add=["--output", "indoors"],
    kind="softmax",
    logits="indoors",
    scores="softmax-of-indoors",
    output="indoors",
)
outputs(
    "two-tasks-labelled",
    TWO,
    two_tasks_apart,
    labels=2,
    kind="softmax",
    logits="indoors",
    scores="softmax-of-indoors",
    output="indoors",
)
outputs(
    "two-tasks-labelled-3",
    TWO,
    two_tasks_apart,
    labels=3,
    kind="softmax",
    logits="animal",
    scores="softmax-of-animal",
    output="animal",
)


def logits_and(net: Net, then: Callable[[Net, str], object]):
    then(net, net.linear(3))


for name, names, make in [
    ("argmax", ["best", "z"], lambda n, z: n("ArgMax", z, makes="best", axis=1)),
    (
        "topk",
        ["values", "indices", "z"],
        lambda n, z: n("TopK", z, n.constant([2], np.int64), makes="values indices"),
    ),
    (
        "int-sum",
        ["count", "z"],
        lambda n, z: n.nodes.append(
            helper.make_node(
                "Cast", [n("ReduceSum", z, keepdims=0)], ["count"], to=TensorProto.INT64
            )
        ),
    ),
    (
        "above-zero",
        ["yes", "z"],
        lambda n, z: n("Greater", z, n.constant(0.0), makes="yes"),
    ),
    (
        "if",
        ["z", "t"],
        lambda n, z: n(
            "NonMaxSuppression",
            n.constant(noise(1, 4, 4)),
            n.constant(noise(1, 3, 4)),
            makes="t",
        ),
    ),
    ("dead", ["z"], lambda n, z: n("ArgMax", n("Det", z), makes="dead")),
]:
    outputs(
        f"beside-{name}",
        names,
        lambda n, make=make: logits_and(n, make),
        **Z,
        output="z",
    )
outputs(
    "argmax-and-softmax",
    ["best", "p"],
    lambda n: (
        n("Softmax", n.linear(3), makes="p", axis=1),
        n("ArgMax", "z", makes="best", axis=1),
    ),
    **P,
    output="p",
)
outputs(
    "argmax-alone",
    ["best"],
    lambda n: n("ArgMax", n.linear(3), makes="best", axis=1),
    **Z,
    output="best",
)
outputs(
    "argmax-of-softmax-alone",
    ["best"],
    lambda n: n(
        "Squeeze",
        n("ArgMax", n("Softmax", n.linear(3), makes="p", axis=1), axis=1),
        makes="best",
    ),
    **P,
    output="best",
)
outputs(
    "argmax-looked-up",
    ["number"],
    lambda n: n(
        "Gather",
        n.constant([10, 20, 30], np.int64),
        n("ArgMax", n("Softmax", n.linear(3), makes="p", axis=1), axis=1),
        makes="number",
    ),
    **P,
    output="number",
)
outputs(
    "topk-alone",
    ["values", "indices"],
    lambda n: n(
        "TopK",
        n("Softmax", n.linear(5), makes="p", axis=1),
        n.constant([2], np.int64),
        makes="values indices",
    ),
    **P,
)


@case(**P, output="p")
def zip_map(net: Net):
    """What scikit-learn's converter writes, beside."""
    net.domains.append("ai.onnx.ml")
    p = net("Softmax", net.linear(3), makes="p", axis=1)
    net.nodes.append(
        helper.make_node(
            "ZipMap", [p], ["zm"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2]
        )
    )
    return ["zm", "p"]


@case(**P, output="zm")
def zip_map_alone(net: Net):
    """Nothing else comes out."""
    zip_map(net)
    return ["zm"]


@case(**Z, output="z")
def unused_of_int4(net: Net):
    """An initialiser that nothing takes."""
    net.linear(3)
    net.weights.append(helper.make_tensor("w4", TensorProto.INT4, [2], [1, -2]))
    return ["z"]


# Types that are not read; INT2 stands beside a head as well.
for kind in (
    "FLOAT8E4M3FN",
    "FLOAT8E4M3FNUZ",
    "FLOAT8E5M2",
    "FLOAT8E5M2FNUZ",
    "FLOAT4E2M1",
    "FLOAT8E8M0",
    "UINT2",
    "INT2",
):

    def used_type(net: Net, kind=kind):
        w = onnx.TensorProto(
            name="w", data_type=getattr(TensorProto, kind), dims=[1], raw_data=b"\1"
        )
        net.weights.append(w)
        net("Add", net.linear(3), "w", makes="out")
        return ["out"]

    CASES[f"used-{kind.lower()}"] = (
        used_type,
        {"error": f'"w" has type {kind.lower()}, which'},
    )

    def beside_type(net: Net, kind=kind):
        used_type(net, kind)
        return ["out", "z"]

    if kind == "INT2":
        CASES["beside-int2"] = (beside_type, Z | {"output": "z"})


@case(error="operator Det is not supported")
def needed_and_unknown(net: Net):
    """An operator that the only output needs."""
    net("Mul", net.linear(3), net("Det", net.constant(np.eye(2))), makes="out")
    return ["out"]


# ---- what ONNX Runtime says


def values_of(made: onnx.ModelProto, picture: np.ndarray) -> dict[str, np.ndarray]:
    """Every value that ONNX Runtime can be asked for."""
    asked = onnx.ModelProto()
    asked.CopyFrom(made)
    del asked.graph.output[:]
    # Only what the logits and the scores are made with.
    names = {"z", "s", "s2", "t", "p", "feat", "out", "animal", "indoors"}
    keep = [t for t in asked.graph.initializer if t.name not in ("w", "w4")]
    del asked.graph.initializer[:]
    asked.graph.initializer.extend(keep)
    known, nodes = {"x"} | {t.name for t in keep}, []
    for node in made.graph.node:
        if node.domain or node.op_type in ("Det",):
            continue
        if all(not i or i in known for i in node.input):
            nodes.append(node)
            known |= set(node.output)
    del asked.graph.node[:]
    asked.graph.node.extend(nodes)
    found = [o for n in nodes for o in n.output if o in names]
    for name in found:
        asked.graph.output.append(helper.make_empty_tensor_value_info(name))
    logits = next((n for n in ("z", "animal") if n in found), None)
    if logits:
        for name in found:
            for op, attributes in (("Softmax", AXIS), ("Sigmoid", {})):
                to = f"{op.lower()}-of-{name}"
                if (
                    name in ("z", "out", "feat", "animal", "indoors")
                    and "t" not in name[:1]
                ):
                    source = name
                    asked.graph.node.append(
                        helper.make_node(
                            "Cast", [source], [f"{to}-f"], to=TensorProto.FLOAT
                        )
                    )
                    asked.graph.node.append(
                        helper.make_node("Flatten", [f"{to}-f"], [f"{to}-m"], axis=0)
                    )
                    asked.graph.node.append(
                        helper.make_node(op, [f"{to}-m"], [to], **attributes)
                    )
                    asked.graph.output.append(helper.make_empty_tensor_value_info(to))
    session = onnxruntime.InferenceSession(
        asked.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [o.name for o in session.get_outputs()]
    values = dict(zip(names, session.run(None, {"x": picture}), strict=True))
    for op in ("softmax", "sigmoid"):
        if f"{op}-of-z" in values:
            values[op] = values[f"{op}-of-z"]
    return values


def take(values: dict[str, np.ndarray], wanted: str | list[str]) -> list[float]:
    """What an expectation names."""
    if isinstance(wanted, list):
        return [number for name in wanted for number in take(values, name)]
    if wanted.startswith("1-"):
        return [1 - number for number in take(values, wanted[2:])]
    if wanted.startswith("-"):
        return [-number for number in take(values, wanted[1:])]
    return [float(v) for v in np.asarray(values[wanted], np.float64).ravel()]


def main() -> None:
    """Write all of it."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    levels = SEED.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    Image.fromarray(levels).save(folder / "picture.png")
    picture = (levels.astype(np.float32) / 255).transpose(2, 0, 1)[None]
    answers = {}
    for old in folder.glob("*.onnx"):
        old.unlink()
    for name, (make, expected) in CASES.items():
        net = Net()
        made = net.save(make(net))
        (folder / f"{name}.onnx").write_bytes(made.SerializeToString())
        answer = {
            k: expected[k]
            for k in ("error", "add", "labels", "kind", "output")
            if k in expected
        }
        if "error" not in answer:
            values = values_of(made, picture)
            answer["logits"] = take(values, expected["logits"])
            answer["scores"] = take(values, expected["scores"])
            answer["exclusive"] = expected.get(
                "exclusive", expected["kind"] == "softmax"
            )
            answer["map"] = expected.get("map", True)
        answers[name] = answer
    text = json.dumps(answers, indent=1)
    (folder / "outputs.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
