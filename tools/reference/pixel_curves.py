"""Deletion and insertion by their definition, with NumPy.

    pixel_curves.py [tests/data/evaluate/pixel-curves.txt]

Petsiuk et al., RISE, 2018, section 4.2: the pixels of an image are replaced, those
with the largest values of a map first, by a hidden one (deletion), or those of a
blurred image by the image's own (insertion). The area is that under the curve of a
class's score, by the trapezoid rule. Here the blur is a Gaussian with a deviation of 5
pixels, cut off at 5 and normalized, with the border repeated.

The file has for each case, on lines of their own: height, width, channels and steps;
the image; the hidden pixel; the map; weights and bias of a score,
1 / (1 + exp(-(weights . image + bias))); the blurred image; the areas of deletion and
insertion.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

RADIUS, DEVIATION = 5, 5.0


def blur(image: np.ndarray) -> np.ndarray:
    """The blurred image."""
    distance = np.arange(-RADIUS, RADIUS + 1)
    weights = np.exp(-(distance**2) / (2 * DEVIATION**2))
    kernel = np.outer(weights, weights) / weights.sum() ** 2
    padded = np.pad(image, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape, axis=(0, 1))
    return np.einsum("yxcij,ij->yxc", windows, kernel)


def area(start: np.ndarray, finish: np.ndarray, cells: np.ndarray, steps: int, score):
    """The area under the scores while `start` turns into `finish`."""
    order = np.argsort(-cells.ravel(), kind="stable")
    scores = []
    for step in range(steps + 1):
        changed = order[: (step * order.size + steps // 2) // steps]
        now = start.reshape(order.size, -1).copy()
        now[changed] = finish.reshape(order.size, -1)[changed]
        scores.append(score(now))
    return np.trapezoid(scores, dx=1 / steps)


def text(values: np.ndarray) -> str:
    """Numbers on a line."""
    return " ".join(f"{value:.6g}" for value in np.ravel(values))


def rounded(values: np.ndarray) -> np.ndarray:
    """The numbers as the file has them."""
    return np.array(text(values).split(), float).reshape(np.shape(values))


def main() -> None:
    """Write the cases."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/data/evaluate/pixel-curves.txt")
    rng = np.random.default_rng(2)
    lines = []
    for height, width, channels, steps in ((6, 8, 3, 7), (12, 10, 3, 24), (9, 4, 1, 1), (5, 5, 1, 40)):
        image = rounded(rng.normal(0, 1, (height, width, channels)))
        hidden = rounded(rng.normal(0, 0.2, channels))
        cells = rng.normal(0, 1, (height, width))
        cells[1, :3] = cells[0, 0]  # equal values keep their order
        cells = rounded(cells)
        weights = rounded(rng.normal(0, 3 / np.sqrt(image.size), image.size))
        bias = 0.25

        def score(now: np.ndarray, weights=weights, bias=bias) -> float:
            return 1 / (1 + np.exp(-(weights @ now.ravel() + bias)))

        nothing = np.broadcast_to(hidden, image.shape)
        blurred = blur(image)
        lines += [f"{height} {width} {channels} {steps}", text(image), text(hidden)]
        lines += [text(cells), text(weights), str(bias), text(blurred)]
        lines.append(
            f"{area(image, nothing, cells, steps, score):.8f} "
            f"{area(blurred, image, cells, steps, score):.8f}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
