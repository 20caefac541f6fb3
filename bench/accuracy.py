#!/usr/bin/env python3
"""Compare what two precisions of wherefore say about photos.

    bench/accuracy.py --model models/efficientnet-lite0 \\
        --classes FOLDER/truth.csv --boxes FOLDER/truth.csv

The photos lie beside a truth.csv, or in images/ there. One of classes has the
columns file and imagenet_index; one of boxes has file and imagenet_ids, the
indices that count as right, separated by ";". A photo may have several lines
there: it counts once. Both are optional; the plain photos after the options
are compared only.

Each photo is asked for its best class and box in both precisions, and, with
--against, in both of two programs. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
from pathlib import Path

Photos = dict[Path, set[int]]


def read_truth(path: Path, column: str) -> Photos:
    """The photos that a truth.csv names, and the classes that are right."""
    photos: Photos = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            photo = path.parent / row["file"]
            if not photo.exists():
                photo = path.parent / "images" / row["file"]
            right = {int(index) for index in row[column].split(";") if index}
            photos.setdefault(photo, set()).update(right)
    return photos


def ask(program: str, model: str, precision: str, photos: Photos) -> list[dict]:
    """What the program says about each photo."""
    command = [program, "cam", "--model", model, "--precision", precision]
    command += ["--top", "5", "--threads", "1", *map(str, photos)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    if len(photos) == 1:
        return [json.loads(answer.stdout)]
    return [json.loads(line) for line in answer.stdout.splitlines()]


def overlap(a: dict | None, b: dict | None) -> float:
    """Intersection over union of two boxes."""
    if not a or not b:
        return float(a is b)
    width = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
    height = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
    both = max(width, 0) * max(height, 0)
    area = a["width"] * a["height"] + b["width"] * b["height"]
    return both / (area - both)


def share(flags: list[bool]) -> str:
    """As a percentage with one digit."""
    return f"{100 * sum(flags) / len(flags):.1f} %"


def logits(answer: dict) -> dict[int, float]:
    """By class."""
    return {found["index"]: found["logit"] for found in answer["classes"]}


def compare(name: str, photos: Photos, ours: list[dict], theirs: list[dict]) -> None:
    """Print how one set of photos fares."""
    right = [
        ([a["class"] in truth, b["class"] in truth])
        for truth, a, b in zip(photos.values(), ours, theirs, strict=True)
        if truth
    ]
    pairs = list(zip(ours, theirs, strict=True))
    same = [(a, b) for a, b in pairs if a["class"] == b["class"]]
    boxes = [overlap(a.get("box"), b.get("box")) for a, b in same]
    apart = [
        abs(logits(a)[index] - logits(b)[index])
        for a, b in pairs
        for index in logits(a).keys() & logits(b).keys()
    ]
    proofs = [
        abs(answer["map"]["mean_plus_bias"] - logits(answer)[answer["class"]])
        for answer in theirs
        if "map" in answer
    ]
    print(f"{name}: {len(photos)} photos")
    if right:
        print(f"  first class right  {share([a for a, _ in right])} and "
              f"{share([b for _, b in right])}")
    print(f"  same first class   {share([a['class'] == b['class'] for a, b in pairs])}")
    print(f"  boxes of that      mean IoU {statistics.mean(boxes):.4f}, "
          f"least {min(boxes):.3f}")
    print(f"  logits apart       mean {statistics.mean(apart):.4f}, "
          f"most {max(apart):.3f}")
    print(f"  proof              off by at most {max(proofs):.1e}")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", default="build/wherefore")
    parser.add_argument("--against", help="a second program (default: the same)")
    parser.add_argument("--model", default="models/efficientnet-lite0")
    parser.add_argument("--precisions", default="fp32,int8")
    parser.add_argument("--classes", type=Path)
    parser.add_argument("--boxes", type=Path)
    parser.add_argument("photos", nargs="*", type=Path)
    args = parser.parse_args()
    sets = {"photos": {path: set() for path in args.photos}}
    if args.classes:
        sets["classes"] = read_truth(args.classes, "imagenet_index")
    if args.boxes:
        sets["boxes"] = read_truth(args.boxes, "imagenet_ids")
    first, second = args.precisions.split(",")
    print(f"{args.model}: {first} and {second}")
    for name, photos in sets.items():
        if photos:
            ours = ask(args.program, args.model, first, photos)
            program = args.against or args.program
            compare(name, photos, ours, ask(program, args.model, second, photos))
    return 0


if __name__ == "__main__":
    sys.exit(main())
