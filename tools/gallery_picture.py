#!/usr/bin/env python3
"""Draw what channels of four depths want to see: docs/images/gallery.webp.

    build/venv/bin/python tools/gallery_picture.py [--program FILE] OUT

Run by hand; takes some minutes. Of each layer 16 channels are drawn by a fixed seed,
and of each `wherefore ascend` makes a picture. Channels that nothing excites are left
out.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/efficientnet-lite0"
# Each layer, and the side of the pictures made for it: a few fields of its cells.
LAYERS = {
    "block1.expand_relu6": 64,
    "block3.expand_relu6": 96,
    "block9.expand_relu6": 160,
    "block15.expand_relu6": 224,
}
COUNT, COLUMNS, STEPS = 16, 8, 256
SIZE, GAP, CAPTION = 96, 3, 14


def num_channels(program: Path, layer: str) -> int:
    """As the program says."""
    listed = subprocess.run(
        [program, "model", "layers", "--json", MODEL],
        stdout=subprocess.PIPE,
        check=True,
    )
    layers = json.loads(listed.stdout)["layers"]
    return next(one["channels"] for one in layers if one["name"] == layer)


def pictures(program: Path, layer: str, size: int) -> list[Image.Image]:
    """Of the first channels drawn that can be excited, in their order."""
    channels = list(range(num_channels(program, layer)))
    random.Random(layer).shuffle(channels)
    found: dict[int, Image.Image] = {}
    with tempfile.TemporaryDirectory() as folder:
        for channel in channels:
            if len(found) == COUNT:
                break
            file = Path(folder, f"{channel}.png")
            target = ["--layer", layer, "--channel", str(channel), "--size", str(size)]
            how = ["--steps", str(STEPS), "--to", file]
            told = subprocess.run(
                [program, "ascend", "--model", MODEL, *target, *how],
                stdout=subprocess.PIPE,
                check=True,
            )
            if json.loads(told.stdout)["value"] > 0:
                found[channel] = Image.open(file).convert("RGB")
    return [found[channel] for channel in sorted(found)]


def main() -> None:
    """Draws all layers, one below the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, default=ROOT / "build/wherefore")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    pitch, rows = SIZE + GAP, COUNT // COLUMNS
    height = CAPTION + rows * pitch
    sheet = Image.new("RGB", (COLUMNS * pitch - GAP, len(LAYERS) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for depth, (layer, size) in enumerate(LAYERS.items()):
        draw.text((0, depth * height), layer, fill="black")
        for i, picture in enumerate(pictures(args.program, layer, size)):
            left, top = (
                i % COLUMNS * pitch,
                depth * height + CAPTION + i // COLUMNS * pitch,
            )
            sheet.paste(picture.resize((SIZE, SIZE), Image.LANCZOS), (left, top))
    sheet.save(args.out, quality=72)


if __name__ == "__main__":
    main()
