#!/usr/bin/env python3
"""Store maps with the boxes that NumPy, SciPy and scikit-image find by each rule, for
tests/unit/explain/test_box_rules.c.

    python3 tools/reference/box_rules.py tests/data/boxes/rules

A file holds the rule, its percentile, the number of boxes that are asked for, height and
width; the threshold as a share of the maximum, and how many boxes there are; the box; the
boxes, each with its share of the evidence; then the map, row by row. Needs numpy, scipy
and scikit-image.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

EIGHT_NEIGHBOURS = np.ones((3, 3))
FOUR_NEIGHBOURS = ndimage.generate_binary_structure(2, 1)
LEVELS = (20, 100, 110)
MARGIN = 5

Box = tuple[int, int, int, int]


def otsu(positive: np.ndarray) -> float:
    """The upper edge of the last bin below the threshold."""
    bins = np.minimum(positive * np.float32(256 / positive.max()), 255).astype(int)
    counts = np.bincount(bins.ravel(), minlength=256)
    return (threshold_otsu(hist=(counts, np.arange(256))) + 1) / 256 * positive.max()


def cut_of(rule: str, percentile: float, positive: np.ndarray) -> np.float32:
    """The threshold in the unit of the map."""
    if rule == "otsu":
        return np.float32(otsu(positive))
    if rule == "percentile":
        return np.float32(np.quantile(positive, percentile, method="inverted_cdf"))
    share = {"paper": 0.2, "gradcam": 0.15}[rule]
    return np.float32(share) * positive.max()


def box_of(slices: tuple[slice, slice]) -> Box:
    """x, y, width, height."""
    rows, columns = slices
    width, height = columns.stop - columns.start, rows.stop - rows.start
    return columns.start, rows.start, width, height


def by_components(
    positive: np.ndarray, cut: np.float32, most: int
) -> tuple[Box, list[tuple[Box, float]]]:
    """The box of the largest component, and those with the largest sums."""
    labels, count = ndimage.label(positive > cut, structure=EIGHT_NEIGHBOURS)
    boxes = [box_of(slices) for slices in ndimage.find_objects(labels)]
    index = np.arange(1, count + 1)
    areas = ndimage.sum_labels(np.ones_like(positive), labels, index)
    sums = ndimage.sum_labels(positive.astype(float), labels, index)
    order = np.argsort(-sums, kind="stable")[:most]
    total = positive.astype(float).sum()
    return boxes[int(np.argmax(areas))], [(boxes[i], sums[i] / total) for i in order]


def mask_of(positive: np.ndarray, level: int) -> np.ndarray:
    """What remains above a level where a mask is thin."""
    mask = np.floor(positive / positive.max() * 255 + 0.5) > level
    if mask.all():
        return mask
    away = ndimage.distance_transform_edt(mask)
    return np.floor(away * (255 / away.max()) + 0.5) > 10


def contours(mask: np.ndarray) -> list[Box]:
    """The boxes of all outer borders and all borders of holes."""
    found = ndimage.find_objects(ndimage.label(mask, structure=EIGHT_NEIGHBOURS)[0])
    boxes = [box_of(slices) for slices in found]
    for slices in ndimage.find_objects(ndimage.label(~mask, FOUR_NEIGHBOURS)[0]):
        x, y, width, height = box_of(slices)
        inside = x > 0 and y > 0
        if inside and x + width < mask.shape[1] and y + height < mask.shape[0]:
            boxes.append((x - 1, y - 1, width + 2, height + 2))
    return boxes


def area(box: Box) -> int:
    """In cells."""
    return box[2] * box[3]


def overlaps(a: Box, b: Box) -> bool:
    """By more than half of the larger one."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0, width) * max(0, height) > max(area(a), area(b)) // 2


def by_authors(positive: np.ndarray) -> list[Box]:
    """What dt_box does, in the order of its output."""
    height, width = positive.shape
    pool = []
    for level in LEVELS:
        for x, y, w, h in contours(mask_of(positive, level)):
            w, h = min(w, width - MARGIN - x), min(h, height - MARGIN - y)
            if w > 0 and h > 0:
                pool.append((x, y, w, h))
    pool.sort(key=area, reverse=True)
    i = 0
    while i < len(pool):
        j = i + 1
        while j < len(pool):
            if overlaps(pool[i], pool[j]):
                del pool[j]
            j += 1  # the one that moved to j is passed over, as there
        i += 1
    return pool


def find(rule: str, percentile: float, most: int, cells: np.ndarray) -> list[str]:
    """The lines of a file that say what is found."""
    positive = np.maximum(cells, 0)
    if rule == "authors":
        boxes = by_authors(positive)[:most]
        total = positive.astype(float).sum()
        listed = [
            (b, positive[b[1] : b[1] + b[3], b[0] : b[0] + b[2]].sum() / total)
            for b in boxes
        ]
        first, threshold = boxes[0], LEVELS[0] / 255
    else:
        cut = cut_of(rule, percentile, positive)
        first, listed = by_components(positive, cut, most)
        threshold = cut / positive.max()
    return [
        f"{threshold:.7g} {len(listed)}",
        " ".join(map(str, first)),
        *(" ".join(map(str, box)) + f" {share:.7g}" for box, share in listed),
    ]


def hills(
    rng: np.random.Generator, height: int, width: int, sigma: float
) -> np.ndarray:
    """Smooth as real maps are."""
    hilly = ndimage.gaussian_filter(rng.normal(0, 1, (height, width)), sigma)
    return hilly / hilly.max() * 20


def ring(height: int, width: int) -> np.ndarray:
    """A hill with a hole in it, and a thin bridge to a second one."""
    y, x = np.indices((height, width))
    first = np.hypot(x - 40, y - 45)
    second = np.hypot(x - 105, y - 45)
    cells = np.where((first < 36) & (first > 9), 8 - first / 12, 0)
    cells = np.maximum(cells, np.where(second < 14, 6 - second / 9, 0))
    return np.maximum(cells, np.where((abs(y - 45) < 2) & (x > 70) & (x < 95), 3, 0))


def cases() -> dict[str, tuple[str, float, int, np.ndarray]]:
    """Rule, percentile, boxes and map."""
    rng = np.random.default_rng(2)
    real = ndimage.zoom(rng.normal(0, 1, (7, 7)), 6, order=1)
    rough = hills(rng, 36, 40, 2)
    return {
        "paper-hills": ("paper", 0, 16, hills(rng, 40, 44, 3)),
        "paper-rough": ("paper", 0, 5, rough),
        "gradcam-cells": ("gradcam", 0, 3, real),
        "otsu-cells": ("otsu", 0, 4, real),
        "otsu-rough": ("otsu", 0, 16, rough),
        "otsu-two-values": ("otsu", 0, 2, np.indices((9, 12)).sum(0) % 5 // 4 * 3.0),
        "percentile-60": ("percentile", 0.6, 4, real),
        "percentile-95": ("percentile", 0.95, 16, rough),
        "authors-hills": ("authors", 0, 16, hills(rng, 60, 70, 6)),
        "authors-ring": ("authors", 0, 16, ring(92, 124)),
    }


def main() -> None:
    """Write one file a case to the folder given."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, (rule, percentile, most, values) in cases().items():
        rows = [" ".join(f"{value:.3g}" for value in row) for row in values]
        # Read back what is written, so that rounding cannot move a cell.
        cells = np.array([row.split() for row in rows], np.float32)
        head = f"{rule} {percentile} {most} {cells.shape[0]} {cells.shape[1]}"
        lines = [head, *find(rule, percentile, most, cells), *rows]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
