"""The Python wheel beside the command line: one photo after another, columns of photos
on two cores, and what an import and the first answer take.

    bench/run wheel [--model FOLDER] [--rounds 7] [--photos 60]

The wheel is that in build/python/venv (`make test-python` makes it). Photos are JPEGs
of 500 x 375, made of static/samples. Both sides take turns, photo by photo or round by
round, and ratios are those of medians.

- one after another: `explain` of bytes and to_dict, and `wherefore cam --jsonl -`, which
  is asked a line and answers it; both compute with a thread for each core.
- columns: `explain_batch`, and as many `wherefore cam --jsonl - --threads 1` beside each
  other as there are cores, each with its share of the photos, all of which have answered
  a first photo before.
- start: a new Python each time; an import, then open, explain and to_dict.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import wherefore
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
CORES = len(os.sched_getaffinity(0))
GOALS = {
    "explain of bytes / the command's time a photo": ("<=", 1.05),
    "explain_batch / the commands' photos a second": (">=", 0.95),
    "import wherefore, ms": ("<=", 60),
    "from there to the first answer, ms": ("<=", 300),
}
START = """
import sys, time
begun = time.perf_counter()
import wherefore
imported = time.perf_counter()
model = wherefore.open(sys.argv[1])
model.explain(open(sys.argv[2], "rb").read()).to_dict()
print(imported - begun, time.perf_counter() - imported)
"""


def write_photos(folder: Path) -> list[Path]:
    """A JPEG of 500 x 375 of each sample."""
    photos = []
    for sample in sorted((ROOT / "static/samples").glob("*.[pj][np]g")):
        file = io.BytesIO()
        image = Image.open(sample).convert("RGB").resize((500, 375))
        image.save(file, "JPEG", quality=90)
        photos.append(folder / f"{sample.stem}.jpg")
        photos[-1].write_bytes(file.getvalue())
    return photos


class Command:
    """`wherefore cam --jsonl -`, which answers lines."""

    def __init__(self, model: str, *options: str) -> None:
        self.process = subprocess.Popen(
            [
                ROOT / "build/wherefore",
                "cam",
                "--model",
                model,
                "--jsonl",
                "-",
                *options,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, photos: list[Path]) -> list[bytes]:
        """An answer for each photo; lines are written while answers are read."""

        def write() -> None:
            for photo in photos:
                self.process.stdin.write(b"%s\n" % bytes(photo))
            self.process.stdin.flush()

        if len(photos) == 1:
            write()
            return [self.process.stdout.readline()]
        writer = threading.Thread(target=write)
        writer.start()
        answers = [self.process.stdout.readline() for _ in photos]
        writer.join()
        return answers

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def same(reply: dict, line: bytes) -> None:
    """A fast answer that is another answer is none."""
    expected = json.loads(line)
    for name in ("classes", "map", "box"):
        assert reply[name] == expected[name], (reply[name], expected[name])


def one_by_one(model: wherefore.Model, photos: list[Path], rounds: int) -> list[float]:
    """Median milliseconds of a photo: the wheel's, the command's."""
    command = Command(str(model.folder))
    files = {photo: photo.read_bytes() for photo in photos}
    for photo in photos:
        same(model.explain(files[photo]).to_dict(), command.ask([photo])[0])
    times: list[list[float]] = [[], []]
    for i in range(rounds * 20):
        photo = photos[i % len(photos)]
        turns = [
            lambda photo=photo: model.explain(files[photo]).to_dict(),
            lambda photo=photo: json.loads(command.ask([photo])[0]),
        ]
        for turn in (0, 1) if i // len(photos) % 2 else (1, 0):
            begun = time.perf_counter()
            turns[turn]()
            times[turn].append(1000 * (time.perf_counter() - begun))
    command.end()
    return [statistics.median(each) for each in times]


def columns(
    model: wherefore.Model, photos: list[Path], rounds: int, count: int
) -> list[float]:
    """Median photos a second: the wheel's, the commands'."""
    import pyarrow as pa

    many = [photos[i % len(photos)] for i in range(count)]
    column = pa.array([photo.read_bytes() for photo in many], pa.binary())
    commands = [Command(str(model.folder), "--threads", "1") for _ in range(CORES)]
    for command in commands:
        command.ask(many[:1])

    def ask_all() -> None:
        askers = [
            threading.Thread(target=command.ask, args=(many[i::CORES],))
            for i, command in enumerate(commands)
        ]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()

    rates: list[list[float]] = [[], []]
    turns = [lambda: model.explain_batch(column, threads=CORES), ask_all]
    for i in range(rounds + 1):
        for turn in (0, 1) if i % 2 else (1, 0):
            begun = time.perf_counter()
            turns[turn]()
            if i > 0:  # the first round warms up
                rates[turn].append(count / (time.perf_counter() - begun))
    for command in commands:
        command.end()
    return [statistics.median(each) for each in rates]


def start(model: str, photo: Path, rounds: int) -> tuple[float, float]:
    """Median milliseconds of an import, and from there to the first answer."""
    found = []
    for _ in range(rounds):
        said = subprocess.check_output([sys.executable, "-c", START, model, photo])
        found.append([1000 * float(word) for word in said.split()])
    imports, answers = zip(*found, strict=True)
    return statistics.median(imports), statistics.median(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description="The Python wheel measured.")
    parser.add_argument("--model", default=str(ROOT / "models/efficientnet-lite0"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--photos", type=int, default=60, help="of a column")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        photos = write_photos(Path(folder))
        model = wherefore.open(options.model)
        mine, theirs = one_by_one(model, photos, options.rounds)
        print(f"one after another: {mine:.2f} ms, the command {theirs:.2f} ms")
        rate, rates = columns(model, photos, options.rounds, options.photos)
        print(f"columns: {rate:.1f} photos a second, the commands {rates:.1f}")
        found = [
            mine / theirs,
            rate / rates,
            *start(options.model, photos[0], 3 * options.rounds),
        ]
    print(f"\n{CORES} cores, load before {load:.1f}\n")
    for (what, (sign, goal)), value in zip(GOALS.items(), found, strict=True):
        met = value <= goal if sign == "<=" else value >= goal
        print(f"{what:48} {sign} {goal:<6} {value:8.3f}  {'met' if met else 'not met'}")


if __name__ == "__main__":
    main()
