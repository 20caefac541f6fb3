"""MaxBoxAcc and MaxBoxAccV2 by their definition, with OpenCV.

    wsol.py [tests/data/evaluate/box-levels.txt]

Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, 2020:
a map is resized to 224 x 224 by OpenCV's cubic, normalized to 0..1, and turned into
bytes. At each of 1000 thresholds, contours are found; MaxBoxAcc has the box of the
one with the largest area, MaxBoxAccV2 those of all. A picture counts where one of its
boxes reaches the intersection over union with one of the true boxes, which are
resized to the same grid. The result is the accuracy at the threshold that is best
for all pictures; V2 is the mean of those for .3, .5 and .7.

The file has for each of a few random maps, on lines of their own: height and width of
the map and of the picture, its values, row by row, the number of true boxes, these;
then, for the largest contour at .5 and for all at .3, .5 and .7, the levels (0 to 254)
at which it counts, as ranges. The last line has MaxBoxAcc and the three of V2, in
percent.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

SIDE = 224
THRESHOLDS = np.arange(0, 1, 0.001)
OVERLAPS = (0.3, 0.5, 0.7)


def to_bytes(cells: np.ndarray) -> np.ndarray:
    """The map as bytes on the grid."""
    if np.isnan(cells).any() or cells.min() == cells.max():
        return np.zeros((SIDE, SIDE), np.uint8)
    scores = cv2.resize(cells, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    scores = scores - scores.min()
    return (scores / scores.max() * 255).astype(np.uint8)


def boxes_of(grid: np.ndarray, level: int, only_largest: bool) -> np.ndarray:
    """The boxes of the contours above a level, with their last cells."""
    above = (grid > level).astype(np.uint8)
    contours = cv2.findContours(above, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    if not contours:
        return np.zeros((1, 4))
    if only_largest:
        contours = [max(contours, key=cv2.contourArea)]
    found = []
    for contour in contours:
        x, y, width, height = cv2.boundingRect(contour)
        found.append((x, y, min(x + width, SIDE - 1), min(y + height, SIDE - 1)))
    return np.array(found, float)


def best_overlap(boxes: np.ndarray, truth: np.ndarray) -> float:
    """The largest intersection over union; boxes contain their last cells."""
    low = np.maximum(boxes[:, None, :2], truth[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], truth[None, :, 2:])
    common = np.maximum(high - low + 1, 0).prod(2)

    def areas(of: np.ndarray) -> np.ndarray:
        return (of[:, 2:] - of[:, :2] + 1).prod(1)

    return (common / (areas(boxes)[:, None] + areas(truth)[None] - common)).max()


def overlaps(grid: np.ndarray, truth: np.ndarray, only_largest: bool) -> np.ndarray:
    """The best overlap at each level."""
    levels = [best_overlap(boxes_of(grid, k, only_largest), truth) for k in range(255)]
    return np.array(levels)


def at_thresholds(correct: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """What is known of levels, at the thresholds: 0 to 1 of the grid's largest."""
    return correct[(THRESHOLDS * grid.max()).astype(int)]


def on_grid(boxes: list[tuple[int, ...]], width: int, height: int) -> np.ndarray:
    """Boxes of a picture, half-open, in whole cells of the grid, with the last ones: the
    benchmark's files have the last pixels of boxes."""
    scale = np.array([width, height, width, height], float)
    return np.floor((np.array(boxes, float) - [0, 0, 1, 1]) * SIDE / scale)


def ranges(levels: np.ndarray) -> str:
    """ "3-9 12-12" of the places that are true; "none" if there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], levels.astype(int), [0]])))
    parts = [f"{a}-{b - 1}" for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return " ".join(parts) or "none"


def random_case(rng: np.random.Generator, number: int):
    """A map of blobs, of noise or with a hole, and true boxes near its middle."""
    height, width = rng.integers(5, 15, 2)
    y, x = np.mgrid[:height, :width]
    cells = np.zeros((height, width))
    for _ in range(rng.integers(1, 4)):
        at_y, at_x, size = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(1, 4)
        cells += np.exp(-((y - at_y) ** 2 + (x - at_x) ** 2) / size**2)
    if number % 3 == 1:
        cells += rng.normal(0, 0.3, cells.shape)
    if number % 5 == 2:
        ring = np.hypot(y - height / 2, x - width / 2)
        cells = np.exp(-((ring - min(height, width) / 3) ** 2)) + 0.05 * cells
    if number % 10 == 9:
        cells[:] = 0.5
    picture_height, picture_width = rng.integers(100, 600, 2)
    truth = []
    rows, columns = np.nonzero(cells > rng.uniform(0.3, 0.8) * cells.max())
    around = np.array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]])
    for _ in range(rng.integers(1, 4)):
        corners = np.sort(around / [width, height] + rng.uniform(-0.15, 0.15, (2, 2)), 0)
        size = np.array([picture_width, picture_height])
        low = np.clip(corners[0] * size, 0, size - 2).astype(int)
        high = np.clip(corners[1] * size, low + 1, size).astype(int)
        truth.append((*low, *high))
    cells = np.array([[float(f"{v:.3g}") for v in row] for row in cells], np.float32)
    return cells, picture_height, picture_width, truth


def main() -> None:
    """Write the cases."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/data/evaluate/box-levels.txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    lines, counts = [], [np.zeros(len(THRESHOLDS)) for _ in range(4)]
    num = 30
    for number in range(num):
        cells, height, width, boxes = random_case(rng, number)
        grid, truth = to_bytes(cells), on_grid(boxes, width, height)
        any_of, largest = overlaps(grid, truth, False), overlaps(grid, truth, True)
        correct = [largest >= 0.5, *(any_of >= overlap for overlap in OVERLAPS)]
        for count, levels in zip(counts, correct, strict=True):
            count += at_thresholds(levels, grid)
        lines.append(f"{cells.shape[0]} {cells.shape[1]} {height} {width}")
        lines += [" ".join(f"{v:.3g}" for v in row) for row in cells]
        lines.append(str(len(boxes)))
        lines += [" ".join(map(str, box)) for box in boxes]
        lines += [ranges(levels) for levels in correct]
    lines.append(" ".join(f"{100 * count.max() / num:.4f}" for count in counts))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
