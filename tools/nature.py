#!/usr/bin/env python3
"""Measures what photos have in common, and writes engine/ascend/nature_table.h.

The photos are those of static/samples, at three sizes. Samples are taken as
logits, which a sigmoid turns into samples. The matrix is the symmetric root of
the covariance of red, green and blue. Of the three uncorrelated numbers that
its inverse makes of a colour, the power at each frequency is measured in
windows of 128 pixels (Hann's), and its mean over directions and photos taken in
bands of equal width on a logarithmic scale.

Usage: nature.py [OUTPUT]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "engine/ascend/nature_table.h"
PHOTOS = ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"]
SHORT_SIDES = [128, 192, 256]
WINDOW, STEP = 128, 32
LOWEST, HIGHEST, BANDS = 1 / 128, 0.7071, 20


def logits(photo: Image.Image, side: int) -> np.ndarray:
    """The photo with this shorter side, as logits: (height, width, 3)."""
    scale = side / min(photo.size)
    size = [max(side, round(length * scale)) for length in photo.size]
    samples = np.asarray(photo.resize(size, Image.BICUBIC), np.float64) / 255
    samples = np.clip(samples, 0.02, 0.98)
    return np.log(samples / (1 - samples))


def windows(photo: np.ndarray):
    """Squares of the photo, WINDOW pixels wide."""
    height, width, _ = photo.shape
    for top in range(0, height - WINDOW + 1, STEP):
        for left in range(0, width - WINDOW + 1, STEP):
            yield photo[top : top + WINDOW, left : left + WINDOW]


def measure() -> tuple[np.ndarray, np.ndarray]:
    """The matrix, and the logarithms of the magnitudes: (3, BANDS)."""
    files = [
        Image.open(ROOT / "static/samples" / name).convert("RGB")
        for name in PHOTOS
    ]
    photos = [logits(file, side) for file in files for side in SHORT_SIDES]
    # Each photo counts alike, and its own mean is no colour of all photos.
    covariance = np.mean(
        [np.cov(p.reshape(-1, 3), rowvar=False) for p in photos], axis=0
    )
    powers, vectors = np.linalg.eigh(covariance)
    # Brightness first, then what is less and less common.
    matrix = (vectors * np.sqrt(powers))[:, ::-1]
    matrix = matrix * np.where(matrix.sum(axis=0) < 0, -1, 1)
    inverse = np.linalg.inv(matrix)

    hann = np.hanning(WINDOW + 2)[1:-1]
    hann = hann[:, None] * hann[None, :]
    power = np.zeros((3, WINDOW, WINDOW))
    for photo in photos:
        plain = (photo - photo.mean(axis=(0, 1))) @ inverse.T
        squares = [
            np.abs(np.fft.fft2(window * hann[:, :, None], axes=(0, 1))) ** 2
            for window in windows(plain)
        ]
        power += np.mean(squares, axis=0).transpose(2, 0, 1) / len(photos)
    power /= (hann**2).sum()

    f = np.fft.fftfreq(WINDOW)
    frequency = np.hypot(f[:, None], f[None, :])
    centres = np.geomspace(LOWEST, HIGHEST, BANDS)
    place = np.log(np.maximum(frequency, 1e-9) / LOWEST)
    place *= (BANDS - 1) / np.log(HIGHEST / LOWEST)
    bands = np.empty((3, BANDS))
    for colour in range(3):
        for band in range(BANDS):
            weight = np.maximum(0, 1 - np.abs(place - band))
            weight[0, 0] = 0
            bands[colour, band] = (weight * power[colour]).sum() / max(
                weight.sum(), 1e-12
            )
        known = bands[colour] > 0
        bands[colour] = np.exp(
            np.interp(
                np.log(centres),
                np.log(centres[known]),
                np.log(bands[colour][known]),
            )
        )
    return matrix, np.log(bands) / 2


def row(numbers: np.ndarray) -> str:
    """A row of a table in C."""
    return "{" + ", ".join(f"{number:.4f}f" for number in numbers) + "}"


def main() -> None:
    """Writes the table."""
    matrix, magnitudes = measure()
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    lines = [
        "#ifndef ENGINE_ASCEND_NATURE_TABLE_H",
        "#define ENGINE_ASCEND_NATURE_TABLE_H",
        "",
        "/* Written by tools/nature.py. Private to nature.c. */",
        "",
        "/* clang-format off */",
        "",
        "/* Cycles per pixel of the first and the last band. */",
        f"static const double NATURE_LOWEST = {LOWEST:.7f};",
        f"static const double NATURE_HIGHEST = {HIGHEST:.7f};",
        f"enum {{ NATURE_NUM_BANDS = {BANDS} }};",
        "",
        "const float nature_colours[3][3] = {",
        *(f"    {row(numbers)}," for numbers in matrix),
        "};",
        "",
        "static const float log_magnitudes[3][NATURE_NUM_BANDS] = {",
    ]
    for numbers in magnitudes:
        parts = [f"{number:.4f}f" for number in numbers]
        lines.append("    {" + ", ".join(parts[:7]) + ",")
        for start in range(7, BANDS, 7):
            end = "," if start + 7 < BANDS else "},"
            lines.append("     " + ", ".join(parts[start : start + 7]) + end)
    lines += ["};", "/* clang-format on */", "", "#endif", ""]
    output.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
