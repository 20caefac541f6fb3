"""The networks that the engine is held to, in PyTorch.

Those of the paper (Zhou et al., CVPR 2016) are written here; today's are
torchvision's own. Each can be built whole, or small: fewer channels and fewer
repetitions of a block, every kind of block kept. Weights are random but
seeded, and BatchNorm's statistics are those of noise, so that activations
neither die nor grow.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision import models as tv

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch_lite

# ---- the paper's ----


def conv(inp: int, out: int, kernel: int, stride=1, pad=0, groups=1) -> list:
    """A convolution and its ReLU."""
    return [
        nn.Conv2d(inp, out, kernel, stride, pad, groups=groups),
        nn.ReLU(inplace=True),
    ]


class Pooled(nn.Module):
    """Features, one pool over the whole map, one linear layer."""

    def __init__(self, features: nn.Module, pool: nn.Module, width: int, classes: int):
        super().__init__()
        self.features = features
        self.pool = pool
        self.drop = nn.Dropout()
        self.fc = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.drop(torch.flatten(self.pool(self.features(x)), 1)))


def alexnet_gap(k: int, classes: int, lrn: bool = False) -> nn.Module:
    """AlexNet to conv5, as Caffe has it (groups), and two convolutions more."""

    def pool() -> list:
        return [*([nn.LocalResponseNorm(5)] if lrn else []), nn.MaxPool2d(3, 2)]

    layers = [
        *conv(3, 96 // k, 11, 4),
        *pool(),
        *conv(96 // k, 256 // k, 5, 1, 2, 2),
        *pool(),
        *conv(256 // k, 384 // k, 3, 1, 1),
        *conv(384 // k, 384 // k, 3, 1, 1, 2),
        *conv(384 // k, 256 // k, 3, 1, 1, 2),
        *conv(256 // k, 512 // k, 3, 1, 1),
        *conv(512 // k, 512 // k, 3, 1, 1),
    ]
    return Pooled(nn.Sequential(*layers), nn.AdaptiveAvgPool2d(1), 512 // k, classes)


def vgg_layers(k: int, stages: list[list[int]]) -> tuple[list, int]:
    """3 x 3 convolutions, a pool between the stages."""
    layers, inp = [], 3
    for i, stage in enumerate(stages):
        if i > 0:
            layers.append(nn.MaxPool2d(2, 2))
        for width in stage:
            layers += conv(inp, width // k, 3, 1, 1)
            inp = width // k
    return layers, inp


VGG16 = [[64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3]


def vgg_gap(k: int, classes: int, side: int) -> nn.Module:
    """VGG-16 to conv5_3, a convolution, and a mean of a fixed size."""
    layers, inp = vgg_layers(k, VGG16)
    layers += conv(inp, 1024 // k, 3, 1, 1)
    return Pooled(nn.Sequential(*layers), nn.AvgPool2d(side), 1024 // k, classes)


class Inception(nn.Module):
    """GoogLeNet's block: four ways side by side."""

    def __init__(self, inp: int, k: int, *widths: int):
        super().__init__()
        a, b, c, d, e, f = (width // k for width in widths)
        self.ways = nn.ModuleList(
            nn.Sequential(*way)
            for way in (
                conv(inp, a, 1),
                [*conv(inp, b, 1), *conv(b, c, 3, 1, 1)],
                [*conv(inp, d, 1), *conv(d, e, 5, 1, 2)],
                [nn.MaxPool2d(3, 1, 1), *conv(inp, f, 1)],
            )
        )
        self.width = a + c + e + f

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([way(x) for way in self.ways], 1)


def googlenet(k: int, classes: int, pool: nn.Module, small: bool) -> nn.Module:
    """GoogLeNet to inception 4e, and a convolution of 1024."""
    layers: list[nn.Module] = [
        *conv(3, 64 // k, 7, 2, 3),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *conv(64 // k, 64 // k, 1),
        *conv(64 // k, 192 // k, 3, 1, 1),
        nn.MaxPool2d(3, 2, ceil_mode=True),
    ]
    blocks = [
        (64, 96, 128, 16, 32, 32),
        (128, 128, 192, 32, 96, 64),
        None,
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ]
    if small:
        blocks = [blocks[0], None, blocks[4]]
    inp = 192 // k
    for block in blocks:
        if block is None:
            layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            continue
        layers.append(Inception(inp, k, *block))
        inp = layers[-1].width
    layers += conv(inp, 1024 // k, 3, 1, 1)
    return Pooled(nn.Sequential(*layers), pool, 1024 // k, classes)


class Nin(nn.Module):
    """Network in network: the map of a class is a channel."""

    def __init__(self, k: int, classes: int):
        super().__init__()
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        a, b, c, d = 96 // k, 256 // k, 384 // k, 1024 // k
        self.features = nn.Sequential(
            *conv(3, a, 11, 4),
            *conv(a, a, 1),
            *conv(a, a, 1),
            pool,
            *conv(a, b, 5, 1, 2),
            *conv(b, b, 1),
            *conv(b, b, 1),
            pool,
            *conv(b, c, 3, 1, 1),
            *conv(c, c, 1),
            *conv(c, c, 1),
            pool,
            nn.Dropout(),
            *conv(c, d, 3, 1, 1),
            *conv(d, d, 1),
            nn.Conv2d(d, classes, 1),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.flatten(self.pool(self.features(x)), 1)


def lane_change(k: int) -> nn.Module:
    """BLOCKED, FREE or UNDEFINED, from a strip of 160 x 80."""
    layers, inp = [], 3
    for width, stride in ((32, 2), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2)):
        layers += [
            nn.Conv2d(inp, width // k, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width // k),
            nn.ReLU(inplace=True),
        ]
        inp = width // k
    return Pooled(nn.Sequential(*layers), nn.AdaptiveAvgPool2d(1), inp, 3)


class ChannelAttention(nn.Module):
    """ECA-Net's: a convolution along the channels, of one axis."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.adaptive_avg_pool2d(x, 1)
        y = self.conv(y.squeeze(-1).transpose(-1, -2)).transpose(-1, -2)
        return x * y.unsqueeze(-1).sigmoid().expand_as(x)


def eca(k: int, classes: int) -> nn.Module:
    """A few convolutions with such attention after each."""
    layers, inp = [], 3
    for width in (64, 128, 256):
        layers += [*conv(inp, width // k, 3, 2, 1), ChannelAttention()]
        inp = width // k
    return Pooled(nn.Sequential(*layers), nn.AdaptiveAvgPool2d(1), inp, classes)


class VggFull(nn.Module):
    """VGG-16 with its three fully connected layers."""

    def __init__(self, k: int, classes: int, side: int):
        super().__init__()
        layers, inp = vgg_layers(k, VGG16)
        self.features = nn.Sequential(*layers, nn.MaxPool2d(2, 2))
        self.classifier = nn.Sequential(
            nn.Linear(inp * side * side, 4096 // k),
            nn.ReLU(True),
            nn.Dropout(),
            nn.Linear(4096 // k, 4096 // k),
            nn.ReLU(True),
            nn.Dropout(),
            nn.Linear(4096 // k, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))


# ---- today's, made small ----


@contextlib.contextmanager
def slim(divisor: int) -> Iterator[None]:
    """Within it, layers have so many times fewer channels; what has ten or
    fewer (the picture, the classes) keeps them."""

    def less(n: int) -> int:
        return n if n <= 10 else -(-n // divisor)

    conv_init, norm_init = nn.Conv2d.__init__, nn.BatchNorm2d.__init__
    linear_init = nn.Linear.__init__

    def conv2d(self, inp, out, *args, groups=1, **kwargs):
        conv_init(self, less(inp), less(out), *args, groups=less(groups), **kwargs)

    def norm(self, width, *args, **kwargs):
        norm_init(self, less(width), *args, **kwargs)

    def linear(self, inp, out, *args, **kwargs):
        linear_init(self, less(inp), less(out), *args, **kwargs)

    nn.Conv2d.__init__, nn.BatchNorm2d.__init__ = conv2d, norm
    nn.Linear.__init__ = linear
    try:
        yield
    finally:
        nn.Conv2d.__init__, nn.BatchNorm2d.__init__ = conv_init, norm_init
        nn.Linear.__init__ = linear_init


def slimmed(divisor: int, build: Callable[[], nn.Module]) -> nn.Module:
    with slim(divisor):
        return build()


def small_mobilenet_v2() -> nn.Module:
    setting = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 1, 2], [6, 96, 1, 2]]
    return tv.MobileNetV2(num_classes=7, inverted_residual_setting=setting)


def small_efficientnet() -> nn.Module:
    from torchvision.models.efficientnet import EfficientNet, MBConvConfig

    setting = [
        MBConvConfig(1, 3, 1, 32, 16, 1),
        MBConvConfig(6, 3, 2, 16, 24, 2),
        MBConvConfig(6, 5, 2, 24, 40, 1),
        MBConvConfig(6, 3, 2, 40, 80, 1),
        MBConvConfig(6, 5, 1, 80, 112, 1),
    ]
    return EfficientNet(setting, 0.2, num_classes=7)


def small_inception() -> nn.Module:
    model = tv.inception_v3(
        weights=None,
        num_classes=7,
        aux_logits=False,
        init_weights=False,
        transform_input=False,
    )
    for name in ("Mixed_5d", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7c"):
        setattr(model, name, nn.Identity())
    return model


def small_regnet() -> nn.Module:
    from torchvision.models.regnet import BlockParams

    params = BlockParams([1, 2, 1], [16, 24, 32], [8, 8, 8], [1.0] * 3, [2] * 3, 0.25)
    return tv.RegNet(params, num_classes=7, stem_width=8)


def small_convnext() -> nn.Module:
    from torchvision.models.convnext import CNBlockConfig

    setting = [
        CNBlockConfig(8, 16, 1),
        CNBlockConfig(16, 24, 2),
        CNBlockConfig(24, None, 1),
    ]
    return tv.ConvNeXt(setting, num_classes=7)


class Groups(nn.Module):
    """GroupNorm instead of BatchNorm, after a convolution and in a residual
    block; the mean is that of the flattened map."""

    def __init__(self, width: int, classes: int):
        super().__init__()
        self.stem = nn.Sequential(*conv(3, width, 3, 2, 1))
        self.down = nn.Conv2d(width, width, 3, 2, 1)
        self.first = nn.GroupNorm(4, width)
        self.branch = nn.Conv2d(width, width, 3, 1, 1)
        self.second = nn.GroupNorm(2, width)
        self.features = nn.ReLU()
        self.fc = nn.Linear(width, classes)
        with torch.no_grad():
            for norm in (self.first, self.second):
                norm.weight.uniform_(0.5, 1.5)
                norm.bias.uniform_(-0.5, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.down(self.stem(x))).relu()
        x = self.features(x + self.second(self.branch(x)))
        return self.fc(x.flatten(2).mean(2))


class Attention(nn.Module):
    """Each token from all, added to what it was; then a layer for each."""

    def __init__(self, width: int):
        super().__init__()
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.before(x)).chunk(3, dim=-1)
        shares = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
        x = x + self.out(shares @ v)
        return x + self.mlp(self.after(x))


class Tokens(nn.Module):
    """A transformer on patches, of which every 2 x 2 become one half way (as in
    Swin): the mean of its tokens, normalized, and a linear layer."""

    def __init__(self, width: int, classes: int):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 4, 4)
        self.first = Attention(width)
        self.merge = nn.Linear(4 * width, 2 * width)
        self.second = Attention(2 * width)
        self.features = nn.Identity()  # for whoever looks on
        self.norm = nn.LayerNorm(2 * width)
        self.fc = nn.Linear(2 * width, classes)
        with torch.no_grad():
            self.norm.weight.uniform_(0.5, 1.5)
            self.norm.bias.uniform_(-0.5, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        n, width, rows, columns = x.shape
        x = self.first(x.flatten(2).transpose(1, 2))
        x = x.reshape(n, rows // 2, 2, columns // 2, 2, width)
        x = x.permute(0, 1, 3, 4, 2, 5).flatten(3).flatten(1, 2)
        x = self.second(self.merge(x))
        self.features(x.transpose(1, 2).unflatten(2, (rows // 2, columns // 2)))
        return self.fc(self.norm(x.mean(1)))


def resnet(block: type, **options: int) -> nn.Module:
    return tv.ResNet(block, [1, 2, 1, 1], num_classes=7, **options)


# ---- the list ----


@dataclass(frozen=True)
class Net:
    """`features` names the module whose output is the last feature map;
    `weights` the linear layer whose weights make maps of it: "" where a map is
    a channel, None where no map is defined; `norm` the LayerNorm of the pooled
    features before it, if there is one."""

    small: Callable[[], nn.Module]
    full: Callable[[], nn.Module]
    features: str
    weights: str | None
    small_size: tuple[int, int] = (96, 64)  # height, width
    size: tuple[int, int] = (224, 224)
    norm: str = ""


def gmp() -> nn.Module:
    return nn.AdaptiveMaxPool2d(1)


def gap() -> nn.Module:
    return nn.AdaptiveAvgPool2d(1)


INCEPTION = {"aux_logits": False, "init_weights": False, "transform_input": False}

NETS = {
    "alexnet-gap": Net(
        lambda: alexnet_gap(24, 7),
        lambda: alexnet_gap(1, 1000),
        "features",
        "fc",
        (115, 131),
        (227, 227),
    ),
    "alexnet-lrn": Net(
        lambda: alexnet_gap(24, 7, lrn=True),
        lambda: alexnet_gap(1, 1000, lrn=True),
        "features",
        "fc",
        (115, 131),
        (227, 227),
    ),
    "eca": Net(lambda: eca(8, 7), lambda: eca(1, 1000), "features", "fc"),
    "vggnet-gap": Net(
        lambda: vgg_gap(32, 7, 4),
        lambda: vgg_gap(1, 1000, 14),
        "features",
        "fc",
        (64, 64),
    ),
    "googlenet-gap": Net(
        lambda: googlenet(16, 7, gap(), True),
        lambda: googlenet(1, 1000, gap(), False),
        "features",
        "fc",
    ),
    "googlenet-gmp": Net(
        lambda: googlenet(16, 7, gmp(), True),
        lambda: googlenet(1, 1000, gmp(), False),
        "features",
        "fc",
    ),
    "nin": Net(
        lambda: Nin(32, 7), lambda: Nin(1, 1000), "features", "", (115, 147), (224, 224)
    ),
    "resnet18": Net(
        lambda: slimmed(16, lambda: resnet(tv.resnet.BasicBlock)),
        lambda: tv.resnet18(weights=None),
        "layer4",
        "fc",
    ),
    "resnet50": Net(
        lambda: slimmed(32, lambda: resnet(tv.resnet.Bottleneck)),
        lambda: tv.resnet50(weights=None),
        "layer4",
        "fc",
    ),
    "resnext50": Net(
        lambda: slimmed(
            32, lambda: resnet(tv.resnet.Bottleneck, groups=64, width_per_group=2)
        ),
        lambda: tv.resnext50_32x4d(weights=None),
        "layer4",
        "fc",
    ),
    "mobilenet-v2": Net(
        lambda: slimmed(8, small_mobilenet_v2),
        lambda: tv.mobilenet_v2(weights=None),
        "features",
        "classifier.1",
    ),
    "mobilenet-v3": Net(
        lambda: slimmed(24, lambda: tv.mobilenet_v3_large(weights=None, num_classes=7)),
        lambda: tv.mobilenet_v3_large(weights=None),
        "features",
        None,
    ),
    "efficientnet-b0": Net(
        lambda: slimmed(8, small_efficientnet),
        lambda: tv.efficientnet_b0(weights=None),
        "features",
        "classifier.1",
    ),
    "efficientnet-lite0": Net(
        lambda: torch_lite.tiny(),
        lambda: torch_lite.lite0(torch_lite.Style(pad="fixed")),
        "_bn1",
        "_fc",
    ),
    "efficientnet-lite2": Net(
        lambda: torch_lite.tiny(torch_lite.Style(pad="fixed", pool="mean")),
        lambda: torch_lite.lite2(torch_lite.Style(pad="fixed")),
        "_bn1",
        "_fc",
        size=(260, 260),
    ),
    "densenet121": Net(
        lambda: tv.DenseNet(4, (2, 2, 2, 2), 8, num_classes=7),
        lambda: tv.densenet121(weights=None),
        "features",
        "classifier",
    ),
    "squeezenet": Net(
        lambda: slimmed(8, lambda: tv.squeezenet1_1(weights=None, num_classes=7)),
        lambda: tv.squeezenet1_1(weights=None),
        "classifier.2",
        "",
    ),
    "shufflenet-v2": Net(
        lambda: tv.ShuffleNetV2([2, 2, 2], [8, 16, 24, 32, 48], num_classes=7),
        lambda: tv.shufflenet_v2_x1_0(weights=None),
        "conv5",
        "fc",
    ),
    "regnet-y": Net(
        small_regnet, lambda: tv.regnet_y_400mf(weights=None), "trunk_output", "fc"
    ),
    "convnext": Net(
        small_convnext,
        lambda: tv.convnext_tiny(weights=None),
        "features",
        "classifier.2",
        norm="classifier.0",
    ),
    "groups": Net(lambda: Groups(16, 7), lambda: Groups(128, 1000), "features", "fc"),
    "tokens": Net(
        lambda: Tokens(16, 7),
        lambda: Tokens(128, 1000),
        "features",
        "fc",
        (48, 32),
        norm="norm",
    ),
    "inception-v3": Net(
        lambda: slimmed(16, small_inception),
        lambda: tv.inception_v3(weights=None, **INCEPTION),
        "Mixed_7c",
        "fc",
        (107, 139),
        (299, 299),
    ),
    "vgg16": Net(
        lambda: VggFull(64, 7, 2),
        lambda: VggFull(1, 1000, 7),
        "features",
        None,
        (64, 64),
    ),
    "lane-change": Net(
        lambda: lane_change(8),
        lambda: lane_change(1),
        "features",
        "fc",
        (80, 160),
        (80, 160),
    ),
}


def make(name: str, small: bool, batch: Tensor | None = None) -> nn.Module:
    """The network with its weights. BatchNorm's statistics are those of a batch,
    or of noise."""
    net = NETS[name]
    torch.manual_seed(20)
    model = net.small() if small else net.full()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.8, 1.6)
                module.bias.uniform_(-0.4, 1.0)
                module.momentum = None  # the statistics of what comes next
            elif isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    module.bias.uniform_(-0.2, 0.4)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.normal_(module.bias, std=0.3)
        for key, weight in model.named_parameters():
            if key.endswith("layer_scale"):
                weight.uniform_(0.3, 1.0)
        if batch is None:
            batch = torch.randn(4, 3, *(net.small_size if small else net.size))
        model.train()(batch)
    return model.eval()


def picture(height: int, width: int) -> Tensor:
    """The input: numbers in [-1, 1) that no one needs to store."""
    index = torch.arange(3 * height * width, dtype=torch.int64)
    numbers = (index * 2654435761 % 2**32).double() / 2**31 - 1
    return numbers.float().reshape(1, 3, height, width)


@dataclass
class Reference:
    logits: Tensor  # (classes)
    features: Tensor  # (channels, height, width)
    maps: Tensor | None  # (classes, height, width)


def reference(name: str, model: nn.Module, x: Tensor) -> Reference:
    """What the network computes, and the class maps of the paper's equation
    2: the sum over channels of weight times feature."""
    net = NETS[name]
    caught: list[Tensor] = []
    hook = model.get_submodule(net.features).register_forward_hook(
        lambda module, inputs, output: caught.append(output.clone())
    )
    with torch.no_grad():
        logits = model(x)[0]
        features = caught[0][0]
        if name == "densenet121":
            features = features.relu()
        elif name.startswith("efficientnet-lite"):
            features = features.clamp(0, 6)
        maps = None
        if net.weights == "":
            maps = features
        elif net.weights:
            weights = model.get_submodule(net.weights).weight
            cells = features
            if net.norm:
                norm = model.get_submodule(net.norm)
                pooled = features.mean((1, 2))
                deviation = (pooled.var(correction=0) + norm.eps).sqrt()
                cells = (features - pooled.mean()) / deviation
                weights = weights * norm.weight
            maps = torch.einsum("kc,cyx->kyx", weights, cells)
    hook.remove()
    return Reference(logits, features, maps)
