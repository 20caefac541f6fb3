#!/usr/bin/env python3
"""Draw one photo's map by every method into one picture: docs/images/methods.jpg.

    build/venv/bin/python tools/methods_picture.py [--photo FILE] [--class CLASS] OUT

Run by hand after a change of a method. It asks build/wherefore, with the default
model, for each heatmap, and takes a minute.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
WIDTH, GAP, CAPTION, COLUMNS = 236, 8, 18, 5


def names() -> list[str]:
    """The methods, as the program lists them."""
    text = (ROOT / "build/tables.json").read_text()
    row = next(row for row in json.loads(text)["cam"] if row["name"] == "method")
    return row["accepts"].replace(" or ", ", ").split(", ")


def draw(photo: Path, method: str, wanted: str) -> Image.Image:
    """The heatmap of one method."""
    with tempfile.NamedTemporaryFile(suffix=".png") as out:
        command = [ROOT / "build/wherefore", "cam", "--method", method, "--class", wanted]
        command += ["--heatmap", out.name, "--alpha", "0.6", photo]
        subprocess.run(command, check=True, capture_output=True)
        return Image.open(io.BytesIO(Path(out.name).read_bytes())).convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, default=ROOT / "static/samples/chelsea.png")
    parser.add_argument("--class", dest="wanted", default="Egyptian cat")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    pictures = [("the photo", Image.open(args.photo).convert("RGB"))]
    pictures += [(name, draw(args.photo, name, args.wanted)) for name in names()]
    height = round(WIDTH * pictures[0][1].height / pictures[0][1].width)
    rows = -(-len(pictures) // COLUMNS)
    size = (COLUMNS * (WIDTH + GAP) + GAP, rows * (height + CAPTION + GAP) + GAP)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for i, (name, picture) in enumerate(pictures):
        left = GAP + i % COLUMNS * (WIDTH + GAP)
        top = GAP + i // COLUMNS * (height + CAPTION + GAP)
        small = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
        sheet.paste(small, (left, top + CAPTION))
        pen.text((left, top + 2), name, fill="black", font_size=14)
    sheet.save(args.out, quality=80, optimize=True)


if __name__ == "__main__":
    main()
