"""Draws sets of pictures for `wherefore fit`, by their seeds: the same each time.

    python tools/fit_sets.py KIND FOLDER [--photos N] [--seed N]

    textures  five kinds of patterns, in noise
    patches   patches of the photos in static/samples/: which photo is it of?
    digits    scikit-learn's handwritten digits, of 8 x 8 pixels

Patches of the validation set are from other parts of the photos.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "static/samples"
SIDE = 96
NOISE = 70
PATCH = 40


def colours(random: np.random.Generator) -> np.ndarray:
    """Two colours that are told apart."""
    while True:
        found = random.uniform(0, 255, (2, 3))
        if abs(found[0].mean() - found[1].mean()) > 40:
            return found


def pattern(kind: str, random: np.random.Generator, side: int = SIDE) -> np.ndarray:
    """A pattern from 0 to 1, (side, side)."""
    y, x = np.mgrid[:side, :side] + random.uniform(0, side, 2)[:, None, None]
    step = random.uniform(9, 20)
    angle = random.uniform(0, np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    if kind == "stripes":
        return (along / step % 1 < 0.5).astype(float)
    if kind == "checks":
        return ((along / step % 1 < 0.5) ^ (across / step % 1 < 0.5)).astype(float)
    if kind == "dots":
        near = (along / step % 1 - 0.5) ** 2 + (across / step % 1 - 0.5) ** 2
        return (near < 0.09).astype(float)
    if kind == "rings":
        middle = random.uniform(0.2, 0.8, 2) * side
        rows, columns = np.mgrid[:side, :side]
        away = np.hypot(rows - middle[0], columns - middle[1])
        return (away / step % 1 < 0.5).astype(float)
    waves = np.sin(2 * np.pi * along / step) + np.sin(2 * np.pi * across / step)
    return (waves + 2) / 4


TEXTURES = ["checks", "dots", "rings", "stripes", "waves"]


def texture(kind: str, random: np.random.Generator) -> np.ndarray:
    """A picture of a pattern, (SIDE, SIDE, 3)."""
    shares = pattern(kind, random)[..., None]
    dark, bright = colours(random)
    picture = dark + (bright - dark) * shares
    return picture + random.normal(0, NOISE, picture.shape)


def save(path: Path, pixels: np.ndarray) -> None:
    """Writes a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).save(path)


def draw_textures(folder: Path, photos: int, seed: int) -> None:
    """Two of three go to train/, the others to val/."""
    random = np.random.default_rng(seed)
    for kind in TEXTURES:
        for i in range(photos):
            part = "val" if i % 3 == 2 else "train"
            save(folder / part / kind / f"{i:04}.png", texture(kind, random))


def draw_patches(folder: Path, photos: int, seed: int) -> None:
    """Patches of the left two thirds go to train/, those of the right to val/."""
    random = np.random.default_rng(seed)
    for sample in sorted(SAMPLES.glob("*.*g")):
        image = np.asarray(Image.open(sample).convert("RGB"), float)
        height, width = image.shape[:2]
        for i in range(photos):
            part = "val" if i % 3 == 2 else "train"
            cut = width * 2 // 3
            low, high = (cut, width - PATCH) if part == "val" else (0, cut - PATCH)
            x, y = random.integers(low, high), random.integers(0, height - PATCH)
            pixels = image[y : y + PATCH, x : x + PATCH]
            noisy = pixels + random.normal(0, 8, pixels.shape)
            save(folder / part / sample.stem / f"{i:04}.png", noisy)


def draw_digits(folder: Path, photos: int, seed: int) -> None:
    """The first of each class go to train/, as many to val/, made larger."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    for digit in range(10):
        which = [i for i in order if digits.target[i] == digit]
        for n, i in enumerate(which[: 2 * photos]):
            part = "val" if n % 2 else "train"
            small = Image.fromarray((digits.images[i] * 255 / 16).astype(np.uint8))
            large = small.resize((64, 64), Image.Resampling.BICUBIC)
            save(folder / part / str(digit) / f"{i:04}.png", np.asarray(large, float))


KINDS: dict[str, Callable[[Path, int, int], None]] = {
    "textures": draw_textures,
    "patches": draw_patches,
    "digits": draw_digits,
}


def main() -> None:
    """Draws one set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=60, help="of each class")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    KINDS[args.kind](args.folder, args.photos, args.seed)


if __name__ == "__main__":
    main()
