"""EfficientNet-Lite in PyTorch: the oracle that the engine is held against.

Written apart from tools/efficientnet_lite.py, which builds the ONNX model, so
that a mistake in one shows against the other. The names of the parameters are
those of the published weights, so `load_state_dict` takes them as they are.

How some parts are written can be chosen (`Style`): the values stay the same,
the graph that torch.onnx.export makes of them does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

# (repeats, kernel, stride, expansion, channels)
LITE_STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]
# Small, not square once it is fed (32, 48), and with all that the large ones
# have: both kernels, both strides, a residual, a block without expansion.
TINY_STAGES = [(1, 3, 1, 1, 8), (2, 3, 2, 3, 8), (1, 5, 2, 3, 16)]


@dataclass(frozen=True)
class Style:
    pad: str = "dynamic"  # from the input's shape at run time, or "fixed"
    pool: str = "adaptive"  # or "mean" or "mean_keepdim"
    flatten: str = "flatten"  # or "view" or "reshape"
    linear: str = "linear"  # or "matmul"
    softmax: bool = False


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding."""

    def __init__(self, inp, out, kernel, stride=1, groups=1, style=None):
        super().__init__(inp, out, kernel, stride, groups=groups, bias=False)
        self.style = style or Style()
        self.known: tuple[int, ...] | None = None

    def padding_of(self, side):
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = ((side + stride - 1) // stride - 1) * stride + kernel - side
        if isinstance(total, int):
            total = max(total, 0)
        before = total // 2
        return before, total - before

    def forward(self, x: Tensor) -> Tensor:
        if self.kernel_size == (1, 1):
            return super().forward(x)
        height, width = x.shape[-2], x.shape[-1]
        if self.style.pad == "fixed":
            height, width = int(height), int(width)
        top, bottom = self.padding_of(height)
        left, right = self.padding_of(width)
        return super().forward(functional.pad(x, (left, right, top, bottom)))


class Block(nn.Module):
    def __init__(self, inp, out, kernel, stride, expand, style):
        super().__init__()
        mid = inp * expand
        if expand != 1:
            self._expand_conv = SameConv(inp, mid, 1, style=style)
            self._bn0 = nn.BatchNorm2d(mid, eps=1e-3)
        self._depthwise_conv = SameConv(
            mid, mid, kernel, stride, groups=mid, style=style
        )
        self._bn1 = nn.BatchNorm2d(mid, eps=1e-3)
        self._project_conv = SameConv(mid, out, 1, style=style)
        self._bn2 = nn.BatchNorm2d(out, eps=1e-3)
        self.expands = expand != 1
        self.residual = stride == 1 and inp == out

    def forward(self, x: Tensor) -> Tensor:
        y = x
        if self.expands:
            y = functional.relu6(self._bn0(self._expand_conv(y)))
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


# The mean of all places, in other words than mean([2, 3]).
POOLS = {
    "mean": lambda x: x.mean([2, 3]),
    "mean3_mean2": lambda x: x.mean(3).mean(2),
    "flat_mean": lambda x: x.flatten(2).mean(2),
    "view_sum": lambda x: (
        x.view(x.size(0), x.size(1), -1).sum(-1) / (x.size(2) * x.size(3))
    ),
    "squeeze_all": lambda x: functional.adaptive_avg_pool2d(x, 1).squeeze(),
    "tokens": lambda x: x.flatten(2).transpose(1, 2).mean(1),
    "nhwc_flat": lambda x: x.permute(0, 2, 3, 1).flatten(1, 2).mean(1, keepdim=True)[
        :, 0
    ],
    "rows_then_columns": lambda x: functional.avg_pool2d(
        functional.avg_pool2d(x, (4, 1)), (1, 6)
    ).flatten(1),
    "border": lambda x: functional.avg_pool2d(
        x, (6, 8), padding=1, count_include_pad=False
    ).flatten(1),
    "border_of_zeros": lambda x: (
        functional.avg_pool2d(x, (6, 8), padding=1).flatten(1) * 2
    ),
    "ones": lambda x: (x.flatten(2) @ torch.full((24, 1), 1 / 24)).squeeze(2),
    "no_batch": lambda x: x[0].sum((1, 2)).mul(1 / 24),
}


class Lite(nn.Module):
    """(batch, 3, height, width) to (batch, classes) logits."""

    def __init__(
        self,
        width=1.0,
        depth=1.0,
        stages=LITE_STAGES,
        stem=32,
        head=1280,
        classes=1000,
        style: Style | None = None,
    ):
        super().__init__()
        self.style = style = style or Style()
        self._conv_stem = SameConv(3, stem, 3, 2, style=style)
        self._bn0 = nn.BatchNorm2d(stem, eps=1e-3)
        blocks, inp = [], stem
        for i, (repeats, kernel, stride, expand, base) in enumerate(stages):
            out = self.scaled(base, width)
            if 0 < i < len(stages) - 1:
                repeats = -int(-repeats * depth // 1)
            for j in range(repeats):
                step = stride if j == 0 else 1
                blocks.append(Block(inp, out, kernel, step, expand, style))
                inp = out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv(inp, head, 1, style=style)
        self._bn1 = nn.BatchNorm2d(head, eps=1e-3)
        self._fc = nn.Linear(head, classes)

    @staticmethod
    def scaled(channels: int, factor: float) -> int:
        if factor == 1:
            return channels
        value = max(8, 8 * round(channels * factor / 8))
        return value + 8 if value < 0.9 * channels * factor else value

    def features(self, x: Tensor) -> Tensor:
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return functional.relu6(self._bn1(self._conv_head(x)))

    def forward(self, x: Tensor) -> Tensor:
        style = self.style
        x = self.features(x)
        if style.pool in POOLS:
            x = POOLS[style.pool](x)
        else:
            if style.pool == "mean_keepdim":
                x = x.mean([2, 3], keepdim=True)
            else:
                x = functional.adaptive_avg_pool2d(x, 1)
            if style.flatten == "view":
                x = x.view(x.size(0), -1)
            elif style.flatten == "reshape":
                x = x.reshape(-1, self._fc.in_features)
            else:
                x = torch.flatten(x, 1)
        if style.linear == "matmul":
            x = x @ self._fc.weight.t() + self._fc.bias
        else:
            x = self._fc(x)
        return functional.softmax(x, dim=1) if style.softmax else x


def maps(model: Lite, features: Tensor) -> Tensor:
    """The class activation maps (Zhou et al. 2016, equation 2):
    (channels, height, width) to (classes, height, width)."""
    return torch.einsum("kc,cyx->kyx", model._fc.weight, features)


def lite0(style: Style | None = None) -> Lite:
    return Lite(style=style)


def lite2(style: Style | None = None) -> Lite:
    return Lite(1.1, 1.2, style=style)


def tiny(style: Style | None = None, seed: int = 20) -> Lite:
    """A tiny network with seeded weights whose activations neither die nor
    all saturate, and whose BatchNorms do something."""
    torch.manual_seed(seed)
    model = Lite(stages=TINY_STAGES, stem=8, head=24, classes=7, style=style)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.8, 1.6)
                module.bias.uniform_(-0.4, 1.0)
                module.momentum = None  # the statistics of what comes next
            elif isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.normal_(model._fc.weight)
        nn.init.normal_(model._fc.bias)
        model.train()(torch.randn(8, 3, 32, 48))
    return model.eval()
