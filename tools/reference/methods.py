"""What the methods of explanation are by definition, in double precision.

    methods.py [tests/data/methods/methods.txt]

Runs small networks of tests/data operator by operator with PyTorch (see
networks/gradients.py) and writes the map of each method, of which
tests/methods_data.h reads a line at a time. docs/methods.md has the methods'
equations; here each is computed by its definition, without the shortcuts that
a head of one linear layer allows. "The layer" is the last feature map before
pooling or flattening, or one further down.

The image is that of networks/zoo.py, as floats; the baseline is 0.

Random numbers depend on a seed and a counter only, so that passes can be made
in any order. With mix() the finaliser of splitmix64 and all numbers modulo 2^64,

    u(seed, i) = (mix(seed + (i + 1) 0x9E3779B97F4A7C15) >> 11) 2^-53

is in [0, 1), and normal numbers are those of Box and Muller:

    normal(seed, 2 j)     = sqrt(-2 ln(1 - u(seed, 2 j))) cos(2 pi u(seed, 2 j + 1))
    normal(seed, 2 j + 1) = the same with sin

u(0, 0) = 0.8833108082136426, u(0, 1) = 0.4315279970485, u(1, 2) = 0.9710027535868;
normal(0, 0) = -1.883908333352 and normal(0, 1) = 0.8645068595575.

smoothgrad: element i, in the order (height, width, colours), of sample n has
    normal number n * elements + i, times 0.15 (max - min) of the image.
rise: mask m has the numbers from 51 m on. The first 49 are its 7 x 7 cells, row
    by row: a cell is 1 where u < p, and 0 elsewhere. With cell = ceil(side / 7),
    they are stretched bilinearly to 8 cell pixels (pixel centres on cell
    centres, so pixel i is at (i + 1/2) 7 / (8 cell) - 1/2 cells, limited to 0
    and 6), of which those from floor(u cell) on are taken: number 49 shifts
    along x, number 50 along y.
occlusion: windows of s = max(1, floor(side / 5 + 1/2)) pixels, at n = ceil(2 (side -
    s) / s) + 1 places floor(i (side - s) / (n - 1) + 1/2), along each axis.
guided-gradcam: the largest guided colour, as `guided` has it, times gradcam,
    bilinear between cell centres.
scorecam: channels are stretched with their corners on the image's corners, and
    then to 0 to 1, in this order. Where fewer are asked for than are not flat, it
    takes those with the largest variance over the cells.
eigencam: A v, and eigengradcam (g A) v, where the rows of A are cells and v is
    the first right singular vector of what it is multiplied by. Of the two signs,
    the one with which the sum over cells of the map times the row's sum is not
    negative: then the map of features that are not negative is neither.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent / "networks"))

import gradients

ROOT = Path(__file__).resolve().parents[2]
SMOOTHGRAD_SIGMA = 0.15
RISE_CELLS, RISE_KEPT = 7, 0.5
SCORECAM_FEW = 5
FINER_CLASSES = 3

Target = Callable[[Tensor], Tensor]  # of the logits, (classes)

# ---- random numbers ----


def uniform(seed: int, first: int, count: int) -> np.ndarray:
    """u(seed, first) and those that follow."""
    index = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    z = np.uint64(seed) + index * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(seed: int, first: int, count: int) -> np.ndarray:
    """normal(seed, first) and those that follow."""
    skipped = first % 2  # the first half of a pair
    needed = skipped + count
    pairs = uniform(seed, first - skipped, needed + needed % 2).reshape(-1, 2)
    length = np.sqrt(-2 * np.log(1 - pairs[:, 0]))
    angle = 2 * np.pi * pairs[:, 1]
    made = np.stack([length * np.cos(angle), length * np.sin(angle)], 1)
    return made.reshape(-1)[skipped:needed]


# ---- networks ----


@dataclass(frozen=True)
class Case:
    """`tokens` are the rows and columns of a layer that is (1, cells, channels);
    class maps (`cam`) are defined where `pooled` names what the layer is pooled
    to, with `norm` the LayerNormalization of that, if there is one."""

    file: str
    last: str
    inner: str = ""
    pooled: str = ""
    norm: str = ""
    logits: str = "output"
    scores: str = "softmax"
    tokens: tuple[int, int] | None = None


CASES = [
    Case("networks/resnet18-dynamo18", "relu_10", "relu_4", "mean"),
    Case("networks/efficientnet-lite0-dynamo18", "relu6_8", "getitem_33", "mean"),
    Case("networks/mobilenet-v2-dynamo18", "hardtanh_10", "hardtanh_8", "mean"),
    Case("networks/efficientnet-b0-dynamo18", "silu_18", "mul_3", "mean_6"),
    Case("networks/mobilenet-v3-dynamo18", "hardswish_19", "hardswish_12"),
    Case("networks/regnet-y-dynamo18", "relu_16", "relu_8", "mean_4"),
    Case("networks/nin-dynamo18", "conv2d_11", "max_pool2d_1", "mean"),
    Case("networks/squeezenet-dynamo18", "relu_25", "cat_2", "mean"),
    Case("networks/googlenet-gmp-dynamo18", "relu_15", "cat", "amax"),
    Case("networks/vgg16-dynamo18", "max_pool2d_4", "relu_9"),
    Case("networks/vggnet-gap-dynamo18", "relu_13", "relu_9", "avg_pool2d"),
    Case("networks/alexnet-lrn-dynamo18", "relu_6", "relu_2", "mean"),
    Case("networks/eca-dynamo18", "mul_2", "mul_1", "mean_3"),
    Case("networks/convnext-dynamo18", "add_3", "add_1", "permute_16", "layer_norm_7"),
    Case("networks/densenet121-dynamo18", "relu_20", "relu_8", "mean"),
    Case("networks/shufflenet-v2-dynamo18", "relu_16", "cat_2", "mean"),
    Case("networks/groups-dynamo18", "relu_2", "relu_1", "mean"),
    Case("networks/lane-change-dynamo18", "relu_5", "relu_3", "mean"),
    Case(
        "networks/tokens-dynamo18",
        "add_3",
        "",
        "mean",
        "layer_norm_4",
        tokens=(6, 4),
    ),
    Case("outputs/sigmoid-identity", "v1", "", "v2", logits="z", scores="sigmoid"),
    Case("outputs/sigmoid-of-one", "v1", "", "v2", logits="z", scores="sigmoid"),
]


@dataclass(frozen=True)
class Parameters:
    """Those of requests; `window` and `channels` are 0 for a fifth of each side
    and for all."""

    seed: int = 7
    samples: int = 8
    steps: int = 32
    window: int = 0
    masks: int = 24
    channels: int = 0


class Network:
    """A network and its image, which is (1, colours, height, width) and of the
    precision to compute in."""

    def __init__(
        self,
        case: Case,
        model: onnx.ModelProto | None = None,
        image: Tensor | None = None,
        parameters: Parameters | None = None,
    ):
        self.case = case
        path = ROOT / "tests/data" / f"{case.file}.onnx"
        self.model = model or onnx.load(path)
        self.parameters = parameters or Parameters()
        constants = gradients.constants(self.model)
        given = next(i for i in self.model.graph.input if i.name not in constants)
        dims = [d.dim_value or 1 for d in given.type.tensor_type.shape.dim]
        if image is None:
            count = int(np.prod(dims))
            image = gradients.noise(0, count).float().double().view(dims)
        self.image = image
        self.constants = {
            name: value.to(image.dtype) if value.is_floating_point() else value
            for name, value in constants.items()
        }

    def values(self, x: Tensor, given: dict[str, Tensor] | None = None) -> dict:
        return gradients.run(self.model, x, self.constants | (given or {}))

    def logits(self, x: Tensor, given: dict[str, Tensor] | None = None) -> Tensor:
        known, wanted = self.constants | (given or {}), self.case.logits
        return gradients.run(self.model, x, known, wanted)[wanted].reshape(-1)

    @cached_property
    def found(self) -> Tensor:
        with torch.no_grad():
            return self.logits(self.image)

    def gradient(self, t: Target, x: Tensor) -> Tensor:
        """Of t at x, (1, colours, height, width)."""
        x = x.detach().requires_grad_(True)
        return torch.autograd.grad(t(self.logits(x)), x)[0]

    def targets(self, images: Iterator[Tensor]) -> Tensor:
        """The logits of each, (images, classes); a target may be taken of
        them."""
        with torch.no_grad():
            return torch.stack([self.logits(x) for x in images])

    @cached_property
    def occluded(self) -> list[tuple[slice, slice, Tensor]]:
        """Windows and the logits without them."""
        size = self.parameters.window
        starts = [windows(n, size) for n in self.image.shape[2:]]
        made = []
        for top in starts[0][1]:
            for left in starts[1][1]:
                rows = slice(top, top + starts[0][0])
                columns = slice(left, left + starts[1][0])
                x = self.image.clone()
                x[:, :, rows, columns] = 0
                made.append((rows, columns, self.targets([x])[0]))
        return made

    @cached_property
    def masked(self) -> tuple[Tensor, Tensor]:
        """Masks of rise, (masks, height, width), and the logits behind them."""
        seed, count = self.parameters.seed, self.parameters.masks
        masks = torch.stack(
            [rise_mask(seed, m, *self.image.shape[2:]) for m in range(count)]
        ).to(self.image.dtype)
        return masks, self.targets(self.image * mask for mask in masks)


def windows(side: int, size: int) -> tuple[int, list[int]]:
    """The size of occlusion's windows, and where they begin."""
    size = min(side, size or max(1, math.floor(side / 5 + 0.5)))
    last = math.ceil(2 * (side - size) / size)
    return size, [
        (2 * i * (side - size) + last) // (2 * last) if last else 0
        for i in range(last + 1)
    ]


