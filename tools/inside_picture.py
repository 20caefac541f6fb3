#!/usr/bin/env python3
"""Draw one photo as six layers see it: docs/images/layers.webp.

    build/venv/bin/python tools/inside_picture.py [--photo FILE] OUT

Run by hand. It asks build/wherefore, with the default model, for each layer's
channels: of the 256 most active ones it shows those whose largest value is furthest
above their mean.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("stem_relu6", "block1.expand_relu6", "block3.expand_relu6")
LAYERS += ("block5.expand_relu6", "block10.expand_relu6", "features")
SHOWN, SIZE, GAP, CAPTION, LABEL = 8, 112, 2, 18, 14


def look(photo: Path, *options: str) -> dict:
    """What `wherefore look` prints."""
    command = [ROOT / "build/wherefore", "look", *options, photo]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def row(photo: Path, layer: str) -> tuple[str, Image.Image]:
    """What a row of the picture is called, and its maps side by side."""
    found = look(photo, "--layer", layer, "--top", "256")
    channels = sorted(found["channels"], key=lambda c: c["mean"] - c["max"])[:SHOWN]
    listed = ",".join(str(channel["index"]) for channel in channels)
    with tempfile.NamedTemporaryFile(suffix=".png") as out:
        options = ["--channels", listed, "--over", "alone", "--colormap", "inferno"]
        options += ["--size", str(SIZE), "--sheet", out.name]
        look(photo, "--layer", layer, *options)
        sheet = Image.open(out.name).convert("RGB")
    columns = -(-(sheet.width - GAP) // (SIZE + GAP))
    height = (sheet.height - GAP) // -(-SHOWN // columns)
    strip = Image.new("RGB", (SHOWN * (SIZE + GAP), height - LABEL), "white")
    for i in range(SHOWN):
        left, top = i % columns * (SIZE + GAP) + GAP, i // columns * height + GAP
        tile = sheet.crop((left, top, left + SIZE, top + height - LABEL - GAP))
        strip.paste(tile, (i * (SIZE + GAP), 0))
    about = found["layer"]
    shape = f"{about['width']} x {about['height']} x {about['channels']}"
    return f"{about['name']}, {shape}: channels {listed.replace(',', ', ')}", strip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, default=ROOT / "static/samples/chelsea.png")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    rows = [row(args.photo, layer) for layer in LAYERS]
    width = rows[0][1].width + 2 * GAP
    height = sum(strip.height + CAPTION + 2 * GAP for _, strip in rows)
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    top = 0
    for caption, strip in rows:
        pen.text((GAP, top + 2), caption, fill="black", font_size=13)
        picture.paste(strip, (GAP, top + CAPTION))
        top += strip.height + CAPTION + 2 * GAP
    picture.save(args.out, quality=70, method=6)


if __name__ == "__main__":
    main()
