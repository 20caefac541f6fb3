#!/usr/bin/env python3
"""Draw what classes want to see: docs/images/ascend.webp.

    build/venv/bin/python tools/ascend_picture.py PICTURE... OUT

Run by hand. The pictures are those of `tools/ascend_truth.py classes`, whose names end
with the class.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
SIZE, GAP, COLUMNS, CAPTION = 168, 4, 5, 14


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    labels = (ROOT / "models/efficientnet-lite0/labels.txt").read_text().splitlines()
    rows = -(-len(args.pictures) // COLUMNS)
    width, height = SIZE + GAP, SIZE + CAPTION + GAP
    sheet = Image.new("RGB", (COLUMNS * width - GAP, rows * height - GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for i, file in enumerate(args.pictures):
        left, top = i % COLUMNS * width, i // COLUMNS * height
        sheet.paste(Image.open(file).resize((SIZE, SIZE), Image.LANCZOS), (left, top))
        label = labels[int(file.stem.split("-")[-1])].split(None, 1)[-1].split(",")[0]
        draw.text((left, top + SIZE + 1), label, fill="black")
    sheet.save(args.out, quality=80)


if __name__ == "__main__":
    main()