def rise_mask(seed: int, m: int, height: int, width: int) -> Tensor:
    numbers = uniform(seed, (RISE_CELLS**2 + 2) * m, RISE_CELLS**2 + 2)
    cells = torch.from_numpy((numbers[:-2] < RISE_KEPT).astype(np.float64))
    cell = [-(-side // RISE_CELLS) for side in (height, width)]
    left, top = (
        int(u * size) for u, size in zip(numbers[-2:], reversed(cell), strict=True)
    )
    mask = functional.interpolate(
        cells.reshape(1, 1, RISE_CELLS, RISE_CELLS),
        [(RISE_CELLS + 1) * size for size in cell],
        mode="bilinear",
        align_corners=False,
    )[0, 0]
    return mask[top : top + height, left : left + width]


class Layer:
    """A feature map of a network and what lies above it."""

    def __init__(self, network: Network, name: str):
        self.network = network
        self.name = name
        self.seen: dict[int, Tensor] = {}
        with torch.no_grad():
            value = network.values(network.image)[name]
        tokens = network.case.tokens
        self.shape = value.shape
        self.features = (
            value[0].T.unflatten(1, tokens) if tokens else value[0]
        ).clone()

    def logits(self, features: Tensor) -> Tensor:
        """With these features, (channels, height, width), in their place."""
        value = features.flatten(1).T if self.network.case.tokens else features
        given = {self.name: value.reshape(self.shape)}
        return self.network.logits(self.network.image, given)

    def gradient(self, t: Target) -> Tensor:
        """Of t at the features, (channels, height, width)."""
        features = self.features.detach().clone().requires_grad_(True)
        return torch.autograd.grad(t(self.logits(features)), features)[0]

    @cached_property
    def ablated(self) -> Tensor:
        """Logits without each channel, (channels, classes)."""
        made = []
        with torch.no_grad():
            for k in range(len(self.features)):
                features = self.features.clone()
                features[k] = 0
                made.append(self.logits(features))
        return torch.stack(made)

    @cached_property
    def cells(self) -> Tensor:
        """Logits of each cell alone, (height, width, classes)."""
        height, width = self.features.shape[1:]
        made = []
        with torch.no_grad():
            for p in range(height * width):
                features = torch.zeros_like(self.features)
                cell = (slice(None), p // width, p % width)
                features[cell] = self.features[cell]
                made.append(self.logits(features))
        return torch.stack(made).unflatten(0, (height, width))

    @cached_property
    def varying(self) -> list[int]:
        """The channels that are not flat, the largest variance first."""
        rows = self.features.flatten(1)
        order = rows.var(1, correction=0).argsort(descending=True, stable=True)
        return [k for k in order.tolist() if rows[k].max() != rows[k].min()]

    def blended(self, k: int) -> Tensor:
        """The logits of the image seen through a channel, which is not flat."""
        if k in self.seen:
            return self.seen[k]
        mask = functional.interpolate(
            self.features[k][None, None],
            list(self.network.image.shape[2:]),
            mode="bilinear",
            align_corners=True,
        )
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        self.seen[k] = self.network.targets([self.network.image * mask])[0]
        return self.seen[k]


# ---- targets ----


def score_logarithm(scores: str, c: int) -> Target:
    function = {"softmax": lambda y: y.log_softmax(0), "sigmoid": functional.logsigmoid}
    return lambda y: function[scores](y)[c]


def nearest(logits: Tensor, c: int) -> list[int]:
    """The classes whose logits are nearest to that of c; of equal distances the
    lower index is first."""
    others = [k for k in range(len(logits)) if k != c]
    others.sort(key=lambda k: (abs(float(logits[k] - logits[c])), k))
    return others[:FINER_CLASSES]


@dataclass(frozen=True)
class Chosen:
    kind: str
    c: int
    against: tuple[int, ...]
    t: Target = field(compare=False)


def chosen_targets(network: Network) -> list[Chosen]:
    """All for the best class, and some for another one, the second class or, if
    that is the best, the first."""
    logits, scores = network.found, network.case.scores
    best = int(logits.argmax())
    made = []
    for c in (best, 1 if best != 1 else 0):
        if c >= len(logits):
            continue
        made.append(Chosen("logit", c, (), lambda y, c=c: y[c]))
        made.append(Chosen("log-score", c, (), score_logarithm(scores, c)))
        if len(logits) == 1 or c != best:
            continue
        near = nearest(logits, c)
        second = int(logits.topk(2).indices[1])
        made.append(
            Chosen("margin", c, (second,), lambda y, c=c, a=second: y[c] - y[a])
        )
        made.append(
            Chosen("finer", c, tuple(near), lambda y, c=c, n=near: y[c] - y[n].mean())
        )
    return made


# ---- methods of a layer: (height, width) ----


def cam(layer: Layer, t: Target) -> Tensor | None:
    """Zhou et al., equation 2, of the class or, of another target, the sum of
    classes with the target's derivatives. Behind a LayerNormalization,
    features less the mean of the pooled ones, by their deviation."""
    case = layer.network.case
    if not case.pooled or layer.name != case.last:
        return None
    with torch.no_grad():
        values = layer.network.values(layer.network.image)
    weighed = case.norm or case.pooled
    at = values[weighed].detach().requires_grad_(True)
    logits = layer.network.logits(layer.network.image, {weighed: at})
    weights = torch.autograd.grad(t(logits), at)[0].reshape(-1)
    features = layer.features
    if case.norm:
        node = next(n for n in layer.network.model.graph.node if case.norm in n.output)
        epsilon = next(a.f for a in node.attribute if a.name == "epsilon")
        pooled = features.mean((1, 2))
        deviation = (pooled.var(correction=0) + epsilon).sqrt()
        features = (features - pooled.mean()) / deviation
        weights = weights * values[node.input[1]]
    return (weights[:, None, None] * features).sum(0)


def gradcam(layer: Layer, t: Target) -> Tensor:
    weights = layer.gradient(t).mean((1, 2), True)
    return (weights * layer.features).sum(0).relu()


def hirescam(layer: Layer, t: Target) -> Tensor:
    return (layer.gradient(t) * layer.features).sum(0)


def xgradcam(layer: Layer, t: Target) -> Tensor:
    a, g = layer.features, layer.gradient(t)
    sums = a.sum((1, 2))
    shares = (g * a).sum((1, 2)) / torch.where(sums == 0, 1, sums)
    weights = torch.where(sums == 0, 0, shares)
    return (weights[:, None, None] * a).sum(0)


def gradcam_pp(layer: Layer, t: Target) -> Tensor:
    a, g = layer.features, layer.gradient(t)
    sums = a.sum((1, 2), True).clamp(min=0)
    # Where g is negative its ReLU is 0, whatever it is divided by.
    shares = g.relu() / (2 + sums * g.relu())
    return (shares.sum((1, 2), True) * a).sum(0).relu()


def layercam(layer: Layer, t: Target) -> Tensor:
    return (layer.gradient(t).relu() * layer.features).sum(0).relu()


def elementwise(layer: Layer, t: Target) -> Tensor:
    return (layer.gradient(t) * layer.features).relu().sum(0)


def ablationcam(layer: Layer, t: Target) -> Tensor:
    whole = t(layer.network.found)
    lost = torch.stack([whole - t(y) for y in layer.ablated])
    return (lost[:, None, None] * layer.features).sum(0).relu()


def first_component(a: Tensor) -> Tensor:
    """Of (channels, height, width): its largest part of rank 1, for each cell
    as long as it is, with a sign that means nothing."""
    rows = a.flatten(1).T
    _, _, v = torch.linalg.svd(rows, full_matrices=False)
    return (rows @ v[0]).reshape(a.shape[1:])


def turned(a: Tensor, like: Tensor) -> Tensor:
    """With the sign that makes its product with `like` positive."""
    return -a if (a * like).sum() < 0 else a


def eigencam(layer: Layer, _: Target) -> Tensor:
    return turned(first_component(layer.features), layer.features.sum(0))


def eigengradcam(layer: Layer, t: Target) -> Tensor:
    a = layer.gradient(t) * layer.features
    return turned(first_component(a), a.sum(0))


def reciprocam(layer: Layer, t: Target) -> Tensor:
    return torch.stack([torch.stack([t(y) for y in row]) for row in layer.cells])


def scorecam(layer: Layer, t: Target, most: int = 0) -> Tensor:
    channels = layer.varying[: most or layer.network.parameters.channels or None]
    if not channels:
        return torch.zeros_like(layer.features[0])
    weights = torch.stack([t(layer.blended(k)) for k in channels]).softmax(0)
    return (weights[:, None, None] * layer.features[channels]).sum(0).relu()


# ---- methods of pixels: (height, width) ----


def strongest(x: Tensor) -> Tensor:
    return x[0].abs().amax(0)


def saliency(network: Network, t: Target) -> Tensor:
    return strongest(network.gradient(t, network.image))


def gradient_input(network: Network, t: Target) -> Tensor:
    return (network.image * network.gradient(t, network.image))[0].sum(0)


def smoothgrad(network: Network, t: Target) -> Tensor:
    x = network.image
    sigma = SMOOTHGRAD_SIGMA * (x.max() - x.min())
    total = torch.zeros_like(x)
    seed, samples = network.parameters.seed, network.parameters.samples
    for n in range(samples):
        noise = torch.from_numpy(normal(seed, n * x.numel(), x.numel())).to(x.dtype)
        noise = noise.reshape(*x.shape[2:], x.shape[1]).permute(2, 0, 1)
        total += network.gradient(t, x + sigma * noise)
    return strongest(total / samples)


def integrated_gradients(network: Network, t: Target) -> Tensor:
    points, weights = np.polynomial.legendre.leggauss(network.parameters.steps)
    total = torch.zeros_like(network.image)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        total += weight * network.gradient(t, point * network.image)
    return (network.image * total)[0].sum(0)


def occlusion(network: Network, t: Target) -> Tensor:
    whole = t(network.found)
    total = torch.zeros_like(network.image[0, 0])
    times = torch.zeros_like(total)
    for rows, columns, logits in network.occluded:
        total[rows, columns] += whole - t(logits)
        times[rows, columns] += 1
    return total / times


def rise(network: Network, t: Target) -> Tensor:
    masks, logits = network.masked
    values = torch.stack([t(y) for y in logits])
    values = (values - values.mean()) / (len(masks) * RISE_KEPT)
    return (values[:, None, None] * masks).sum(0)


# ---- guided backpropagation and the deconvnet ----


class Gate(torch.autograd.Function):
    """Clip(0, high) whose gradient is what of it is positive; for guided
    backpropagation only where the gate is open."""

    @staticmethod
    def forward(ctx, x: Tensor, high: float, guided: bool) -> Tensor:
        ctx.save_for_backward((x > 0) & (x < high))
        ctx.guided = guided
        return x.clamp(0, high)

    @staticmethod
    def backward(ctx, g: Tensor) -> tuple:
        (is_open,) = ctx.saved_tensors
        return (g.clamp(min=0) * (is_open if ctx.guided else 1), None, None)


@contextlib.contextmanager
def gates(guided: bool) -> Iterator[None]:
    """Within it, ReLU and Clip(0, c) are such gates."""

    def clip(v: list, a: dict) -> Tensor:
        bounds = [float(b) if b is not None else None for b in [*v[1:], None, None]]
        low, high = a.get("min", bounds[0]), a.get("max", bounds[1])
        assert low == 0
        return Gate.apply(v[0], high if high is not None else math.inf, guided)

    before = dict(gradients.OPERATORS)
    gradients.OPERATORS["Relu"] = lambda v, _: Gate.apply(v[0], math.inf, guided)
    gradients.OPERATORS["Clip"] = clip
    try:
        yield
    finally:
        gradients.OPERATORS.update(before)


def other_activation(network: Network) -> str:
    """The first operator that takes a ReLU's place, or "". A sigmoid does where
    what it is multiplied by has no more elements than it has."""
    graph = network.model.graph
    with torch.no_grad():
        values = network.values(network.image)
    for node in graph.node:
        if node.op_type in ("HardSwish", "Erf", "LeakyRelu", "PRelu"):
            return node.op_type
        made = node.output[0]
        for user in graph.node:
            if node.op_type == "Sigmoid" and user.op_type == "Mul":
                other = [i for i in user.input if i != made]
                if len(other) == 1 and values[other[0]].numel() <= values[made].numel():
                    return node.op_type
    return ""


def guided(network: Network, t: Target) -> Tensor:
    with gates(guided=True):
        return network.gradient(t, network.image)


def deconvnet(network: Network, t: Target) -> Tensor:
    with gates(guided=False):
        return network.gradient(t, network.image)


def guided_gradcam(network: Network, layer: Layer, t: Target) -> Tensor:
    stretched = functional.interpolate(
        gradcam(layer, t)[None, None],
        list(network.image.shape[2:]),
        mode="bilinear",
        align_corners=False,
    )[0, 0]
    return strongest(guided(network, t)) * stretched


# ---- the file ----


def max_of_pixels(v: list, a: dict) -> Tensor:
    """The first of several that are equal is the largest, as in a pool."""
    axes = [n % v[0].ndim for n in gradients.axes_of(v, a, v[0].ndim)]
    if v[0].ndim == 4 and axes == [2, 3]:
        made = functional.adaptive_max_pool2d(v[0], 1)
        return made if a.get("keepdims", 1) else made.flatten(1)
    return gradients.reduction(torch.amax)(v, a)


gradients.OPERATORS["ReduceMax"] = max_of_pixels

OF_LAYERS: dict[str, Callable[[Layer, Target], Tensor | None]] = {
    "cam": cam,
    "gradcam": gradcam,
    "hirescam": hirescam,
    "xgradcam": xgradcam,
    "gradcam++": gradcam_pp,
    "layercam": layercam,
    "elementwise": elementwise,
    "ablationcam": ablationcam,
    "eigencam": eigencam,
    "eigengradcam": eigengradcam,
    "reciprocam": reciprocam,
    "scorecam": scorecam,
}
OF_PIXELS: dict[str, Callable[[Network, Target], Tensor]] = {
    "saliency": saliency,
    "gradient-input": gradient_input,
    "smoothgrad": smoothgrad,
    "integrated-gradients": integrated_gradients,
    "occlusion": occlusion,
    "rise": rise,
}
OF_GATES: dict[str, Callable[[Network, Target], Tensor]] = {
    "guided": guided,
    "deconvnet": deconvnet,
}
MOST_WHOLE = 64  # elements

HEADER = """\
# Maps by each method of explanation, as PyTorch has them in double precision;
# made by tools/reference/methods.py, which says how the methods' choices were
# made. Read by tests/methods_data.c. A line each, tabs between:
#
#   file      of tests/data, without .onnx
#   method    as in requests. guided-colours and deconvnet-colours are the
#             gradients of all colours, of which guided and deconvnet have the
#             largest. scorecam-few is by 5 channels at most. logits are a value
#             of the network, named as the layer
#   target    logit, log-score (of a softmax, for outputs/ of a sigmoid), margin
#             or finer; - for logits
#   class     0, 1, ...
#   against   the classes of margin and finer, with commas; or -
#   layer     the value's name in the file; or -
#   height, width, channels   of the map, whose elements are in this order
#   form      whole, projected or refused
#   count     of the numbers that follow
#
# Projected: the sums over elements i of (h(8 i + k + 1) / 2^31 - 1) v_i for k =
# 0 to 7, with h(n) = 2654435761 n mod 2^32; then minimum, maximum and sum.
# Refused: the method is not defined for this network.
#
# Element i of the image, in the order (channels, height, width), is the float
# next to h(i) / 2^31 - 1, and the baseline is 0. smoothgrad: seed 7, 8 samples;
# rise: seed 7, 24 masks; integrated-gradients: 32 points.
#
"""


def numbers(values: Tensor) -> tuple[str, list[float]]:
    flat = values.reshape(-1)
    if len(flat) <= MOST_WHOLE:
        return "whole", flat.tolist()
    weights = gradients.noise(1, 8 * len(flat)).reshape(-1, 8)
    ends = [flat.min(), flat.max(), flat.sum()]
    return "projected", [*(flat @ weights).tolist(), *map(float, ends)]


@dataclass
class Line:
    key: tuple[str, ...]
    shape: tuple[int, ...]
    form: str
    values: list[float]

    def text(self) -> str:
        found = " ".join(f"{n:.13g}" for n in self.values)
        parts = [*self.key, *map(str, self.shape), self.form, str(len(self.values))]
        return "\t".join([*parts, found] if found else parts) + "\n"


def line(case: Case, method: str, of: Chosen | None, layer: str, v: Tensor | None):
    against = ",".join(map(str, of.against)) if of and of.against else "-"
    kind, c = (of.kind, str(of.c)) if of else ("-", "0")
    key = (case.file, method, kind, c, against, layer)
    if v is None:
        return Line(key, (0, 0, 0), "refused", [])
    shape = (*v.shape, 1, 1)[:3] if v.ndim > 1 else (1, len(v), 1)
    return Line(key, shape, *numbers(v.detach()))


def lines(case: Case) -> list[Line]:
    network = Network(case)
    targets = chosen_targets(network)
    made = [line(case, "logits", None, case.logits, network.found)]
    for name in filter(None, (case.last, case.inner)):
        layer = Layer(network, name)
        for of in targets[:2] if name == case.inner else targets:
            for method, function in OF_LAYERS.items():
                if method == "eigencam" and of is not targets[0]:
                    continue  # it knows no target
                made.append(line(case, method, of, name, function(layer, of.t)))
        few = scorecam(layer, targets[0].t, SCORECAM_FEW)
        made.append(line(case, "scorecam-few", targets[0], name, few))
    layer = Layer(network, case.last)
    refused = bool(other_activation(network))
    for of in targets:
        for method, function in OF_PIXELS.items():
            made.append(line(case, method, of, "-", function(network, of.t)))
        if refused:
            continue
        for method, function in OF_GATES.items():
            colours = function(network, of.t)
            made.append(line(case, method, of, "-", strongest(colours)))
            made.append(
                line(case, f"{method}-colours", of, "-", colours[0].permute(1, 2, 0))
            )
        both = guided_gradcam(network, layer, of.t)
        made.append(line(case, "guided-gradcam", of, case.last, both))
    if refused:
        for method in (*OF_GATES, "guided-gradcam"):
            made.append(line(case, method, targets[0], "-", None))
    return made


@contextlib.contextmanager
def shaken(first: int) -> Iterator[None]:
    """Within it, convolutions round differently; how depends on `first`."""
    before = gradients.OPERATORS["Conv"]

    def conv(v: list, a: dict) -> Tensor:
        made = before(v, a)
        return made * (
            1 + 1e-14 * gradients.noise(first, made.numel()).view(made.shape)
        )

    gradients.OPERATORS["Conv"] = conv
    try:
        yield
    finally:
        gradients.OPERATORS["Conv"] = before


def moved(a: Line, b: Line) -> float:
    if not a.values:
        return 0
    size = max(max(map(abs, a.values)), 1e-12)
    return max(abs(x - y) for x, y in zip(a.values, b.values, strict=True)) / size


def main() -> None:
    otherwise = ROOT / "tests/data/methods/methods.txt"
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else otherwise
    torch.set_num_threads(1)
    made = []
    for case in CASES:
        found = lines(case)
        others = []
        for first in (3, 5):
            with shaken(first):
                others.append(lines(case))
        for a, *again in zip(found, *others, strict=True):
            if (off := max(moved(a, b) for b in again)) > 1e-9:
                # Of several that should be equal, rounding decides which is the
                # largest in a pool.
                print(f"left out: {' '.join(a.key)}: {off:.1e}")
                continue
            made.append(a.text())
        print(f"{case.file}: {sum(len(text) for text in made)} bytes", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(made))


if __name__ == "__main__":
    main()
