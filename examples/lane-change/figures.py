#!/usr/bin/env python3
"""Print, from the photos.csv of `wherefore eval`, how often each label is right and how
often the peak of its map is where the evidence is.

    build/venv/bin/python examples/lane-change/figures.py build/lane-change/results/photos.csv

Of several files, it prints a line for each, named by its folder, and their mean and the
worst of each column.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

from scene import LABELS

ROW = "| {:<10} | {:>6} | {:>7} | {:>18} | {:>21} |"


def figures(path: Path) -> dict[str, dict[str, float]]:
    """By label, and "all": frames, share that is right, frames with a place of the
    evidence, and share of these whose peak is in it."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            if line["method"] != "cam":
                continue
            places = line["pointing"] != ""
            add = (1, line["rank"] == "1", places, float(line["pointing"] or 0) == 1)
            for label in (LABELS[int(line["class"])], "all"):
                counts[label] = [a + int(b) for a, b in zip(counts[label], add, strict=True)]
    names = ("frames", "right", "placed", "peak")
    return {
        label: dict(zip(names, (n, right / n, placed, hit / placed if placed else 0), strict=True))
        for label, (n, right, placed, hit) in counts.items()
    }


def print_labels(path: Path) -> None:
    """A line for each label."""
    print(ROW.format("", "frames", "right", "frames with place", "peak in the place"))
    print("|---|---:|---:|---:|---:|")
    for label, row in sorted(figures(path).items()):
        print(
            ROW.format(
                label,
                row["frames"],
                f"{row['right']:.1%}",
                row["placed"],
                f"{row['peak']:.1%}",
            )
        )


def print_sets(paths: list[Path]) -> None:
    """A line for each file: what is right, of all and of each label, and the peaks."""
    columns = [("all", "right"), *((label, "right") for label in LABELS)]
    columns += [(label, "peak") for label in LABELS]
    print("| set | " + " | ".join(" ".join(column) for column in columns) + " |")
    print("|---" + "|---:" * len(columns) + "|")
    rows = []
    for path in paths:
        found = figures(path)
        rows.append([found[label][name] for label, name in columns])
    rows += [[sum(of) / len(paths) for of in zip(*rows, strict=True)]]
    rows += [[min(of) for of in zip(*rows[:-1], strict=True)]]
    for name, row in zip([*(path.parent.name for path in paths), "mean", "worst"], rows, strict=True):
        print(f"| {name} | " + " | ".join(f"{share:.1%}" for share in row) + " |")


def main() -> None:
    """Prints a table."""
    paths = [Path(path) for path in sys.argv[1:]]
    if len(paths) == 1:
        print_labels(paths[0])
    else:
        print_sets(paths)


if __name__ == "__main__":
    main()
