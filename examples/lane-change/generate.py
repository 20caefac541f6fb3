#!/usr/bin/env python3
"""Draw views of a camera in the wing mirror, and write down what is true of them.

    build/venv/bin/python examples/lane-change/generate.py OUT [--seed N] [--film]

OUT gets a folder `frames` of JPEGs, and two files that `wherefore eval` reads:
truth.csv, and near.csv with the frames whose vehicle is so near to the end of the zone
that either label would do. With --film, it is one film of a lane change, and its
frames are all of it.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import draw
import numpy as np
import scene as world
from PIL import Image

COLUMNS = ("file", "class", "x0", "y0", "x1", "y1", "sequence", "light", "weather")
QUALITY = 90  # of the JPEGs
# How often a story is told, among twenty.
TURNS = (
    *("free", "passing", "crossing", "blocked", "no lane", "free", "passing"),
    *("unreadable", "blocked", "crossing", "free", "passing", "blocked", "free"),
    *("unreadable", "crossing", "passing", "no lane", "blocked", "free"),
)


@dataclass
class Frame:
    """A frame, and what is true of it."""

    name: str
    scene: world.Scene
    picture: np.ndarray
    truth: world.Truth


def frames_of(scene: world.Scene, name: str, count: int, every: int) -> Iterator[Frame]:
    """The frames of a scene: every so many of those that the camera takes."""
    painter = draw.Painter(scene)
    shaken = world.shifts(scene, count, every)
    for i, t in enumerate(draw.times(count, every)):
        shift = shaken[i]
        truth = world.truth(scene, t, tuple(shift))
        yield Frame(f"{name}-{i:03}.jpg", scene, painter.frame(i, t, shift), truth)


def sequences(
    seed: int,
    count: int,
    frames: int,
    every: int,
    shares: tuple[float, ...] = world.SHARES,
) -> Iterator[Frame]:
    """All frames of so many sequences; a seed makes the same ones always. `shares` of
    the vehicles are of each kind."""
    for number in range(count):
        story = TURNS[number % len(TURNS)]
        long = frames * every / world.RATE
        scene = world.any_scene(seed * 100_000 + number, story, long, shares)
        yield from frames_of(scene, f"{seed}-{number:03}", frames, every)


def film() -> Iterator[Frame]:
    """Sixteen seconds: a van passes, the lane is free, a motorcycle comes and passes,
    the car changes lane, and there is none beyond."""
    scene = world.Scene(
        seed=20, light="day", bend=0.0004, pace=27.0, own=(0.45, 0.08, 0.08), shake=0.3
    )
    scene.vehicles = [
        world.Vehicle("van", 0, 31.0, 9.5, (0.86, 0.86, 0.84), 0.1, 0.4),
        world.Vehicle("motorcycle", 0, 95.0, 11.5, (0.75, 0.1, 0.08), -0.1, 0.9),
        world.Vehicle("car", -1, 24.0, 0.3, (0.15, 0.2, 0.45), 0.05, 0.3),
    ]
    scene.drift = (world.HOME + 1.3, 11.2, 3.2, 0.03)
    return frames_of(scene, "film", 160, 1)


def rows_of(frame: Frame) -> Iterator[list]:
    """A line for each box, or one without a box."""
    about = [frame.name.rsplit("-", 1)[0], frame.scene.light, frame.scene.weather]
    for box in frame.truth.boxes or [("",) * 4]:
        yield [f"frames/{frame.name}", frame.truth.label, *box, *about]


def write(out: Path, frames: Iterator[Frame]) -> int:
    """Writes frames and truth; returns how many frames there are."""
    (out / "frames").mkdir(parents=True, exist_ok=True)
    count = 0
    with (
        (out / "truth.csv").open("w", newline="") as sure,
        (out / "near.csv").open("w", newline="") as near,
    ):
        writers = [csv.writer(file) for file in (sure, near)]
        for writer in writers:
            writer.writerow(COLUMNS)
        for count, frame in enumerate(frames, 1):  # noqa: B007
            Image.fromarray(frame.picture).save(out / "frames" / frame.name, quality=QUALITY)
            writers[frame.truth.near].writerows(rows_of(frame))
    return count


def main() -> None:
    """Writes what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1, help="1 is that of the tests")
    parser.add_argument("--sequences", type=int, default=60)
    parser.add_argument("--frames", type=int, default=20, help="in each sequence")
    parser.add_argument("--every", type=int, default=2, help="one of so many frames")
    parser.add_argument("--film", action="store_true")
    args = parser.parse_args()
    if args.film:
        frames = film()
    else:
        frames = sequences(args.seed, args.sequences, args.frames, args.every)
    print(f"{write(args.out, frames)} frames are in {args.out}")


if __name__ == "__main__":
    main()
