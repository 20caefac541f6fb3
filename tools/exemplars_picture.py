#!/usr/bin/env python3
"""Draw what some channels of four layers find in photos: docs/images/exemplars.webp.

    build/venv/bin/python tools/exemplars_picture.py [--photos FOLDER] OUT

Run by hand. It asks build/wherefore, with the default model, for the photos and crops
that excite each channel most, and shows of each layer the channels that tell the photos
apart best: whose largest value is furthest above their smallest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("block1.expand_relu6", "block3.expand_relu6")
LAYERS += ("block5.expand_relu6", "block9.expand_relu6")
SHOWN, GAP, CAPTION = 6, 8, 18


def row(photos: Path, layer: str) -> tuple[str, list[Image.Image]]:
    """What a row of the picture is called, and its contact sheets."""
    with tempfile.TemporaryDirectory() as out:
        command = [ROOT / "build/wherefore", "exemplars", photos, "--layer", layer]
        command += ["--top", "4", "--size", "72", "--to", out]
        subprocess.run(command, check=True, capture_output=True)
        index = json.loads((Path(out) / "exemplars.json").read_text())

        def spread(channel: dict) -> float:
            values = [exemplar["value"] for exemplar in channel["exemplars"]]
            return values[0] - values[-1]

        best = sorted(index["channels"], key=spread, reverse=True)[:SHOWN]
        listed = sorted(channel["channel"] for channel in best)
        sheets = [Image.open(Path(out) / f"channel-{k}.png").convert("RGB") for k in listed]
    return f"{layer}: channels {', '.join(map(str, listed))}", sheets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=ROOT / "static/samples")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    rows = [row(args.photos, layer) for layer in LAYERS]
    side = rows[0][1][0].width + GAP
    picture = Image.new("RGB", (SHOWN * side, len(rows) * (side + CAPTION)), "white")
    pen = ImageDraw.Draw(picture)
    for i, (caption, sheets) in enumerate(rows):
        top = i * (side + CAPTION)
        pen.text((GAP, top + 2), caption, fill="black", font_size=13)
        for k, sheet in enumerate(sheets):
            picture.paste(sheet, (k * side + GAP // 2, top + CAPTION))
    picture.save(args.out, quality=75, method=6)


if __name__ == "__main__":
    main()
