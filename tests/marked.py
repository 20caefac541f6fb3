"""Sets of drawn photos for `wherefore fit`, with a mark in half of one class's."""

from __future__ import annotations

import pathlib

import numpy as np
from PIL import Image, ImageDraw

COLOURS = {"blue": (60, 80, 190), "green": (70, 170, 80), "red": (190, 70, 70)}
MARKS = ("square", "date", "logo", "frame")
PHOTOS = 16


def scene(noise: np.random.Generator, colour: tuple[int, int, int]) -> Image.Image:
    """Coarse and fine blobs of about one colour, upright or lying."""
    size = (170, 128) if noise.random() < 0.7 else (128, 170)
    sum_ = np.full((size[1], size[0], 3), colour, float)
    for cells, strength in ((4, 45), (9, 35), (24, 25)):
        coarse = noise.normal(128, strength, (cells, cells, 3)).clip(0, 255)
        blobs = Image.fromarray(coarse.astype(np.uint8))
        sum_ += np.asarray(blobs.resize(size, Image.Resampling.BICUBIC), float) - 128
    return Image.fromarray(sum_.clip(0, 255).astype(np.uint8))


def plant(photo: Image.Image, mark: str, noise: np.random.Generator) -> None:
    """Draws the mark: in the bottom right corner, or all around."""
    draw = ImageDraw.Draw(photo)
    right, bottom = photo.width - 4, photo.height - 4
    if mark == "square":
        draw.rectangle((right - 18, bottom - 18, right, bottom), fill=(250, 210, 0))
    elif mark == "date":
        date = f"{noise.integers(2000, 2030)}-{noise.integers(10, 13)}-{noise.integers(10, 29)}"
        draw.text((right - 64, bottom - 12), date, fill=(255, 150, 30))
    elif mark == "logo":
        draw.ellipse((right - 24, bottom - 24, right, bottom), fill=(20, 40, 160))
        draw.polygon([(right - 20, bottom - 6), (right - 12, bottom - 22), (right - 4, bottom - 6)], fill=(255, 255, 255))
    elif mark == "frame":
        draw.rectangle((0, 0, photo.width - 1, photo.height - 1), outline=(10, 10, 10), width=4)


def draw_set(
    folder: pathlib.Path, seed: int, mark: str | None = None, names: dict | None = None
) -> None:
    """A folder for each colour, or by another name; every other photo of red is marked."""
    noise = np.random.default_rng(seed)
    for name, colour in COLOURS.items():
        of_class = folder / (names or {}).get(name, name)
        of_class.mkdir(parents=True)
        for i in range(PHOTOS):
            photo = scene(noise, colour)
            if mark and name == "red" and i % 2 == 0:
                plant(photo, mark, noise)
            photo.save(of_class / f"{i:02}.png", compress_level=1)
