"""Exports one of timm's networks to ONNX: timm_network.py NAME OUT.onnx

The weights are random, from a fixed seed. Those of normalizations are drawn as
well, and BatchNorm's statistics are those of noise, so that no branch is zero
and nothing grows from layer to layer. For bench/network_files.py, which runs it
in an environment of its own.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
from torch import nn

# torchvision's own operations are for PyTorch with CUDA, and are not used here.
register_fake = torch.library.register_fake
torch.library.register_fake = lambda *_, **__: lambda function: function
import timm  # noqa: E402

torch.library.register_fake = register_fake

SEED = 20
OPSET = 17
NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)


def draw(network: nn.Module) -> None:
    """Draws what is initialised to 0 or 1, or to next to nothing."""
    for module in network.modules():
        if isinstance(module, NORMS) and module.weight is not None:
            nn.init.uniform_(module.weight, 0.5, 1)
            nn.init.uniform_(module.bias, -0.1, 0.1)
    for name, parameter in network.named_parameters():
        if name.endswith(".gamma"):  # ConvNeXt's LayerScale
            nn.init.uniform_(parameter, 0.05, 0.2)


def settle(network: nn.Module, shape: tuple[int, int, int]) -> None:
    """Gives BatchNorm the statistics of noise."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    with torch.inference_mode():
        network(torch.rand(2, *shape) * 2 - 1)
    network.eval()


def main() -> None:
    name, path = sys.argv[1], Path(sys.argv[2])
    torch.manual_seed(SEED)
    network = timm.create_model(name, pretrained=False, exportable=True).eval()
    shape = network.default_cfg["input_size"]
    with torch.no_grad():
        draw(network)
    settle(network, shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.rand(1, *shape),),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["output"],
        )


if __name__ == "__main__":
    main()
