"""How often `wherefore fit` warns of marks, rightly and wrongly.

    build/venv/bin/python tools/fit_marks.py FOLDER [--sets 20] [--seed 0]

FOLDER has a folder of photos for each class. Each set is 20 to 40 crops of photos of each
of three to five classes; a clean one as it is, and a planted one with a mark in half of one
class's photos: a logo, a date (each another), a frame, a text, a square or a bar, of random
size, opacity, colour and corner. The table has what was planted and what was warned of.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
KINDS = ["logo", "date", "frame", "text", "square", "bar"]
COLOURS = [(220, 30, 30), (30, 60, 220), (20, 160, 60), (250, 220, 0), (0, 0, 0), (255, 255, 255)]
OWN_COLOURS = {"date": (255, 140, 20), "text": (255, 255, 255), "bar": (0, 0, 0)}
TEXTS = ["\u00a9 J. Smith", "SAMPLE", "www.photos.example"]
MIN_PHOTOS = 8  # of a class that is used
MAX_SIDE = 640


def choose(noise: np.random.Generator, kind: str) -> dict:
    """A mark; size and margin are shares of the photo's shorter side."""
    colour = OWN_COLOURS.get(kind) or COLOURS[noise.integers(len(COLOURS))]
    return {
        "kind": kind,
        "size": noise.uniform(0.10, 0.25),
        "opacity": noise.uniform(0.5, 1),
        "bottom": noise.integers(2),
        "right": noise.integers(2),
        "margin": noise.uniform(0, 0.05),
        "colour": colour,
        "text": TEXTS[noise.integers(3)],
    }


def written(mark: dict, noise: np.random.Generator) -> str:
    """The text of a mark that has one."""
    if mark["kind"] == "text":
        return mark["text"]
    year, month, day = noise.integers(2003, 2024), noise.integers(1, 13), noise.integers(1, 29)
    return f"{year:04}-{month:02}-{day:02}"


def plant(photo: Image.Image, mark: dict, noise: np.random.Generator) -> Image.Image:
    """The photo with the mark."""
    width, height = photo.size
    size, margin = (mark[key] * min(photo.size) for key in ("size", "margin"))
    alpha = int(255 * mark["opacity"])
    layer = Image.new("RGBA", photo.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    ink = (*mark["colour"], alpha)

    def place(across: float, down: float) -> tuple[float, float]:
        x = width - margin - across if mark["right"] else margin
        return x, height - margin - down if mark["bottom"] else margin

    if mark["kind"] == "frame":
        draw.rectangle((0, 0, width - 1, height - 1), outline=ink, width=max(1, int(size * 0.2)))
    elif mark["kind"] == "bar":
        depth = max(2, int(size * 0.5))
        top = height - depth if mark["bottom"] else 0
        draw.rectangle((0, top, width, top + depth), fill=ink)
    elif mark["kind"] in ("text", "date"):
        font = ImageFont.load_default(max(6, int(size * 0.45)))
        text = written(mark, noise)
        box = draw.textbbox((0, 0), text, font=font)
        draw.text(place(box[2], box[3]), text, font=font, fill=ink)
    else:
        x, y = place(size, size)
        shape = draw.rectangle if mark["kind"] == "square" else draw.ellipse
        shape((x, y, x + size, y + size), fill=ink)
        if mark["kind"] == "logo":
            corners = [(0.2, 0.75), (0.5, 0.15), (0.8, 0.75)]
            points = [(x + size * u, y + size * v) for u, v in corners]
            draw.polygon(points, fill=(255, 255, 255, alpha))
    return Image.alpha_composite(photo.convert("RGBA"), layer).convert("RGB")


def crop(path: Path, noise: np.random.Generator) -> Image.Image:
    """A part of a photo, of 60 to 100 % of each side, and its mirror image as often."""
    photo = Image.open(path).convert("RGB")
    share = noise.uniform(0.6, 1)
    width, height = int(photo.width * share), int(photo.height * share)
    x, y = noise.integers(photo.width - width + 1), noise.integers(photo.height - height + 1)
    part = photo.crop((x, y, x + width, y + height))
    part.thumbnail((MAX_SIDE, MAX_SIDE))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if noise.random() < 0.5 else part


def draw_set(folder: Path, photos: dict[str, list[Path]], noise: np.random.Generator, kind: str | None) -> tuple[str | None, dict]:
    """Writes a set. Returns the marked class and the mark."""
    number = min(int(noise.integers(3, 6)), len(photos))
    classes = [str(name) for name in noise.choice(sorted(photos), number, replace=False)]
    sets = {}
    for name in classes:
        count, have = int(noise.integers(20, 41)), photos[name]
        some = [*have, *noise.choice(len(have), max(0, count - len(have)))][:count]
        paths = [one if isinstance(one, Path) else have[one] for one in some]
        sets[name] = [crop(path, noise) for path in paths]
    mark, marked = {}, None
    if kind:
        mark = choose(noise, kind)
        marked = classes[noise.integers(number)]
        for i in noise.permutation(len(sets[marked]))[: len(sets[marked]) // 2]:
            sets[marked][i] = plant(sets[marked][i], mark, noise)
    for name, of_class in sets.items():
        (folder / name).mkdir(parents=True)
        for i, photo in enumerate(of_class):
            photo.save(folder / name / f"{i:03}.jpg", quality=90)
    return marked, mark


def fit(folder: Path, base: Path) -> dict:
    """The report of a fit to a set."""
    command = [ROOT / "build/wherefore", "fit", "set", "--base", base.resolve(), "--to", "model"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return json.loads((folder / "model/report.json").read_text())


def main() -> None:
    """Makes the sets, and prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", type=int, default=20, help="of either kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--base", type=Path, default=ROOT / "models/efficientnet-lite0")
    asked = parser.parse_args()
    photos = {one.name: sorted(one.iterdir()) for one in sorted(asked.folder.iterdir())}
    photos = {name: paths for name, paths in photos.items() if len(paths) >= MIN_PHOTOS}
    missed = false = 0
    for number in range(2 * asked.sets):
        kind = KINDS[number // 2 % len(KINDS)] if number % 2 else None
        with tempfile.TemporaryDirectory() as name:
            noise = np.random.default_rng([number, asked.seed])
            marked, mark = draw_set(Path(name, "set"), photos, noise, kind)
            report = fit(Path(name), asked.base)
        classes = [one["name"] for one in report["classes"]]
        warned = [(classes[w["class"]], w["place"], round(w["gap"], 3)) for w in report["evidence"]["warnings"]]
        missed += bool(kind) and marked not in [one[0] for one in warned]
        false += any(one[0] != marked for one in warned)
        about = f"{kind} {mark['size']:.2f} {mark['opacity']:.2f} in {marked}" if kind else "clean"
        print(f"{about:40} {warned}", flush=True)
    print(f"{missed} of {asked.sets} marks missed; {false} of {2 * asked.sets} sets with a false warning")


if __name__ == "__main__":
    main()
