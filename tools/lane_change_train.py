#!/usr/bin/env python3
"""Train the network of examples/lane-change, and write its model's folder.

    build/bench/venv/bin/python tools/lane_change_train.py OUT

OUT must not exist yet.

Needs PyTorch and onnx (bench/peers/requirements.txt, or tools/reference's). Some
minutes on two cores. Frames are drawn by chance and never kept: those of training have
the seeds from 100 on, those that the epochs are measured on 50 and 51. Besides the
label, the network is told where the evidence is, by an auxiliary loss that wants the
largest cells of the right class's map there; `--places 0` tells it the labels alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "examples/lane-change"))
import generate  # noqa: E402
import scene as world  # noqa: E402

FRAMES, EVERY = 8, 4  # of a sequence in training: far apart, so that they differ
MOTORCYCLES = 0.2  # of the vehicles in training: twice as many, since they are small
SHARES = (*(share * (1 - MOTORCYCLES) / 0.9 for share in world.SHARES[:3]), MOTORCYCLES)
BATCH, RATE, DECAY = 50, 4e-3, 1e-3
SMOOTHING = 0.02
AVERAGED = 0.99  # of the averaged weights stays at each step
CHANNELS = (16, 24, 32, 48, 64, 64)
STRIDES = (2, 2, 2, 1, 1, 1)


def drawn(job: tuple[int, int, tuple]) -> tuple[np.ndarray, np.ndarray, list]:
    """Pictures, labels and boxes of sequences with one seed, the unclear ones left
    out."""
    seed, count, shares = job
    kept = [
        frame
        for frame in generate.sequences(seed, count, FRAMES, EVERY, shares)
        if not frame.truth.near
    ]
    labels = [world.LABELS.index(frame.truth.label) for frame in kept]
    pictures = np.stack([frame.picture for frame in kept])
    return pictures, np.array(labels), [frame.truth.boxes for frame in kept]


def many(seeds: range, shares: tuple, cores: int) -> tuple[np.ndarray, np.ndarray, list]:
    """The same of several seeds, drawn beside each other: 40 sequences of each."""
    with torch.multiprocessing.Pool(cores) as pool:
        parts = pool.map(drawn, [(seed, 40, shares) for seed in seeds], 1)
    pictures, labels, boxes = zip(*parts, strict=True)
    together = [of for part in boxes for of in part]
    return np.concatenate(pictures), np.concatenate(labels), together


class Network(nn.Module):
    """Six convolutions, three of which halve the picture: a map of 20 x 10 cells, each
    of which sees 63 pixels; their mean, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for channels, stride in zip(CHANNELS, STRIDES, strict=True):
            layers += [
                nn.Conv2d(before, channels, 3, stride, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
            ]
            before = channels
        self.features = nn.Sequential(*layers)
        self.classes = nn.Linear(before, len(world.LABELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classes(self.features(x).mean((2, 3)))

    def explained(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, and class activation maps: (n, classes, rows, columns)."""
        features = self.features(x)
        maps = torch.einsum("nkij,ck->ncij", features, self.classes.weight)
        return self.classes(features.mean((2, 3))), maps


def as_input(pictures: torch.Tensor) -> torch.Tensor:
    """Bytes (n, rows, columns, 3) as the network takes them."""
    return (pictures.permute(0, 3, 1, 2).float() - 127.5) / 127.5


def changed(x: torch.Tensor) -> torch.Tensor:
    """Other brightness, contrast, colour and noise, by chance."""
    n = len(x)
    gain = 1 + 0.5 * (torch.rand(n, 1, 1, 1) - 0.5)
    tint = 1 + 0.2 * (torch.rand(n, 3, 1, 1) - 0.5)
    noise = 0.06 * torch.rand(n, 1, 1, 1) * torch.randn_like(x)
    return x * gain * tint + 0.3 * (torch.rand(n, 1, 1, 1) - 0.5) + noise


def measured(network: Network, pictures, labels, boxes) -> dict[str, float]:
    """Accuracy, and how often the largest cell of the right class's map is in a box."""
    network.eval()
    with torch.no_grad():
        x = torch.cat([as_input(part) for part in torch.from_numpy(pictures).split(256)])
        parts = [network.explained(part) for part in x.split(256)]
        said = torch.cat([logits for logits, _ in parts]).argmax(1).numpy()
        maps = torch.cat([maps for _, maps in parts]).numpy()
    out = {"accuracy": float((said == labels).mean())}
    rows, columns = maps.shape[2:]
    for index, label in enumerate(world.LABELS):
        hits = []
        for i in np.nonzero(labels == index)[0]:
            row, column = divmod(int(maps[i, index].argmax()), columns)
            x = (column + 0.5) * world.WIDTH / columns
            y = (row + 0.5) * world.HEIGHT / rows
            if boxes[i]:
                hits.append(any(a <= x < c and b <= y < d for a, b, c, d in boxes[i]))
        out[f"{label} right"] = float((said == labels)[labels == index].mean())
        out[f"{label} peak"] = float(np.mean(hits)) if hits else float("nan")
    return out


def cells_in(boxes: list, rows: int = 10, columns: int = 20) -> np.ndarray:
    """Which cells of a map have their centre in one of the boxes."""
    y = (np.arange(rows)[:, None] + 0.5) * world.HEIGHT / rows
    x = (np.arange(columns) + 0.5) * world.WIDTH / columns
    inside = np.zeros((rows, columns), bool)
    for x0, y0, x1, y1 in boxes:
        inside |= (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    return inside


def place_loss(maps: torch.Tensor, labels: torch.Tensor, inside: torch.Tensor):
    """Minus the logarithm of the share that the places of the evidence have in a
    softmax over the cells of the right class's map; of frames that have some."""
    has = inside.any(1)
    if not has.any():
        return maps.sum() * 0
    right = maps[torch.arange(len(labels)), labels].flatten(1)[has]
    shares = torch.log_softmax(right, 1).masked_fill(~inside[has], -torch.inf)
    return -torch.logsumexp(shares, 1).mean()


def train(
    network: Network, data: tuple, held: tuple, epochs: int, places: float
) -> Network:
    """Minimises cross entropy, and `places` times the loss above, with AdamW and one
    cycle of the rate. Returns the network with the average of its last weights."""
    pictures, labels, boxes = data
    inside = torch.from_numpy(np.stack([cells_in(of).ravel() for of in boxes]))
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    steps = len(labels) // BATCH
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, epochs * steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    averaged = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGED), use_buffers=True
    )
    x, y = torch.from_numpy(pictures), torch.from_numpy(labels)
    for epoch in range(epochs):
        network.train()
        began, total = time.monotonic(), 0.0
        for batch in torch.randperm(len(y))[: steps * BATCH].split(BATCH):
            logits, maps = network.explained(changed(as_input(x[batch])))
            loss = loss_of(logits, y[batch])
            loss = loss + places * place_loss(maps, y[batch], inside[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            cycle.step()
            averaged.update_parameters(network)
            total += float(loss.detach())
        told = f"epoch {epoch + 1}: loss {total / steps:.4f}, {time.monotonic() - began:.0f} s"
        if epoch % 3 == 2 or epoch + 1 == epochs:
            told += " " + str({k: round(v, 4) for k, v in measured(averaged.module, *held).items()})
        print(told, flush=True)
    return averaged.module


def export(network: Network, path: Path) -> None:
    """Writes the network with any number of images, normalizations folded in."""
    network.eval()
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, world.HEIGHT, world.WIDTH),),
        str(path),
        input_names=["image"],
        output_names=["logits"],
        opset_version=17,
        dynamo=False,
    )


def keep(program: Path, network: Network, out: Path, recipe: str) -> None:
    """Makes the model's folder."""
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder, "labels.txt")
        labels.write_text("".join(f"{label}\n" for label in world.LABELS))
        export(network, Path(folder, "model.onnx"))
        about = ["--name", "lane-change", "--source", recipe, "--license", "Apache-2.0"]
        numbers = ["--mean", "127.5,127.5,127.5", "--std", "127.5,127.5,127.5"]
        made = ["--labels", labels, "--to", out, *about, *numbers]
        subprocess.run([program, "model", "add", Path(folder, "model.onnx"), *made], check=True)


def main() -> None:
    """Draws, trains, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="the model's folder")
    parser.add_argument("--program", type=Path, default=ROOT / "build/wherefore")
    parser.add_argument("--seeds", type=int, default=40, help="of 40 sequences each")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--places", type=float, default=0.3, help="weight of that loss")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="where drawn frames are kept")
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(args.cores)
    if args.keep and args.keep.exists():
        data, held = torch.load(args.keep, weights_only=False)
    else:
        data = many(range(100, 100 + args.seeds), SHARES, args.cores)
        held = many(range(50, 52), world.SHARES, args.cores)
        if args.keep:
            torch.save((data, held), args.keep)
    print(f"{len(data[1])} frames, {np.bincount(data[1]).tolist()} of each label", flush=True)
    network = Network().to(memory_format=torch.channels_last)
    network = train(network, data, held, args.epochs, args.places)
    recipe = f"tools/lane_change_train.py, {args.seeds} seeds, {args.epochs} epochs"
    if args.places:
        recipe += ", told where the evidence is"
    keep(args.program, network, args.out, recipe)


if __name__ == "__main__":
    main()
