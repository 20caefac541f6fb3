#!/usr/bin/env python3
"""Draw the film of the lane-change example: docs/images/lane-change.webp.

    build/venv/bin/python tools/lane_change_picture.py [--program FILE] OUT

Run by hand. The program looks at every third frame of the film; beside each frame is its
overlay for the class that it says, and below are the scores up to there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples/lane-change"
sys.path.append(str(EXAMPLE))
import generate  # noqa: E402
import scene as world  # noqa: E402

EVERY = 3
WIDTH, HEIGHT, CHART = 2 * world.WIDTH, 2 * world.HEIGHT, 60
COLOURS = {"BLOCKED": "#b3261e", "FREE": "#1b7a34", "UNDEFINED": "#1a56c4"}
QUALITY = 55


def seen(program: Path, files: list[Path], folder: Path) -> list[dict]:
    """What the program says of each file, whose overlay goes into the folder."""
    options = ["--alpha", "0.45", "--heatmap", str(folder)]
    done = subprocess.run(
        [program, "cam", "--model", EXAMPLE / "model", *options, *files],
        stdout=subprocess.PIPE,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def panel(
    frame: Image.Image, overlay: Image.Image, answers: list[dict], total: int
) -> Image.Image:
    """One picture of the animation; the last answer is that of the frame."""
    out = Image.new("RGB", (2 * WIDTH, HEIGHT + CHART), "white")
    out.paste(frame.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), (0, 0))
    out.paste(overlay.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), (WIDTH, 0))
    draw = ImageDraw.Draw(out)
    for label, colour in COLOURS.items():
        points = []
        for i, answer in enumerate(answers):
            score = next(c["score"] for c in answer["classes"] if c["label"] == label)
            x = 2 * WIDTH * i / (total - 1)
            points.append((x, HEIGHT + CHART - 4 - (CHART - 8) * score))
        draw.line(points if points[1:] else points * 2, colour, 2)
    best = answers[-1]["classes"][0]
    text = f"{best['label']} {best['score']:.0%}"
    box = draw.textbbox((8, 6), text, font_size=16)
    draw.rectangle((box[0] - 4, box[1] - 3, box[2] + 4, box[3] + 3), "white")
    draw.text((8, 6), text, COLOURS[best["label"]], font_size=16)
    return out


def main() -> None:
    """Writes the animation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, default=ROOT / "build/wherefore")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        generate.write(Path(folder), generate.film())
        files = sorted(Path(folder, "frames").iterdir())[::EVERY]
        overlays = Path(folder, "overlays")
        overlays.mkdir()
        answers = seen(args.program, files, overlays)
        panels = [
            panel(
                Image.open(file).convert("RGB"),
                Image.open(overlays / f"{file.stem}-heatmap.png").convert("RGB"),
                answers[: i + 1],
                len(files),
            )
            for i, file in enumerate(files)
        ]
    panels[0].save(
        args.out,
        save_all=True,
        append_images=panels[1:],
        duration=EVERY * 1000 // world.RATE,
        loop=0,
        quality=QUALITY,
        method=6,
    )
    print(f"{args.out}: {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
