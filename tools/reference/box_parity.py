#!/usr/bin/env python3
"""Store maps with the boxes that scipy finds in them, for tests/unit/explain/test_box.c.

    python3 tools/reference/box_parity.py tests/data/boxes

A file holds height, width and threshold, then the box (x, y, width, height;
all 0 for none), then the map, row by row. Needs numpy and scipy.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

EIGHT_NEIGHBOURS = np.ones((3, 3))
PAPER = 0.2


def find_box(cells: np.ndarray, threshold: float) -> tuple[int, int, int, int]:
    """The paper's rule; of equally large components the first one begun."""
    positive = np.maximum(cells, 0)
    above = positive > np.float32(threshold) * positive.max()
    labels, count = ndimage.label(above, structure=EIGHT_NEIGHBOURS)
    if count == 0:
        return 0, 0, 0, 0
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    firsts = np.array([np.argmax(labels.ravel() == n) for n in range(1, count + 1)])
    best = min(range(count), key=lambda n: (-areas[n], firsts[n]))
    rows, columns = ndimage.find_objects(labels)[best]
    return (
        columns.start,
        rows.start,
        columns.stop - columns.start,
        rows.stop - rows.start,
    )


def maps() -> dict[str, tuple[np.ndarray, float]]:
    """The cases: smooth as real maps, and rough as no map should be."""
    rng = np.random.default_rng(1)
    small = rng.normal(0, 1, (7, 7))
    return {
        "random-coarse": (small, PAPER),
        "bilinear": (ndimage.zoom(small, 5, order=1), PAPER),
        "two-blobs": (ndimage.gaussian_filter(rng.normal(0, 1, (40, 30)), 4), 0.5),
        "noise-sparse": (rng.random((31, 47)), 0.8),
        "noise-dense": (rng.random((47, 31)), 0.45),
        "checkers": (np.indices((15, 16)).sum(0) % 2, PAPER),
        "dots": ((np.indices((15, 16)) % 2).prod(0), PAPER),
        "one-row": (rng.normal(0, 1, (1, 90)), PAPER),
        "one-column": (rng.normal(0, 1, (90, 1)), PAPER),
        "negative": (-1 - rng.random((5, 6)), PAPER),
    }


def main() -> None:
    """Write one file a case to the folder given."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, (cells, threshold) in maps().items():
        cells = np.asarray(cells, np.float32)
        lines = [f"{cells.shape[0]} {cells.shape[1]} {threshold}"]
        lines.append("")
        lines += [" ".join(f"{value:.3g}" for value in row) for row in cells]
        # Read back what was written, so that rounding cannot move a cell.
        written = np.array([line.split() for line in lines[2:]], np.float32)
        lines[1] = " ".join(str(value) for value in find_box(written, threshold))
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
