#!/usr/bin/env python3
"""Hold gradients of the input to those of double precision on the same branches.

    tools/reference/branches.py NETWORK PHOTO ...

Runs in the environment of tools/reference/networks (tools/README.md), on the networks
of methods_whole.py. A ReLU's gate and the place of a pool's maximum are branches.
Where both ways are within rounding, floats may take another one than double precision
does, and the gradient jumps. Here the network in double precision takes ours, which
`wherefore model run` writes; what is left of the difference is that of the arithmetic.
Prints for each photo the difference of `saliency` before and after, and how many
branches differ.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import methods_whole as whole
import numpy as np
import onnx
import torch
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent / "networks"))

import gradients

BRANCHING = {"Relu": "output", "Clip": "output", "MaxPool": "input"}


class Branches:
    """Operators whose branches are those of other values, in the order of the
    nodes."""

    def __init__(self, values: Iterator[Tensor]):
        self.values = values
        self.num_other = 0  # than they would take by themselves

    def count(self, a: Tensor, b: Tensor) -> None:
        self.num_other += int((a != b).sum())

    def relu(self, v: list, _: dict) -> Tensor:
        is_open = next(self.values) > 0
        self.count(is_open, v[0] > 0)
        return v[0] * is_open

    def clip(self, v: list, a: dict) -> Tensor:
        own, given = gradients.clip(v, a), next(self.values)
        ends = (torch.full((), end, dtype=own.dtype) for end in (-1e9, 1e9))
        low, high = (gradients.clip([end, *v[1:]], a) for end in ends)
        is_open = (given > low) & (given < high)
        self.count(is_open, own == v[0])
        return torch.where(is_open, v[0], own.detach())

    def max_pool(self, v: list, a: dict) -> Tensor:
        pads = a.get("pads", [0, 0, 0, 0])
        own, given = (
            gradients.padded(x, pads, -float("inf")) for x in (v[0], next(self.values))
        )
        at, its_own = (
            functional.max_pool2d(
                x,
                a["kernel_shape"],
                a["strides"],
                ceil_mode=bool(a.get("ceil_mode", 0)),
                return_indices=True,
            )[1]
            for x in (given, own)
        )
        self.count(at, its_own)
        return own.flatten(2).gather(2, at.flatten(2)).view(at.shape)


def branching(model: onnx.ModelProto) -> list[str]:
    """The values that say which branches were taken."""
    return [
        getattr(node, BRANCHING[node.op_type])[0]
        for node in model.graph.node
        if node.op_type in BRANCHING
    ]


def values_of_ours(
    program: Path, model: onnx.ModelProto, x: Tensor, folder: Path
) -> dict[str, Tensor]:
    """The values that decide, of our run."""
    more = onnx.ModelProto()
    more.CopyFrom(model)
    for name in dict.fromkeys(branching(model)):
        more.graph.output.append(onnx.ValueInfoProto(name=name))
    onnx.save(more, folder / "more.onnx")
    np.save(folder / "x.npy", x.float().numpy())
    command = [program, "model", "run", folder / "more.onnx"]
    command += ["--input", folder / "x.npy", "--output-dir", folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {
        name: torch.from_numpy(np.load(folder / f"{name}.npy")).double()
        for name in branching(model)
    }


def saliency(model: onnx.ModelProto, x: Tensor, c: int | None) -> tuple[Tensor, int]:
    """The map of a class, by default the best one; and which it is."""
    x = x.clone().requires_grad_()
    logits = gradients.run(model, x)[model.graph.output[0].name].reshape(-1)
    c = int(logits.argmax()) if c is None else c
    logits[c].backward()
    return x.grad.abs().amax(1)[0], c


def compare(program: Path, name: str, photo: Path, folder: Path) -> None:
    place = whole.make_model(name)
    model = onnx.load(place / "model.onnx")
    input_ = json.loads((place / "model.json").read_text())["input"]
    image = whole.stretched(photo, (input_["height"], input_["width"]))
    image.save(folder / "photo.png")
    x = whole.as_input(image)
    ours = values_of_ours(program, model, x, folder)
    branches = Branches(ours[value] for value in branching(model))
    exact, c = saliency(model, x, None)
    taken = {
        **{"Relu": branches.relu, "Clip": branches.clip},
        **{"MaxPool": branches.max_pool},
    }
    with mock.patch.dict(gradients.OPERATORS, taken):
        same, _ = saliency(model, x, c)
    found, _ = whole.ask(program, place, folder / "photo.png", "saliency", c)
    apart = functools.partial(whole.distance, found)
    print(
        f"{name:20} {photo.stem:32} {apart(exact):8.1e} {apart(same):8.1e}",
        f"{branches.num_other} other branches",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, default=whole.ROOT / "build/wherefore")
    parser.add_argument("network")
    parser.add_argument("photos", nargs="+", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for photo in whole.photos_in(args.photos):
        with tempfile.TemporaryDirectory() as folder:
            compare(args.program, args.network, photo, Path(folder))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
